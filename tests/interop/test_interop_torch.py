"""Model.from_torch and to_torch: the same outputs as torch's own modules."""

from __future__ import annotations

import io

import numpy as np
import pytest
from namespaces import require
from refusals import refused

import dnn_xp
from dnn_xp import Model
from dnn_xp.formulas import ACTIVATIONS
from dnn_xp.interop.torch import torch_packages

torch = require("torch", lambda: __import__("torch"))
nn = torch.nn
own = torch_packages()[1]
M = 70
TOLERANCE = {"float32": 2e-6, "float64": 1e-12}


@pytest.fixture(name="X")
def features(rng):
    return rng.standard_normal((M, 4)) * [1, 5, 1, 1] + [300, 0, -1, 0]


def targets(kind, X):
    return {
        "binary": np.where(X[:, 0] > 300, "yes", "no"),
        "multiclass": np.asarray(["ant", "bee", "cow"])[(X[:, 0] > 300) * 1 + (X[:, 1] > 0)],
        "multilabel": np.stack([X[:, 0] > 300, X[:, 1] > 0], axis=1).astype(int),
        "regression": 1000 * X[:, 0] + X[:, 1],
    }[kind]


def computed(module, X):
    with torch.no_grad():
        return module(torch.from_numpy(X)).numpy()


def answers(model, X):
    if model.kind == "regression":
        return model.predict(X, examples="rows").reshape(len(X), -1)
    return model.predict_proba(X, examples="rows")


def close(actual, expected, dtype):
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype == dtype
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
def test_torch_there_and_back(kind, dtype, X):
    X = X.astype(dtype)
    given = {"examples": "rows", "hidden": [6, 5], "iterations": 30, "dtype": dtype}
    model = dnn_xp.train(X, targets(kind, X), **given)
    state = torch.get_rng_state()
    module = model.to_torch()
    assert torch.equal(torch.get_rng_state(), state)
    close(computed(module, X), answers(model, X), dtype)
    assert not module.training
    again = Model.from_torch(module, classes=model.classes)
    assert again.kind == kind
    close(answers(again, X), answers(model, X), dtype)
    if kind != "regression":
        assert np.array_equal(again.predict(X, examples="rows"), model.predict(X, examples="rows"))
        logits = model.to_torch(logits=True)
        close(computed(logits, X), model.decision_function(X, examples="rows"), dtype)
        again = Model.from_torch(logits, kind=kind, classes=model.classes)
        close(answers(again, X), answers(model, X), dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", [each for each in ACTIVATIONS if each != "softmax"])
def test_torch_has_every_activation(name, dtype, X):
    X = (X - [300, 0, 0, 0]).astype(dtype)
    given = {"examples": "rows", "hidden": [6], "iterations": 1, "activation": name, "dtype": dtype}
    how = {"standardize": False, "standardize_targets": False}
    model = dnn_xp.train(X, X[:, 0], **given, **how)
    module = model.to_torch()
    close(computed(module, X), answers(model, X), dtype)
    again = Model.from_torch(module)
    assert again.activations == model.activations
    assert np.array_equal(answers(again, X), answers(model, X))


PUT_IN = {
    "mixes": {
        "parametric_activation": True,
        "activation": ("selu", "identity"),
        "parametric_rate": 3.0,
    },
    "clamp": {"clamp_outputs": True},
    "all": {
        "parametric_activation": True,
        "clamp_outputs": True,
        "standardize_by": "quantiles",
        "activation": "mish",
    },
}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("how", PUT_IN.values(), ids=PUT_IN)
def test_what_torch_lacks_comes_back(how, dtype, X):
    X = X.astype(dtype)
    Y = np.stack([1000 * X[:, 0] + X[:, 1], X[:, 2] ** 2], axis=1)
    given = {"examples": "rows", "hidden": [6, 5], "iterations": 30, "dtype": dtype}
    model = dnn_xp.train(X, Y, **given, **how)
    again = Model.from_torch(model.to_torch())
    # Among them are examples whose outputs are clamped.
    far = np.concatenate([X, 300 + 20 * (X - 300)])
    close(answers(again, far), answers(model, far), dtype)
    assert again.activations == model.activations
    assert len(again.mixes) == len(model.mixes)
    for mine, theirs in zip(again.mixes, model.mixes, strict=True):
        assert np.array_equal(mine, theirs)
    assert (again.target_range is None) == (model.target_range is None)
    if model.target_range is not None:
        np.testing.assert_allclose(again.target_range, model.target_range, rtol=1e-6)
        assert np.ptp(answers(again, far)[:, 0]) <= np.ptp(Y[:, 0]) * (1 + 1e-6)
    twice = Model.from_torch(again.to_torch())
    assert np.array_equal(answers(twice, far), answers(again, far))


def test_a_layer_that_is_not_mixed_has_a_one():
    mixed = own.Mixed(nn.Tanh(), torch.tensor([0.5, 2.0, 0.0]))
    module = nn.Sequential(nn.Linear(4, 3), mixed, nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    model = Model.from_torch(module)
    assert [np.asarray(a).ravel().tolist() for a in model.mixes] == [[0.5, 2.0, 0.0], [1.0, 1.0]]
    X = np.random.default_rng(0).standard_normal((9, 4)).astype("float32")
    close(answers(model, X), computed(module, X), "float32")


def test_a_torch_module_as_a_model(X):
    X = X.astype("float32") / 100
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(4, 6, bias=False), nn.LeakyReLU(0.01), nn.Dropout(0.5))
    module = nn.Sequential(nn.Flatten(), inner, nn.Linear(6, 5), nn.Linear(5, 3), nn.Softmax(-1))
    model = Model.from_torch(module)
    assert model.activations == ("leaky_relu", "identity", "softmax")
    assert model.classes.tolist() == [0, 1, 2]
    close(answers(model, X), computed(module.eval(), X), "float32")
    # Training goes on with the module; the model does not change.
    before = model.theta.copy()
    with torch.no_grad():
        inner[0].weight.add_(1.0)
    assert np.array_equal(model.theta, before)


def test_torch_half_precision_is_read_as_float32():
    module = nn.Sequential(nn.Linear(4, 1)).bfloat16()
    model = Model.from_torch(module)
    assert model.dtype == "float32"
    assert np.array_equal(model.parameters[0][0], module[0].weight.detach().float().numpy())


def test_torch_saves_what_comes_out(X):
    X = X.astype("float32")
    model = dnn_xp.train(X, X[:, 0], examples="rows", hidden=[3], iterations=5, cost="poisson")
    file = io.BytesIO()
    torch.save(model.to_torch(), file)
    file.seek(0)
    again = torch.load(file, weights_only=False)
    assert np.array_equal(computed(again, X), computed(model.to_torch(), X))


def test_torch_trains_what_comes_out(X):
    given = {"examples": "rows", "hidden": [6], "iterations": 5, "dtype": "float32"}
    X = X.astype("float32")
    model = dnn_xp.train(X, X[:, 0] > 300, **given)
    module = model.to_torch(logits=True).train()
    # Mean and scale are buffers.
    assert sum(each.numel() for each in module.parameters()) == len(model.theta)
    Y = torch.from_numpy((X[:, :1] > 300).astype("float32"))
    # torch.optim takes seconds to import.
    for _ in range(20):
        cost = nn.functional.binary_cross_entropy_with_logits(module(torch.from_numpy(X)), Y)
        gradients = torch.autograd.grad(cost, list(module.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(module.parameters(), gradients, strict=True):
                parameter -= 0.5 * gradient
    trained = Model.from_torch(module, kind="binary", classes=[False, True])
    before, after = (
        each.evaluate(X, X[:, 0] > 300, examples="rows").cost for each in (model, trained)
    )
    assert after < before


REFUSED = {
    "no module": (3, "3 | a torch.nn.Sequential ..."),
    "a convolution": (
        [nn.Linear(4, 3), nn.Conv1d(1, 1, 1)],
        "Conv1d(...) | made of Linear, ReLU, ...",
    ),
    "no layer": ([nn.Dropout()], "... | a Sequential with a Linear layer"),
    "two activations": (
        [nn.Linear(4, 3), nn.ReLU(), nn.Tanh()],
        "Tanh() where a Linear layer begins | Linear layers, each with at most one activation",
    ),
    "the exact gelu": (
        [nn.Linear(4, 3), nn.GELU()],
        "GELU(approximate='none') | a GELU with approximate='tanh', as 'gelu' is defined here",
    ),
    "another slope": (
        [nn.Linear(4, 3), nn.LeakyReLU(0.2)],
        "... | a LeakyReLU with negative_slope=0.01, as 'leaky_relu' is defined here",
    ),
    "a mix of outputs": (
        [nn.Linear(4, 3), own.Mixed(nn.ReLU(), torch.ones(3))],
        "a Mixed behind the last Linear layer | a hidden one",
    ),
    "a mix of other units": (
        [nn.Linear(4, 3), own.Mixed(nn.ReLU(), torch.ones(2)), nn.Linear(3, 1)],
        "a Mixed whose a has the shape (2,) behind 3 units | an a for each unit",
    ),
    "a clamp of classes": (
        [nn.Linear(4, 1), nn.Sigmoid(), own.Clamp(torch.zeros(1), torch.ones(1))],
        "a Clamp behind sigmoid outputs of kind 'binary' | one behind the values of a regression",
    ),
    "a clamp of other outputs": (
        [nn.Linear(4, 1), own.Clamp(torch.zeros(2), torch.ones(2))],
        "a Clamp of 2 and 2 bounds behind 1 outputs | bounds for each output",
    ),
    "a clamp inside": (
        [nn.Linear(4, 1), own.Clamp(torch.zeros(1), torch.ones(1)), nn.Linear(1, 1)],
        "Linear(...) behind a Clamp | a Clamp at the end",
    ),
    "widths": (
        [nn.Linear(4, 3), nn.Linear(2, 1)],
        "layer 1 of 3 units before one of 2 inputs | layers that fit together",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_torch_modules_are_refused(case):
    given, parts = REFUSED[case]
    with refused((TypeError, ValueError), f"module | {parts}"):
        Model.from_torch(nn.Sequential(*given) if isinstance(given, list) else given)


def test_torch_kinds_and_classes_that_do_not_fit_are_refused():
    module = nn.Sequential(nn.Linear(4, 3))
    with refused(ValueError, "module | 3 outputs with kind='binary' | one output | pass ..."):
        Model.from_torch(module, kind="binary")
    with refused(ValueError, "kind | 'classes' | one of ..."):
        Model.from_torch(module, kind="classes")
    with refused(
        ValueError, "classes | a list of length 3 with outputs of kind 'regression' | ..."
    ):
        Model.from_torch(module, classes=["a", "b", "c"])
    with refused(ValueError, "classes | ... of shape (2,) and ... | 3 labels, one for each class"):
        Model.from_torch(module, kind="multiclass", classes=["a", "b"])
    ends = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid())
    got = "a network that ends in sigmoid with kind='multiclass'"
    said = f"module | {got} | one that ends in softmax or in a Linear layer"
    with refused(ValueError, said):
        Model.from_torch(ends, kind="multiclass")


def test_torch_gets_no_tables_of_text(X):
    pd = require("pandas", lambda: __import__("pandas"))
    frame = pd.DataFrame({"a": X[:, 0], "town": ["Ulm", "Bonn"] * (M // 2)})
    model = dnn_xp.train(frame, X[:, 0] > 300, hidden=[3], iterations=5)
    said = "model | one of a table with the columns 'a', 'town' | ... | use to_onnx, ..."
    with refused(ValueError, said):
        model.to_torch()
    with refused(TypeError, "logits | 1 | True or False"):
        model.to_torch(logits=1)


def test_torch_gets_no_ensembles(X):
    model = dnn_xp.train(X, X[0] > 0, hidden=[3], iterations=5, ensemble=3)
    with refused(ValueError, "model | an ensemble of 3 networks | a single network | ..."):
        model.to_torch()
