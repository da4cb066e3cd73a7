"""Networks with embeddings: the same as one-hot features, on every library; derivatives, bits, files."""

from __future__ import annotations

import dataclasses
import json
import pickle

import numpy as np
import pytest
from namespaces import require, usable
from objectives import assert_cost_and_gradient
from safetensors import safe_open
from safetensors.numpy import save_file

pd = pytest.importorskip("pandas")

import dnn_xp  # noqa: E402
from dnn_xp.backends.choice import backend_named  # noqa: E402
from dnn_xp.data.sources.base import ArraySource  # noqa: E402
from dnn_xp.execution.examples import Examples  # noqa: E402
from dnn_xp.execution.objective import Objective  # noqa: E402
from dnn_xp.formulas import ACTIVATIONS, COSTS  # noqa: E402
from dnn_xp.formulas.embeddings import Embedding  # noqa: E402
from dnn_xp.formulas.network import Network  # noqa: E402
from dnn_xp.training.state import State  # noqa: E402

M, K = 2600, 130
RNG = np.random.default_rng(0)
CODES = np.tile(np.arange(K), M // K)
EFFECTS = RNG.standard_normal(K)
FRAME = pd.DataFrame(
    {
        "plane": np.asarray([f"N{code:03d}" for code in CODES]),
        "wind": RNG.standard_normal(M),
        "carrier": RNG.choice(["AA", "UA"], M),
    }
)
DELAY = 20 + 5 * EFFECTS[CODES] + FRAME["wind"].to_numpy() + 0.1 * RNG.standard_normal(M)
SMALL = {"hidden": [8], "iterations": 20}

EMBEDDED = Network(
    (2 + 3 + 2, 6, 1),
    (ACTIVATIONS["tanh"], ACTIVATIONS["identity"]),
    COSTS["squared_error"],
    embeddings=(Embedding(11, 3), Embedding(5, 2)),
)
X = np.concatenate(
    [RNG.standard_normal((2, 90)), RNG.integers(0, 11, (1, 90)), RNG.integers(0, 5, (1, 90))]
)
Y = RNG.standard_normal((1, 90))
THETA = 0.5 * RNG.standard_normal(EMBEDDED.parameter_count)


def by_hand():
    """J and its gradient from one-hot columns and products alone, written by hand for two layers."""
    W1, b1, W2, b2, E1, E2 = (
        part.reshape(shape)
        for part, shape in zip(
            np.split(THETA, np.cumsum([42, 6, 6, 1, 33])),
            [(6, 7), (6, 1), (1, 6), (1, 1), (3, 11), (2, 5)],
            strict=True,
        )
    )
    O1, O2 = (np.eye(k)[codes.astype(int)].T for k, codes in ((11, X[2]), (5, X[3])))
    A0 = np.concatenate([X[:2], E1 @ O1, E2 @ O2])
    A1 = np.tanh(W1 @ A0 + b1)
    m, residual = 90, W2 @ A1 + b2 - Y
    dZ1 = (W2.T @ residual) * (1 - A1**2)
    dA0 = W1.T @ dZ1
    parts = [
        dZ1 @ A0.T,
        dZ1.sum(1),
        residual @ A1.T,
        residual.sum(1),
        dA0[2:5] @ O1.T,
        dA0[5:] @ O2.T,
    ]
    weights = np.concatenate([np.full(W1.size, 1.0), np.zeros(6), np.ones(6), [0.0], np.ones(43)])
    J = (residual**2).sum() / (2 * m) + 0.3 / (2 * m) * (weights * THETA**2).sum()
    return J, np.concatenate([part.ravel() for part in parts]) / m + 0.3 / m * weights * THETA


@pytest.mark.parametrize("library", ["numpy", "array_api_strict", "torch", "jax", "cupy"])
@pytest.mark.parametrize("block", [90, 17])
def test_cost_and_gradient_are_those_of_one_hot_columns(library, block):
    assert_cost_and_gradient(EMBEDDED, library, block, (X, Y, THETA), by_hand(), rtol=1e-11)


def test_codes_outlive_a_compute_dtype_that_is_too_narrow_for_them():
    require("torch", lambda: usable("torch"))
    backend = backend_named("torch")
    network = EMBEDDED._replace(sizes=(3, 4, 1), embeddings=(Embedding(600, 3),))
    codes = np.asarray([[598.0, 599.0, 257.0]], dtype=np.float32)
    theta = np.random.default_rng(3).standard_normal(network.parameter_count)
    found = [
        Objective(network, backend, dtype="float32", block_size=lambda m: 3, precision=precision)
        .cost_and_gradient(
            backend.from_host(theta.astype(np.float32)),
            Examples(
                *(ArraySource(backend.from_host(each)) for each in (codes, codes / 600)), None
            ),
        )[1]
        .numpy()
        for precision in ("", "bfloat16")
    ]
    touched = [np.flatnonzero(each[-1800:].reshape(3, 600).any(axis=0)) for each in found]
    assert touched[0].tolist() == touched[1].tolist() == [257, 598, 599]


def test_gradient_check_by_finite_differences():
    for how in ({}, {"cost": "huber", "l1": 0.1, "keep_prob": 0.7}):
        check = dnn_xp.gradient_check(FRAME, DELAY, hidden=[5], max_entries=300, **how)
        assert check.parameters[-1].name == "E1"
        assert check.parameters[-1].shape == (24, K + 2)
        assert check.relative_difference < 1e-7


def test_it_learns_what_one_hot_features_above_the_bound_cannot():
    model = dnn_xp.train(FRAME, DELAY, hidden=[16])
    assert model.embeddings["plane"].shape == (24, K + 2)
    assert model.sizes == (1 + 2 + 24, 16, 1)
    assert model.evaluate(FRAME, DELAY).r2 > 0.98
    assert "plane: 130 categories, 24 dimensions" in model.settings["table"]
    without = dnn_xp.train(FRAME, DELAY, hidden=[16], embedding=0)
    assert without.embeddings == {}
    assert without.sizes[0] == 1 + 2 + 129
    assert dnn_xp.train(FRAME, DELAY, embedding=2, **SMALL).embeddings["plane"].shape == (2, 132)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"optimizer": "lbfgs"},
        {"batch_size": 64, "iterations": None, "epochs": 2, "clip_norm": 1.0},
        {"keep_prob": 0.8, "dtype": "float32"},
    ],
    ids=["full", "lbfgs", "batches", "dropout"],
)
def test_bits_are_the_same_for_threads_and_kinds_of_tables(how, tmp_path):
    how = SMALL | {"block_size": 100, "iterations": 5} | how
    one, two = (dnn_xp.train(FRAME, DELAY, threads=threads, **how) for threads in (1, 2))
    assert one.theta.tobytes() == two.theta.tobytes()
    columns = dnn_xp.train(FRAME, DELAY, layout="columns", **how)
    assert one.theta.tobytes() == columns.theta.tobytes()
    pytest.importorskip("pyarrow")
    FRAME.to_parquet(tmp_path / "t.parquet", row_group_size=700)
    from_file = dnn_xp.train(tmp_path / "t.parquet", DELAY, **how)
    if "batch_size" not in how:
        assert one.theta.tobytes() == from_file.theta.tobytes()
    np.testing.assert_allclose(from_file.theta, one.theta, rtol=0, atol=0.2)


def test_a_state_goes_on_with_the_same_bits():
    from dnn_xp.training.arguments import TrainArguments
    from dnn_xp.training.descent import advance
    from dnn_xp.training.train import begin, placed

    begun = begin(TrainArguments(FRAME, DELAY, hidden=[4], iterations=6))
    with placed(begun) as (data, state):
        whole = advance(begun.run, data, state, 6)
        backend = begun.run.backend
        half = advance(begun.run, data, state, 3).to_bytes(backend)
        half = State.from_bytes(half, backend)
        assert advance(begun.run, data, half, 6).theta.tobytes() == whole.theta.tobytes()


def test_saved_pickled_and_started_warm(tmp_path):
    model = dnn_xp.train(FRAME, DELAY, **SMALL)
    model.save(tmp_path / "model")
    again = dnn_xp.load(tmp_path / "model")
    assert again.theta.tobytes() == model.theta.tobytes()
    for other in (again, pickle.loads(pickle.dumps(model))):
        assert (other.predict(FRAME[::-1]) == model.predict(FRAME)[::-1]).all()
    on = dnn_xp.train(FRAME, DELAY, warm_start=again, iterations=20)
    assert on.evaluate(FRAME, DELAY).cost < model.evaluate(FRAME, DELAY).cost
    assert [each.shape for each in on.embeddings.values()] == [(24, K + 2)]
    for library in ("torch", "jax"):
        require(library, lambda name=library: usable(name))
        there = again.to(library)
        np.testing.assert_allclose(there.predict(FRAME), model.predict(FRAME), rtol=1e-9)


def test_a_file_whose_embedding_has_another_shape_is_refused(tmp_path):
    dnn_xp.train(FRAME, DELAY, **SMALL).save(tmp_path / "model")
    with safe_open(tmp_path / "model", framework="numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    description = json.loads(metadata["model"])
    metadata = {"format": "dnn_xp model 1", "model": json.dumps(description)}
    save_file(tensors | {"E1": tensors["E1"][:, :-1].copy()}, tmp_path / "narrow", metadata)
    with pytest.raises(ValueError, match=r"E1 must be of shape \(24, 132\)"):
        dnn_xp.load(tmp_path / "narrow")
    for dimension in (0, 3, "3", 10**12):
        description["encoder"]["columns"][0]["dimension"] = dimension
        metadata["model"] = json.dumps(description)
        save_file(tensors, tmp_path / "other", metadata)
        with pytest.raises(ValueError, match="the encoding of a table"):
            dnn_xp.load(tmp_path / "other")


def test_the_plan_counts_embeddings_and_takes_the_same_network():
    # Classes, since a plan counts Y as these.
    model = dnn_xp.train(FRAME, DELAY > 20.0, embedding=40, **SMALL)
    planned = dnn_xp.plan(FRAME, embedding=40, **SMALL)
    assert str(planned) == model.settings["plan"]
    few = dnn_xp.plan(FRAME, embedding=2, **SMALL)
    # theta, its gradients and the optimizer's state.
    assert planned.parameter_bytes - few.parameter_bytes >= 8 * 5 * 38 * (K + 2)


def test_counts_start_at_their_mean():
    counts = RNG.poisson(30.0, M)
    model = dnn_xp.train(FRAME, counts, cost="poisson", iterations=0, hidden=[4])
    assert model.predict(FRAME).mean() == pytest.approx(30.0, rel=0.3)
    assert float(model.parameters[-1][1][0, 0]) == pytest.approx(np.log(counts.mean()))


def test_the_summary_shows_them(capsys):
    model = dnn_xp.train(FRAME, DELAY, **SMALL)
    model.summary()
    said = capsys.readouterr().out
    assert "plane (24, 132)" in said
    assert f"{model.network.parameter_count:,} parameters" in said
    assert model.network.parameter_count == model.theta.size
    assert dataclasses.replace(model).embeddings["plane"].shape == (24, 132)


def test_embeddings_are_penalized_where_l2_is_left_out_and_as_told_where_it_is_given():
    how = {"hidden": [3], "iterations": 1, "optimizer": "gradient_descent", "learning_rate": 1.0}
    free, given, left_out = (
        dnn_xp.train(FRAME, DELAY, **how, **l2) for l2 in ({"l2": 0.0}, {"l2": 5.0}, {})
    )
    start = dnn_xp.train(FRAME, DELAY, **how | {"iterations": 0})
    pull = -5.0 / M * start.embeddings["plane"]
    for model in (given, left_out):
        moved = model.embeddings["plane"] - free.embeddings["plane"]
        np.testing.assert_allclose(moved, pull, rtol=1e-9, atol=1e-15)
    assert left_out.parameters[0][0].tobytes() == free.parameters[0][0].tobytes()
    assert "l2=5 on the embeddings" in left_out.settings["chosen"]
    check = dnn_xp.gradient_check(FRAME, DELAY, hidden=[2], max_entries=200)
    assert check.relative_difference < 1e-7


def test_a_training_that_diverges_says_so():
    with pytest.raises(dnn_xp.DivergenceError, match="layer"):
        dnn_xp.train(FRAME, DELAY, optimizer="gradient_descent", learning_rate=1e9, iterations=50)


def test_features_are_named_as_the_first_layer_gets_them():
    from dnn_xp.plots.answers import features_of

    names = features_of(dnn_xp.train(FRAME, DELAY, embedding=2, **SMALL))
    assert names[0] == "wind"
    assert names[-2:] == ("plane[0]", "plane[1]")
    assert len(names) == 1 + 2 + 2


def test_activations_are_drawn():
    pytest.importorskip("matplotlib")
    from dnn_xp.plots.layers import _outputs_of_layers

    model = dnn_xp.train(FRAME, DELAY, **SMALL)
    found = _outputs_of_layers(model, FRAME, None)
    assert [len(each) for each in found] == [8, 1]
