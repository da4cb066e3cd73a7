"""The encoding of table columns as ONNX: numbers, dates, bool, categories, and what is missing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from onnx_oracles import TOLERANCE, columns_of, package, probabilities, run, run_reference
from refusals import refused

import dnn_xp

pd = package("pandas")
package("onnx")
M = 120


@pytest.fixture(name="frame")
def table(rng):
    """Columns of every kind, most with missing values."""
    j = np.arange(M)
    towns = np.asarray(["Ulm", "Bonn", "Köln", "Kiel"])[rng.integers(0, 4, M)].astype(object)
    towns[:3] = ["Rom", "Oslo", "Bern"]  # rare
    towns[j % 10 == 5] = None
    return pd.DataFrame(
        {
            "area": np.where(j % 7 == 3, np.nan, rng.uniform(20, 200, M)),
            "rooms": rng.integers(1, 9, M),
            "label": rng.standard_normal(M).astype("float32"),
            "garden": rng.random(M) > 0.5,
            "town": towns,
            "size": pd.Categorical.from_codes(rng.integers(0, 3, M), ["s", "m", "l"]),
            "code": pd.Categorical.from_codes(rng.integers(0, 3, M), [10, 20, 30]),
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**7, M), "s"),
        }
    )


@pytest.fixture(name="other")
def met_later(frame):
    """Lines with what the training had not."""
    other = frame.iloc[:12].copy()
    other["town"] = ["Ulm", "Prag", None, "", "?", "Rom", "Bonn", "NA", "Köln", "Kiel", "x", "y"]
    other["size"] = [*"smlsml", None, None, "xl", "xl", "?", "s"]
    other["code"] = [10, 20, 30, 40, None, 10, 20, 30, 40, None, 10, 20]
    other["code"] = other["code"].astype("Int64").astype("category")
    other["rooms"] = other["rooms"].astype("float64")
    other.loc[other.index[:4], ["area", "rooms"]] = np.nan
    return other


def agrees(model, frame, *, runner=run):
    proto = model.to_onnx()
    found = runner(proto, columns_of(frame, proto))
    label, P = found.values()
    assert np.array_equal(label, model.predict(frame).astype(label.dtype))
    expected = probabilities(model, frame)
    np.testing.assert_allclose(P, expected, rtol=0, atol=TOLERANCE[model.dtype])
    return found


@pytest.mark.parametrize("dtype", [None, "float32", "float64"])
@pytest.mark.parametrize("standardize", [True, False])
def test_columns_of_every_kind(frame, other, dtype, standardize):
    if not standardize:  # seconds since 1970 would saturate everything
        frame, other = frame.drop(columns="sold"), other.drop(columns="sold")
    Y = np.where(frame["rooms"] > 4, "big", "small")
    given = {"missing": "indicator", "dtype": dtype, "standardize": standardize}
    model = dnn_xp.train(frame, Y, hidden=[8], iterations=30, **given)
    features = model.encoder.names_out
    assert {"area=(missing)", "town=(other)", "town=(missing)", "size=s", "code=20"} <= {*features}
    assert not {"rooms=(missing)", "size=(missing)"} & {*features}
    agrees(model, frame)
    agrees(model, other)


def test_float32_columns(frame, other, rng):
    chosen = ["rooms", "label", "garden", "town", "size"]
    model = dnn_xp.train(
        frame[chosen], frame["rooms"] > 4, hidden=[8], iterations=30, missing="indicator"
    )
    assert (model.dtype, model.encoder.wide) == ("float32", False)
    found = agrees(model, other[chosen])
    # A column has the name of an output.
    assert list(found) == ["label_", "probabilities"]
    types = {each.type.tensor_type.elem_type for each in model.to_onnx().graph.input}
    onnx = package("onnx")
    assert types == {onnx.TensorProto.FLOAT, onnx.TensorProto.STRING}


def test_float64_models_of_columns_that_float32_holds(frame, other):
    chosen = ["rooms", "garden", "town"]
    model = dnn_xp.train(frame[chosen], frame["rooms"] > 4, iterations=30, dtype="float64")
    assert (model.dtype, model.encoder.wide) == ("float64", False)
    agrees(model, other[chosen].fillna({"rooms": 3}))


def test_the_reference_implementation_computes_the_same(frame, other):
    given = {"missing": "indicator", "dtype": "float64", "hidden": [8], "iterations": 30}
    model = dnn_xp.train(frame, np.where(frame["rooms"] > 4, "big", "small"), **given)
    agrees(model, other, runner=run_reference)


def test_text_alone(frame, other):
    model = dnn_xp.train(frame[["town"]], frame["rooms"] > 4, hidden=[4], iterations=30)
    agrees(model, other[["town"]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("alone", [False, True])
def test_embedded_columns(alone, dtype, rng):
    m = 3000
    names = np.asarray([f"s{j}" for j in range(140)])[np.arange(m) % 140].astype(object)
    names[: m // 10 : 2], names[1 : m // 10 : 20] = None, "rare"
    frame = pd.DataFrame({"shop": names, "size": rng.standard_normal(m), "kind": ["a", "b"] * 1500})
    frame = frame[["shop"]] if alone else frame
    y = np.arange(m) % 140 < 70
    how = {"hidden": [6], "iterations": 5, "embedding": 3, "dtype": dtype, "standardize": True}
    model = dnn_xp.train(frame, y, **how)
    assert model.encoder.embedded == ("shop",)
    other = frame.iloc[:200].copy()
    other.iloc[100:104, 0] = ["unseen", "?", None, "s3"]
    assert {*other["shop"].fillna("")} >= {"", "rare", "s3", "unseen"}
    agrees(model, other)
    said = "model | one of a table with the columns 'shop'... | a model of numbers, ... | use to_onnx, ..."
    with refused(ValueError, said):
        model.to_sklearn()


def test_missing_numbers_stay_missing_where_the_training_had_none(frame):
    chosen = ["rooms", "label", "town"]
    model = dnn_xp.train(frame[chosen], frame["rooms"] > 4, hidden=[4], iterations=30)
    proto = model.to_onnx()
    fed = columns_of(frame[chosen], proto)
    fed["label"] = np.where(np.arange(M)[:, None] == 3, np.nan, fed["label"])
    assert np.flatnonzero(np.isnan(run(proto, fed)["probabilities"][:, 0])).tolist() == [3]


def test_a_table_of_numbers_is_one_matrix(frame):
    chosen = ["rooms", "label", "garden"]
    model = dnn_xp.train(frame[chosen], frame["area"].fillna(0), hidden=[4], iterations=30)
    proto = model.to_onnx()
    rows = frame[chosen].to_numpy("float64")
    found = run(proto, {"X": rows.astype(model.dtype)})["prediction"]
    np.testing.assert_allclose(found, model.predict(frame[chosen]), rtol=1e-5)
    said = {each.key: each.value for each in proto.metadata_props}
    assert json.loads(said["feature_names"]) == chosen


def test_numbers_in_text_are_numbers_in_the_graph(frame):
    frame = frame[["town"]].assign(price=[f"{j},5 €" for j in range(M)])
    model = dnn_xp.train(frame, np.arange(M) > 50, hidden=[4], iterations=30)
    proto = model.to_onnx()
    fed = columns_of(frame.assign(price=np.arange(M) + 0.5), proto)
    np.testing.assert_allclose(
        run(proto, fed)["probabilities"], probabilities(model, frame), rtol=0, atol=1e-6
    )


def test_metadata_name_columns_and_target(frame):
    named = frame.rename(columns={"label": "weight"})
    model = dnn_xp.train(named, "garden", hidden=[4], iterations=5, missing="indicator")
    said = {each.key: each.value for each in model.to_onnx().metadata_props}
    assert json.loads(said["feature_names"]) == [each for each in named if each != "garden"]
    assert json.loads(said["target_names"]) == ["garden"]
    assert json.loads(said["classes"]) == [False, True]
