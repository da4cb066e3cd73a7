"""Networks that encode numbers: on every library, of arrays, tables and files; bits, files, exports."""

from __future__ import annotations

import json
import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
from namespaces import require, usable
from objectives import assert_cost_and_gradient
from refusals import refused
from safetensors import safe_open
from safetensors.numpy import save_file

pd = pytest.importorskip("pandas")

import dnn_xp  # noqa: E402
from dnn_xp.data.host import to_host  # noqa: E402
from dnn_xp.data.quantiles import Binned, bin_edges, quantiles, sample_of  # noqa: E402
from dnn_xp.data.sources.base import ArraySource  # noqa: E402
from dnn_xp.formulas import ACTIVATIONS, COSTS, NumberEncoding  # noqa: E402
from dnn_xp.formulas.embeddings import Embedding  # noqa: E402
from dnn_xp.formulas.network import Network  # noqa: E402
from dnn_xp.training.state import State  # noqa: E402

M, K = 2600, 130
RNG = np.random.default_rng(0)
CODES = np.tile(np.arange(K), M // K)
FRAME = pd.DataFrame(
    {
        "wind": RNG.standard_t(2, M),
        "carrier": RNG.choice(["AA", "UA"], M),
        "gust": np.where(RNG.random(M) < 0.1, np.nan, RNG.standard_normal(M)),
        "plane": np.asarray([f"N{code:03d}" for code in CODES]),
        "hour": RNG.integers(0, 24, M).astype(np.int16),
    }
)
DELAY = (
    np.sin(2 * FRAME["wind"].clip(-3, 3).to_numpy())
    + 0.02 * CODES
    + (FRAME["hour"] == 8).to_numpy()
    + 0.1 * RNG.standard_normal(M)
)
NUMBERS = FRAME[["wind", "hour"]].to_numpy().T.copy()
KINDS = ("periodic", "piecewise")
SMALL = {"hidden": [8], "iterations": 20, "bins": 6, "embedding": 3}
TABLE = SMALL | {"missing": "indicator"}
# Rows of numbers: wind, and behind two one-hot ones gust, before its indicator, and hour.
ROWS = ((0, 1), (3, 4), (5, 6))

BOTH = Network(
    (3 + 3 + 6, 6, 1),
    (ACTIVATIONS["tanh"], ACTIVATIONS["identity"]),
    COSTS["squared_error"],
    embeddings=(Embedding(11, 3),),
    number_encoding=NumberEncoding("periodic", ((0, 1), (2, 3)), 3, 4),
    scaling_layer=True,
)
X = np.concatenate([RNG.standard_normal((3, 90)), RNG.integers(0, 11, (1, 90))])
Y = RNG.standard_normal((1, 90))
THETA = 0.5 * RNG.standard_normal(BOTH.parameter_count)


def by_torch():
    """J and its gradient of the network BOTH, from matrices alone, by automatic differentiation."""
    torch = pytest.importorskip("torch")
    theta = torch.tensor(THETA, requires_grad=True)
    sizes = [6 * 12, 6, 6, 1, 2 * 4, 2 * 4, 2 * 3 * 4, 2 * 3, 3 * 11, 12]
    W1, b1, W2, b2, w, b, V, c, E, s = torch.split(theta, sizes)
    x, one_hot = torch.tensor(X[:3]), torch.tensor(np.eye(11)[X[3].astype(int)].T)
    numbers = x[[0, 2]]
    Z = 2 * math.pi * w.reshape(2, 4, 1) * numbers[:, None] + b.reshape(2, 4, 1)
    P = torch.einsum("ndh,nhk->ndk", V.reshape(2, 3, 4), torch.cos(Z)) + c.reshape(2, 3, 1)
    A0 = torch.cat([x, E.reshape(3, 11) @ one_hot, P.reshape(6, 90)])
    A1 = torch.tanh(W1.reshape(6, 12) @ (s[:, None] * A0) + b1[:, None])
    Z2 = W2.reshape(1, 6) @ A1 + b2[:, None]
    penalized = sum((each**2).sum() for each in (W1, W2, w, V, E))
    J = ((Z2 - torch.tensor(Y)) ** 2).sum() / 180 + 0.3 / 180 * penalized
    J.backward()
    return float(J.detach()), theta.grad.numpy()


@pytest.mark.parametrize("library", ["numpy", "array_api_strict", "torch", "jax", "cupy"])
@pytest.mark.parametrize("block", [90, 17])
def test_cost_and_gradient_are_those_of_automatic_differentiation(library, block):
    assert_cost_and_gradient(BOTH, library, block, (X, Y, THETA), by_torch(), rtol=1e-10)


@pytest.mark.parametrize("library", ["array_api_strict", "torch", "jax"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_is_the_same_on_every_library(library, kind):
    namespace = require(library, lambda: usable(library))
    how = SMALL | {"number_encoding": kind, "standardize_by": "quantiles", "dtype": "float64"}
    wanted = dnn_xp.train(NUMBERS, DELAY, **how)
    found = dnn_xp.train(namespace.asarray(NUMBERS), namespace.asarray(DELAY), **how)
    np.testing.assert_allclose(to_host(found.theta), wanted.theta, rtol=1e-7, atol=1e-9)
    there = to_host(found.predict(namespace.asarray(NUMBERS)))
    np.testing.assert_allclose(there, wanted.predict(NUMBERS), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "how",
    [{}, {"standardize": False, "scaling_layer": True}, {"standardize_by": "quantiles"}],
    ids=["moments", "as they are", "quantiles"],
)
def test_gradient_check_by_finite_differences(kind, how):
    how = how | {"keep_prob": 0.7, "l2": 0.5, "l1": 0.0, "activation": "tanh"}
    how |= {"missing": "indicator", "embedding": 3, "bins": 5}
    check = dnn_xp.gradient_check(
        FRAME, DELAY, hidden=[5], number_encoding=kind, max_entries=100, **how
    )
    assert check.relative_difference < 1e-7
    names = [each.name for each in check.parameters]
    of_encoding = ["w", "b", "V", "c"] if kind == "periodic" else []
    assert names[4:-1] if "scaling_layer" in how else names[4:] == [*of_encoding, "E1"]
    check = dnn_xp.gradient_check(NUMBERS, DELAY, number_encoding=kind, bins=5, max_entries=100)
    assert check.relative_difference < 1e-7


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_encoded_and_neither_categories_nor_codes(kind):
    model = dnn_xp.train(FRAME, DELAY, number_encoding=kind, **TABLE)
    encoding = model.network.number_encoding
    assert encoding == NumberEncoding(kind, ROWS, *((3, 16) if kind == "periodic" else (6, 0)))
    assert model.encoder.names_out[0] == "wind"
    assert model.encoder.names_out[3:6] == ("gust", "gust=(missing)", "hour")
    assert model.sizes[0] == 6 + 3 + 3 * encoding.outputs
    assert model.network.n_x == 7
    assert model.theta.size == model.network.parameter_count
    assert f"{kind}, 3 numbers" in model.settings["number_encoding"]
    only_text = dnn_xp.train(FRAME[["carrier"]], DELAY, number_encoding=kind, **TABLE)
    assert only_text.network.number_encoding is None
    assert only_text.settings["number_encoding"] is None


def test_it_learns_waves_that_a_small_network_does_not():
    x = np.linspace(-1.7, 1.7, 800)[None]
    wave = np.sin(9 * x[0])
    how = {"hidden": [8], "iterations": 400, "seed": 1}
    plain, periodic, piecewise = (
        dnn_xp.train(x, wave, number_encoding=kind, frequency=1.0, encoding_rate=1.0, **how)
        .evaluate(x, wave)
        .r2
        for kind in (None, *KINDS)
    )
    assert plain < 0.8
    assert periodic > 0.99
    assert piecewise > 0.99


def test_the_rate_of_the_encoding_is_a_factor_of_its_steps():
    how = {"hidden": [4], "iterations": 1, "learning_rate": 0.01, "dtype": "float64"}
    how |= {"number_encoding": "periodic", "l2": 0.0}
    start = dnn_xp.train(NUMBERS, DELAY, **how | {"iterations": 0}).periodic
    full, left_out = (
        dnn_xp.train(NUMBERS, DELAY, **how, **rate).periodic
        for rate in ({"encoding_rate": 1.0}, {})
    )
    for before, one, tenth in zip(start, full, left_out, strict=True):
        np.testing.assert_allclose(tenth - before, 0.1 * (one - before), rtol=1e-6, atol=1e-12)
        assert np.abs(one - before).max() == pytest.approx(0.01, rel=1e-4)


def test_bins_lie_between_quantiles_with_the_extremes_at_the_ends(monkeypatch):
    values = RNG.standard_t(2, (3, 901))
    values[1] = RNG.integers(0, 3, 901)
    values[2] = 7.0
    source = ArraySource(values)
    edges = bin_edges(sample_of(source), [0, 1, 2], 10)
    np.testing.assert_allclose(edges[0], np.quantile(values[0], np.linspace(0, 1, 11)), rtol=1e-14)
    assert edges[1].tolist() == [0.0, 1.0] + [2.0] * 9
    assert edges[2].tolist() == [7.0] * 11
    monkeypatch.setattr("dnn_xp.data.quantiles.VALUES", 300)
    monkeypatch.setattr("dnn_xp.data.quantiles.LEAST", 10)
    sampled = bin_edges(sample_of(source), [0], 10)
    of_sample = np.quantile(values[0, ::10], np.linspace(0, 1, 11))
    np.testing.assert_allclose(sampled[0, 1:-1], of_sample[1:-1], rtol=1e-14)
    assert sampled[0, [0, -1]].tolist() == [values[0].min(), values[0].max()]


def test_the_first_layer_gets_the_parts_of_the_bins_before_they_are_clipped():
    from dnn_xp.plots.layers import _outputs_of_layers

    how = {"hidden": [], "number_encoding": "piecewise", "bins": 4, "iterations": 3}
    model = dnn_xp.train(NUMBERS, DELAY, standardize_by="quantiles", **how)
    assert isinstance(model.standardization, Binned)
    W, b = model.parameters[0]
    edges = np.quantile(NUMBERS, np.linspace(0, 1, 5), axis=1).T
    parts = [
        np.clip((x - low) / (high - low), 0, 1)
        for x, own in zip(NUMBERS, edges, strict=True)
        for low, high in pairwise(own)
    ]
    mean, scale = quantiles(sample_of(ArraySource(NUMBERS)))
    scaled = (NUMBERS - mean) / scale
    A0 = np.concatenate([scaled / np.sqrt(1 + (scaled / 3) ** 2), parts])
    mean, scale = model.target_standardization
    np.testing.assert_allclose(model.predict(NUMBERS), ((W @ A0 + b) * scale + mean)[0], rtol=1e-9)
    np.testing.assert_allclose(_outputs_of_layers(model, NUMBERS, None)[0].shape, (1, 1000))


def test_values_beyond_all_bins_and_features_without_any_stay_finite():
    x = np.stack([np.linspace(0, 1, 200), np.full(200, 3.0)]).astype(np.float32)
    how = {"hidden": [4], "number_encoding": "piecewise", "iterations": 5}
    for by in ({}, {"standardize_by": "quantiles"}, {"standardize": False}):
        model = dnn_xp.train(x, x[0], **how, **by)
        with np.errstate(all="raise"):
            found = model.predict(np.asarray([[-1e9, 1e9, 0.5], [3.0, 3.0, 3.0]], dtype=np.float32))
        assert np.isfinite(found).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"optimizer": "lbfgs"},
        {"batch_size": 64, "iterations": None, "epochs": 2, "standardize_by": "quantiles"},
        {"keep_prob": 0.8, "dtype": "float32", "standardize": False},
    ],
    ids=["full", "lbfgs", "batches", "dropout"],
)
@pytest.mark.bits
def test_bits_are_the_same_for_threads_and_kinds_of_tables(kind, how, tmp_path):
    how = TABLE | {"block_size": 100, "iterations": 5, "number_encoding": kind} | how
    one, two = (dnn_xp.train(FRAME, DELAY, threads=threads, **how) for threads in (1, 2))
    assert one.theta.tobytes() == two.theta.tobytes()
    columns = dnn_xp.train(FRAME, DELAY, layout="columns", **how)
    assert one.theta.tobytes() == columns.theta.tobytes()
    pytest.importorskip("pyarrow")
    # The mean that stands for missing values is added up by row groups.
    whole = FRAME.assign(gust=FRAME["gust"].fillna(0.5))
    whole.to_parquet(tmp_path / "t.parquet", row_group_size=700)
    whole.to_csv(tmp_path / "t.csv", index=False)
    of_frame = dnn_xp.train(whole, DELAY, **how)
    if "batch_size" not in how:
        for path in (tmp_path / "t.parquet", tmp_path / "t.csv"):
            assert dnn_xp.train(path, DELAY, **how).theta.tobytes() == of_frame.theta.tobytes()
    np.save(tmp_path / "X.npy", NUMBERS)
    from_array = dnn_xp.train(NUMBERS, DELAY, **how)
    if "batch_size" not in how:
        from_file = dnn_xp.train(tmp_path / "X.npy", DELAY, **how)
        assert from_file.theta.tobytes() == from_array.theta.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_goes_on_with_the_same_bits(kind):
    from dnn_xp.training.arguments import TrainArguments
    from dnn_xp.training.descent import advance
    from dnn_xp.training.train import begin, placed

    asked = {"number_encoding": kind, "scaling_layer": True, "missing": "indicator"}
    begun = begin(TrainArguments(FRAME, DELAY, hidden=[4], iterations=6, **asked))
    with placed(begun) as (data, state):
        whole = advance(begun.run, data, state, 6)
        backend = begun.run.backend
        half = advance(begun.run, data, state, 3).to_bytes(backend)
        half = State.from_bytes(half, backend)
        assert advance(begun.run, data, half, 6).theta.tobytes() == whole.theta.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_is_of_one_encoding(kind, tmp_path):
    how = TABLE | {"checkpoint": tmp_path / "kept", "checkpoint_every": 4, "resume": True}
    whole = dnn_xp.train(FRAME, DELAY, number_encoding=kind, **TABLE | {"iterations": 12})
    dnn_xp.train(FRAME, DELAY, number_encoding=kind, **how | {"iterations": 8})
    on = dnn_xp.train(FRAME, DELAY, number_encoding=kind, **how | {"iterations": 12})
    assert on.theta.tobytes() == whole.theta.tobytes()
    with pytest.raises(ValueError, match="number_encoding"):
        dnn_xp.train(FRAME, DELAY, **how | {"iterations": 12})


@pytest.mark.parametrize("kind", KINDS)
def test_saved_pickled_and_started_warm(kind, tmp_path):
    model = dnn_xp.train(FRAME, DELAY, number_encoding=kind, scaling_layer=True, **TABLE)
    model.save(tmp_path / "model")
    again = dnn_xp.load(tmp_path / "model")
    assert again.network == model.network
    assert again.theta.tobytes() == model.theta.tobytes()
    assert len(again.periodic) == (4 if kind == "periodic" else 0)
    for other in (again, pickle.loads(pickle.dumps(model))):
        assert (other.predict(FRAME) == model.predict(FRAME)).all()
        assert other.evaluate(FRAME, DELAY) == model.evaluate(FRAME, DELAY)
    on = dnn_xp.train(FRAME, DELAY, warm_start=again, iterations=40)
    assert on.network.number_encoding == model.network.number_encoding
    assert on.evaluate(FRAME, DELAY).cost < model.evaluate(FRAME, DELAY).cost
    other = KINDS[kind == "periodic"]
    with refused(ValueError, f"number_encoding | '{other}' | '{kind}', that of the ..."):
        dnn_xp.train(FRAME, DELAY, warm_start=again, number_encoding=other)
    for library in ("torch", "jax"):
        require(library, lambda name=library: usable(name))
        there = again.to(library)
        np.testing.assert_allclose(there.predict(FRAME), model.predict(FRAME), rtol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_files_that_say_something_else_are_refused(kind, tmp_path):
    dnn_xp.train(FRAME, DELAY, number_encoding=kind, **TABLE).save(tmp_path / "model")
    with safe_open(tmp_path / "model", framework="numpy") as file:
        description = json.loads(file.metadata()["model"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    changes = [("rows", [[0, 1], [1, 2]]), ("rows", [[0, 10**9]]), ("rows", []), ("hidden", -1)]
    changes += [("outputs", 10**12), ("kind", "other"), ("kind", KINDS[kind == "periodic"])]
    for name, value in changes:
        changed = description | {"number_encoding": description["number_encoding"] | {name: value}}
        metadata = {"format": "dnn_xp model 1", "model": json.dumps(changed)}
        save_file(tensors, tmp_path / "changed", metadata)
        with pytest.raises(ValueError, match="encod"):
            dnn_xp.load(tmp_path / "changed")
    metadata = {"format": "dnn_xp model 1", "model": json.dumps(description)}
    name = "encoding_V" if kind == "periodic" else "edges"
    save_file(tensors | {name: tensors[name][:-1].copy()}, tmp_path / "narrow", metadata)
    with pytest.raises(ValueError, match=f"{name} must be of shape"):
        dnn_xp.load(tmp_path / "narrow")


def test_files_of_older_versions_have_no_encoding(tmp_path):
    model = dnn_xp.train(NUMBERS, DELAY, **SMALL)
    model.save(tmp_path / "model")
    with safe_open(tmp_path / "model", framework="numpy") as file:
        description = json.loads(file.metadata()["model"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del description["number_encoding"]
    metadata = {"format": "dnn_xp model 1", "model": json.dumps(description)}
    save_file(tensors, tmp_path / "older", metadata)
    older = dnn_xp.load(tmp_path / "older")
    assert older.network.number_encoding is None
    assert (older.predict(NUMBERS) == model.predict(NUMBERS)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_plan_takes_the_same_network_and_counts_it(kind):
    how = TABLE | {"number_encoding": kind}
    model = dnn_xp.train(FRAME, DELAY > 1.0, **how)
    planned = dnn_xp.plan(FRAME, **how)
    assert str(planned) == model.settings["plan"]
    plain = dnn_xp.plan(FRAME, **TABLE)
    assert planned.parameter_bytes > plain.parameter_bytes
    assert planned.block_bytes > plain.block_bytes


def test_blocks_are_no_larger_than_what_encodes_numbers_leaves_room_for():
    shape = (200, 1_000_000)
    plain, periodic, piecewise = (
        dnn_xp.plan(shape, hidden=[32], number_encoding=kind) for kind in (None, *KINDS)
    )
    for each, rows in ((periodic, 200 * 16), (piecewise, 200 * 49)):
        assert each.block_size <= max(96, 1.1 * plain.block_size * 32 / rows)


def test_a_training_that_diverges_says_so():
    with pytest.raises(dnn_xp.DivergenceError, match="layer"):
        dnn_xp.train(
            FRAME,
            DELAY,
            number_encoding="periodic",
            optimizer="gradient_descent",
            learning_rate=1e9,
            iterations=50,
            missing="indicator",
        )


@pytest.mark.parametrize("kind", KINDS)
def test_plots_know_the_features(kind):
    pytest.importorskip("matplotlib")
    from dnn_xp.plots.answers import features_of
    from dnn_xp.plots.layers import _outputs_of_layers

    model = dnn_xp.train(FRAME, DELAY, number_encoding=kind, **TABLE)
    assert features_of(model)[:2] == ("wind", model.encoder.names_out[1])
    assert len(features_of(model)) == 6 + 3
    found = _outputs_of_layers(model, FRAME, None)
    assert [len(each) for each in found] == [8, 1]
    arrays = dnn_xp.train(NUMBERS, DELAY > 0, number_encoding=kind, **SMALL)
    assert features_of(arrays) == ("x0", "x1")
    output = _outputs_of_layers(arrays, NUMBERS[:, :900], None)[-1]
    np.testing.assert_allclose(output, arrays.predict_proba(NUMBERS[:, :900]), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("by", ["moments", "quantiles"])
def test_the_graph_of_onnx_answers_as_the_model(kind, dtype, by, tmp_path):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    how = TABLE | {"number_encoding": kind, "dtype": dtype, "standardize_by": by}
    for given in (FRAME, NUMBERS):
        model = dnn_xp.train(given, DELAY, **how)
        model.to_onnx(tmp_path / "model.onnx")
        session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
        feed = {"X": NUMBERS.T.astype(dtype)}
        if given is FRAME:
            feed = {each.name: FRAME[[each.name]].to_numpy() for each in session.get_inputs()}
            as_number = {"tensor(float)": np.float32, "tensor(double)": np.float64}
            for each in session.get_inputs():
                feed[each.name] = feed[each.name].astype(as_number.get(each.type, object))
        (found,) = session.run(None, feed)
        tolerance = 200 * float(np.finfo(dtype).eps)
        np.testing.assert_allclose(found, model.predict(given), rtol=tolerance, atol=tolerance)


def test_networks_of_other_libraries_are_refused_with_the_way_out():
    model = dnn_xp.train(NUMBERS, DELAY, number_encoding="periodic", **SMALL)
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    for library, to in (("PyTorch", model.to_torch), ("scikit-learn", model.to_sklearn)):
        wanted = f"a model without, since networks of {library} do not encode numbers"
        with refused(
            ValueError,
            f"model | one with number_encoding='periodic' | {wanted} | use to_onnx, ...",
        ):
            to()


def test_a_sweep_over_encodings_gives_what_train_gives():
    how = {"hidden": [4], "iterations": 6, "validation": 0.2, "bins": 5}
    found = dnn_xp.sweep(NUMBERS, DELAY, {"number_encoding": [None, *KINDS]}, **how)
    assert len(found.trials) == 3
    for trial in found.trials:
        alone = dnn_xp.train(NUMBERS, DELAY, **how | dict(trial.options))
        assert trial.history.validation_costs == alone.history.validation_costs


@pytest.mark.parametrize("by", ["moments", "quantiles"])
def test_wrong_options_are_named(by):
    with refused(ValueError, "number_encoding | 'cosine' | ..."):
        dnn_xp.Specification(number_encoding="cosine")
    with refused(ValueError, "bins | 0 | ..."):
        dnn_xp.Specification(bins=0, standardize_by=by)
    with refused(ValueError, "frequency | ..."):
        dnn_xp.Specification(frequency=0.0)
    bad = NUMBERS.copy()
    bad[1, 7] = np.nan
    for kind in KINDS:
        with pytest.raises(ValueError, match=r"1 NaN .* example 7, feature 1"):
            dnn_xp.train(bad, DELAY, number_encoding=kind, standardize_by=by)


class Counting:
    """A dataset that counts how often each example is read."""

    ndim = 2

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.reads = np.zeros(values.shape[0], dtype=int)

    def __getitem__(self, index):
        rows = index[0] if isinstance(index, tuple) else index
        self.reads[rows] += 1
        return self.values[index]


@pytest.mark.parametrize("how", [{}, {"number_encoding": "piecewise"}], ids=["scale", "bins"])
def test_quantiles_and_the_look_for_nan_take_one_pass(how):
    from dnn_xp.data.features import as_source
    from dnn_xp.execution.engine import Engine
    from dnn_xp.training.inputs import finite_or_standardized

    given = Counting(NUMBERS.T.copy())
    source = as_source(given, examples="rows")
    encoding = NumberEncoding("piecewise", ((0, 2),), 5) if how else None
    with Engine() as engine:
        finite_or_standardized(source, engine, standardize=True, by="quantiles", encoding=encoding)
    assert (given.reads == 1).all()
