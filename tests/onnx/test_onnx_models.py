"""Model.to_onnx: labels of all kinds, standardization, dtypes, the file, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest
from onnx_oracles import TOLERANCE, hand_made, package, probabilities, run, run_reference
from refusals import refused

import dnn_xp

onnx = package("onnx")
M = 60
CODES = {"bool": [False, True], "int": [-3, 5], "uint8": [0, 200], "text": ["no", "ja, schön"]}
CODES |= {"float": [0.0, 1.0], "bytes": [b"no", b"yes"]}


@pytest.fixture(name="X")
def features(rng):
    """Features of very different means and scales."""
    return rng.standard_normal((4, M)) * [[1], [1e-3], [50], [1]] + [[300], [0], [-20], [1]]


def codes_of(X, K):
    standard = (X[0] - 300) + (X[2] + 20) / 50
    return np.digitize(standard, np.linspace(-1, 1, K - 1)) if K > 2 else (standard > 0) * 1


def labels_as_onnx(labels):
    """Labels in the types that ONNX has."""
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels)
    return labels.astype(object) if labels.dtype.kind == "U" else labels


def agrees(model, X, *, runner=run, dtype=None):
    """The graph's outputs for X (n_0, m) against those of the model."""
    rows = X.T.astype(dtype or model.dtype)
    found = runner(model.to_onnx(input_dtype=dtype), {"X": rows})
    expected = model.predict(rows, examples="rows")
    if model.kind == "regression":
        assert list(found) == ["prediction"]
        assert found["prediction"].shape == expected.shape
        scale = float(np.abs(expected).max())
        gap = np.abs(found["prediction"] - expected).max()
        assert gap <= TOLERANCE[model.dtype] * scale
        return found
    assert list(found) == ["label", "probabilities"]
    assert np.array_equal(found["label"], labels_as_onnx(np.asarray(expected)))
    P = probabilities(model, rows)
    assert found["probabilities"].shape == P.shape
    np.testing.assert_allclose(found["probabilities"], P, rtol=0, atol=TOLERANCE[model.dtype])
    return found


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("labels", CODES)
def test_two_classes(labels, dtype, X):
    Y = np.asarray(CODES[labels])[codes_of(X, 2)]
    model = dnn_xp.train(X, Y, hidden=[6], iterations=20, dtype=dtype, cost="binary_cross_entropy")
    found = agrees(model, X)
    wanted = {"bool": bool, "int": np.int64, "uint8": np.int64, "float": np.float64}
    assert found["label"].dtype == wanted.get(labels, object)
    assert len(set(found["label"].tolist())) == 2


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("labels", [np.asarray(["ant", "bee", "cow"]), np.asarray([-1, 5, 1000])])
def test_several_classes(labels, dtype, X):
    model = dnn_xp.train(X, labels[codes_of(X, 3)], hidden=[6], iterations=20, dtype=dtype)
    found = agrees(model, X)
    assert set(found["label"].tolist()) == set(labels.tolist())


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_several_labels(dtype, X):
    Y = np.stack([X[0] > 300, X[2] > 0, X[3] > 1]).astype(int)
    found = agrees(dnn_xp.train(X, Y, hidden=[6], iterations=20, dtype=dtype), X)
    assert found["label"].shape == (M, 3)
    assert found["label"].dtype == np.int64


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("cost", "targets"), [(None, "one"), (None, "many"), ("poisson", "one")])
def test_regressions(cost, targets, dtype, X):
    one = np.abs(X[2] + 20) * 10 + 1e3
    Y = np.stack([one, X[0]]) if targets == "many" else one
    Y = np.rint(Y / 1e3) if cost else Y
    model = dnn_xp.train(X, Y, hidden=[6], iterations=20, dtype=dtype, cost=cost)
    assert (model.target_standardization is None) == (cost == "poisson")
    agrees(model, X)


@pytest.mark.parametrize("standardize", [True, False])
def test_the_reference_implementation_computes_the_same(standardize, X):
    Y = np.asarray(["ant", "bee", "cow"])[codes_of(X, 3)]
    given = {"iterations": 20, "standardize": standardize, "dtype": "float64"}
    agrees(dnn_xp.train(X / 100, Y, hidden=[6], **given), X / 100, runner=run_reference)


def test_a_linear_model(X):
    agrees(dnn_xp.train(X, codes_of(X, 2), hidden=(), iterations=20), X)


def test_float64_inputs_are_standardized_before_they_are_rounded(X):
    # Seconds since 1970, of which float32 keeps no more than two minutes.
    X = np.array(X)
    X[0] = 1.7e9 + 100 * (X[0] - 300)
    model = dnn_xp.train(X, X[0] > 1.7e9, hidden=[6], iterations=20, dtype="float32")
    agrees(model, X, dtype="float64")
    graph = model.to_onnx(input_dtype="float64").graph
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
    assert graph.output[1].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


@pytest.mark.parametrize("scale", [1e-42, 1e42])
def test_moments_that_float32_cannot_hold(scale, rng):
    model = hand_made((2, 3, 1), ("relu", "sigmoid"), "binary_cross_entropy", "binary")
    moments = np.zeros((2, 1)), np.full((2, 1), scale)
    model = replace(model, standardization=moments, classes=np.arange(2))
    agrees(model, scale * rng.standard_normal((2, M)), dtype="float64")


def test_the_number_of_examples_is_dynamic(X):
    model = dnn_xp.train(X, codes_of(X, 2), hidden=[3], iterations=5)
    proto = model.to_onnx()
    values = (*proto.graph.input, *proto.graph.output)
    assert {each.type.tensor_type.shape.dim[0].dim_param for each in values} == {"N"}
    assert proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value == 4
    for m in (0, 1, 7):
        found = run(proto, {"X": X.T[:m].astype(model.dtype)})
        assert found["label"].shape == (m,)
        assert found["probabilities"].shape == (m, 2)


@pytest.mark.parametrize("opset", [13, 15, 18, 21])
def test_every_opset_computes_the_same(opset, X):
    activations = ("elu", "gelu", "softplus", "softmax")
    model = hand_made((4, 5, 5, 5, 3), activations, "softmax_cross_entropy", "multiclass")
    model = replace(model, classes=np.asarray(["a", "b", "c"]))
    rows = X.T.astype("float32") / 100
    proto = model.to_onnx(opset=opset)
    assert {each.domain: each.version for each in proto.opset_import}[""] == opset
    assert np.array_equal(run(proto, {"X": rows})["label"], model.predict(rows, examples="rows"))


def test_a_model_of_another_library(X):
    package("jax")
    model = dnn_xp.train(X, codes_of(X, 2), hidden=[3], iterations=5)
    assert model.to("jax").to_onnx() == model.to_onnx()


# The file


def test_the_file_holds_the_graph_and_its_metadata(X, tmp_path):
    model = dnn_xp.train(X, np.asarray(["no", "yes"])[codes_of(X, 2)], hidden=[3], iterations=5)
    path = tmp_path / "model.onnx"
    proto = model.to_onnx(path)
    assert onnx.load(path) == proto
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]
    assert (proto.producer_name, proto.producer_version) == ("dnn_xp", version("dnn_xp"))
    said = {each.key: each.value for each in proto.metadata_props}
    assert said["kind"] == "binary"
    assert json.loads(said["classes"]) == ["no", "yes"]
    assert json.loads(said["sizes"]) == [4, 3, 1]
    assert "feature_names" not in said


def test_the_file_is_written_whole_or_not_at_all(X, tmp_path, monkeypatch):
    model = dnn_xp.train(X, codes_of(X, 2), hidden=[3], iterations=5)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")

    def full(self, data):
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        model.to_onnx(path)
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_bytes() == b"before"


# What is refused


def test_what_has_no_graph_is_refused(X, tmp_path):
    model = dnn_xp.train(X, codes_of(X, 2), hidden=[3], iterations=5)
    with refused(ValueError, "opset | 12 | a whole number >= 13 and <= ..."):
        model.to_onnx(opset=12)
    with refused(ValueError, "input_dtype | 'float16' | one of 'float32', 'float64' | ..."):
        model.to_onnx(input_dtype="float16")
    wanted = "labels of text, bool, floats or int64 | train on other labels"
    with refused(ValueError, f"model | classes as large as 18446744073709551615 | {wanted}"):
        replace(model, classes=np.asarray([0, 2**64 - 1], dtype=np.uint64)).to_onnx()
    with refused(ValueError, f"model | classes of bytes | {wanted}"):
        replace(model, classes=np.asarray([b"a", b"\xff"])).to_onnx()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        model.to_onnx(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        model.to_onnx(tmp_path / "no" / "model.onnx")


def test_without_the_package_the_error_names_the_extra(X, monkeypatch):
    model = dnn_xp.train(X, codes_of(X, 2), hidden=[3], iterations=5)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'Exporting to ONNX .* pip install "dnn_xp\[onnx\]"'):
        model.to_onnx()


def test_dnn_xp_loads_no_onnx():
    code = "import sys, dnn_xp, dnn_xp.onnx; print({'onnx', 'skl2onnx'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("sharing", ["layers", "nothing"])
@pytest.mark.parametrize("kind", ["two", "three", "several", "values", "counts"])
def test_an_ensemble_answers_by_the_mean_of_its_members(kind, sharing, dtype, X):
    Y = {
        "two": codes_of(X, 2),
        "three": codes_of(X, 3),
        "several": np.stack([codes_of(X, 2), X[3] > 0]).astype(int),
        "values": np.stack([X[0] + X[3], X[2]]),
        "counts": np.round(np.exp(X[3])),
    }[kind]
    how = {"hidden": [6, 4], "iterations": 20, "dtype": dtype}
    how["cost"] = "poisson" if kind == "counts" else None
    model = dnn_xp.train(X, Y, ensemble=3, ensemble_sharing=sharing, **how)
    agrees(model, X)
    # Layers that members share are in the graph once.
    constants = [tuple(each.dims) for each in model.to_onnx().graph.initializer]
    assert constants.count((4, 6)) == (1 if sharing == "layers" else 3)
    assert constants.count((6, 4)) == 3


@pytest.mark.parametrize("sharing", ["layers", "nothing"])
@pytest.mark.parametrize(
    "how", [{"number_encoding": "periodic"}, {"number_encoding": "piecewise"}, {}], ids=str
)
def test_an_ensemble_with_encodings_and_mixes(sharing, how, X):
    how = {"hidden": [6, 4], "iterations": 20, "parametric_activation": True} | how
    model = dnn_xp.train(X, codes_of(X, 3), ensemble=3, ensemble_sharing=sharing, **how)
    agrees(model, X)
