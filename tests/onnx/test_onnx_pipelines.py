"""dnn_xp.onnx.register: pipelines of scikit-learn that end in a model, converted by skl2onnx."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from onnx_oracles import package, run
from refusals import refused

import dnn_xp
import dnn_xp.onnx

skl2onnx = package("skl2onnx")
types = package("skl2onnx.common.data_types")
pd = package("pandas")
base = package("sklearn.base")
compose = package("sklearn.compose")
pipeline = package("sklearn.pipeline")
preprocessing = package("sklearn.preprocessing")
M = 90


class _Estimator(base.BaseEstimator):
    """The least that has a Model in `model_`."""

    def __init__(self, dtype="float32", cost=None):
        self.dtype, self.cost = dtype, cost

    def fit(self, X, y):
        given = {"examples": "rows", "hidden": [6], "iterations": 30, "dtype": self.dtype}
        self.model_ = dnn_xp.train(X, y, cost=self.cost, **given)
        self.classes_ = self.model_.classes
        if self.model_.kind == "multilabel":
            self.classes_ = np.arange(self.model_.sizes[-1])
        return self

    def predict(self, X):
        return self.model_.predict(X, examples="rows")


class Classifier(base.ClassifierMixin, _Estimator):
    def predict_proba(self, X):
        P = self.model_.predict_proba(X, examples="rows")
        return np.concatenate([1 - P, P], axis=1) if self.model_.kind == "binary" else P


class Regressor(base.RegressorMixin, _Estimator):
    pass


@pytest.fixture(autouse=True)
def _registered():
    dnn_xp.onnx.register([Classifier], [Regressor])


@pytest.fixture(name="X")
def features(rng):
    return (rng.standard_normal((M, 3)) * [1, 10, 1] + [5, 0, 1]).astype("float32")


def converted(estimator, X, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        chosen = {"zipmap": False} | options if base.is_classifier(estimator) else None
        return skl2onnx.to_onnx(estimator, X, options=chosen, target_opset=15)


LABELS = {
    "bool": (np.asarray([False, True]), np.int64),
    "int": (np.asarray([-3, 5]), np.int64),
    "whole": (np.asarray([1.0, 2.0]), np.int64),
    "text": (np.asarray(["no", "ja, schön"]), object),
    "three": (np.asarray(["ant", "bee", "cow"]), object),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("labels", LABELS)
def test_classifiers(labels, dtype, X):
    names, kind = LABELS[labels]
    codes = (X[:, 0] > 5) * 1 + (X[:, 1] > 0) * (len(names) > 2)
    cost = "binary_cross_entropy" if labels == "whole" else None
    fitted = Classifier(dtype, cost).fit(X, names[codes])
    found = run(converted(fitted, X), {"X": X})
    assert np.array_equal(found["label"], fitted.predict(X).astype(kind))
    assert found["label"].dtype == kind
    # skl2onnx gives probabilities the dtype of the input.
    assert found["probabilities"].dtype == np.float32
    np.testing.assert_allclose(found["probabilities"], fitted.predict_proba(X), rtol=0, atol=1e-6)


def test_several_labels(X):
    fitted = Classifier().fit(X, np.stack([X[:, 0] > 5, X[:, 1] > 0, X[:, 2] > 0], axis=1) * 1)
    found = run(converted(fitted, X), {"X": X})
    assert np.array_equal(found["label"], fitted.predict(X))
    np.testing.assert_allclose(found["probabilities"], fitted.predict_proba(X), rtol=0, atol=1e-6)


def test_probabilities_as_dicts(X):
    fitted = Classifier().fit(X, np.where(X[:, 0] > 5, "yes", "no"))
    found = run(converted(fitted, X, zipmap=True), {"X": X[:2]})
    (_, dicts), P = found.values(), fitted.predict_proba(X[:2])
    assert [sorted(each) for each in dicts] == [["no", "yes"]] * 2
    assert dicts[1]["yes"] == pytest.approx(P[1, 1], abs=1e-6)


@pytest.mark.parametrize("given", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_regressors(outputs, dtype, given, X):
    X = X.astype(given)
    y = 100 * X[:, 0] if outputs == 1 else X[:, :2] * 100
    fitted = Regressor(dtype).fit(X, y)
    (found,) = run(converted(fitted, X), {"X": X}).values()
    assert found.shape == (M, outputs)
    assert found.dtype == given
    tolerance = 1e-12 if {dtype, given} == {"float64"} else 1e-6
    np.testing.assert_allclose(found, fitted.predict(X).reshape(M, -1), rtol=tolerance, atol=1e-4)


def test_integers_as_inputs(X):
    X = np.rint(X).astype(np.int64)
    fitted = Classifier().fit(X, X[:, 0] > 5)
    found = run(converted(fitted, X), {"X": X})
    np.testing.assert_allclose(found["probabilities"], fitted.predict_proba(X), rtol=0, atol=1e-6)


def test_a_pipeline_with_a_column_transformer(X):
    towns = np.asarray(["Ulm", "Bonn", "Kiel"], dtype=object)[np.arange(M) % 3]
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "town": towns})
    columns = compose.ColumnTransformer(
        [
            ("numbers", preprocessing.StandardScaler(), ["a", "b"]),
            ("text", preprocessing.OneHotEncoder(sparse_output=False), ["town"]),
        ]
    )
    y = (X[:, 0] > 5) == (towns == "Ulm")
    fitted = pipeline.make_pipeline(columns, Classifier()).fit(frame, y)
    kinds = [(name, types.FloatTensorType([None, 1])) for name in "ab"]
    kinds.append(("town", types.StringTensorType([None, 1])))
    proto = skl2onnx.to_onnx(
        fitted, initial_types=kinds, options={"zipmap": False}, target_opset=15
    )
    feeds = {name: frame[[name]].to_numpy("float32") for name in "ab"}
    found = run(proto, feeds | {"town": towns[:, None]})
    assert np.array_equal(found["label"], fitted.predict(frame))
    np.testing.assert_allclose(
        found["probabilities"], fitted.predict_proba(frame), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("labels", [["yes", "no"], [3, 1, 2], None])
def test_the_estimators_of_dnn_xp(labels, X):
    ours = pytest.importorskip("dnn_xp.sklearn")
    search = package("sklearn.model_selection")
    dnn_xp.onnx.register()
    how = {"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 10, "learning_rate_init": 0.1}
    if labels is None:
        estimator, y = ours.DNNRegressor(**how), 100.0 * X[:, 0]
    else:
        codes = np.digitize(X[:, 0], np.linspace(4, 6, len(labels) + 1)[1:-1])
        estimator, y = ours.DNNClassifier(**how), np.asarray(labels)[codes]
    steps = pipeline.make_pipeline(preprocessing.StandardScaler(), estimator)
    grid = {f"{type(estimator).__name__.lower()}__alpha": [1e-4, 1e-2]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # trainings this short do not converge
        fitted = search.GridSearchCV(steps, grid, cv=2).fit(X, y)
    options = None if labels is None else {"zipmap": False}
    proto = skl2onnx.to_onnx(fitted.best_estimator_, X, options=options, target_opset=15)
    first, *others = run(proto, {"X": X}).values()
    if labels is None:
        np.testing.assert_allclose(first.ravel(), fitted.predict(X), rtol=1e-5)
    else:
        assert np.array_equal(first, fitted.predict(X))
        np.testing.assert_allclose(others[0], fitted.predict_proba(X), rtol=0, atol=1e-6)


def test_two_networks_in_one_graph(X):
    ensemble = package("sklearn.ensemble")
    y = np.where(X[:, 0] > 5, "yes", "no")
    two = [("one", Classifier()), ("two", Classifier("float64"))]
    fitted = ensemble.VotingClassifier(two, voting="soft", flatten_transform=False).fit(X, y)
    found = run(converted(fitted, X), {"X": X})
    np.testing.assert_allclose(found["probabilities"], fitted.predict_proba(X), rtol=0, atol=1e-6)


def test_an_estimator_of_text_columns_is_refused(X):
    frame = pd.DataFrame({"a": X[:, 0], "town": ["Ulm", "Bonn", "Kiel"] * (M // 3)})
    fitted = Classifier().fit(frame, X[:, 0] > 5)
    said = (
        "model | an estimator of a table with the columns 'a', 'town' | one of numbers alone, as a "
        "ColumnTransformer makes them | use model_.to_onnx(path), whose graph takes the columns"
    )
    with refused(ValueError, said):
        converted(fitted, X[:, :2])


def test_without_skl2onnx_the_error_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(
        ImportError, match=r"pipelines to ONNX needs skl2onnx .* pip install skl2onnx"
    ):
        dnn_xp.onnx.register()
