"""Estimators in scikit-learn's tools: clone, search, calibration, pickle, routing, callbacks."""

from __future__ import annotations

import pickle
import pickletools

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

import joblib
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dnn_xp.sklearn import DNNClassifier, DNNRegressor
from dnn_xp.sklearn.callbacks import HAVE_CALLBACKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(2)
X = rng.standard_normal((300, 3))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
SMALL = {"hidden_layer_sizes": (12,), "max_iter": 25, "random_state": 0, "learning_rate_init": 0.02}


def test_a_search_over_a_pipeline_finds_the_better_network():
    pipeline = make_pipeline(StandardScaler(), DNNClassifier(**SMALL))
    grid = {"dnnclassifier__hidden_layer_sizes": [(), (16, 8)], "dnnclassifier__alpha": [0.0, 0.1]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_params_["dnnclassifier__hidden_layer_sizes"] == (16, 8)
    assert search.score(X, y) > 0.8


def test_cross_validation_and_calibration():
    scores = cross_val_score(DNNRegressor(**SMALL), X, X[:, 0], cv=3)
    assert scores.mean() > 0.8
    calibrated = CalibratedClassifierCV(DNNClassifier(**SMALL), cv=2).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1.0)


def test_a_clone_has_the_parameters_and_no_fit():
    made = DNNClassifier(**SMALL, dropout=[0.2], class_weight={0: 2.0}).fit(X, y)
    again = clone(made)
    assert again.get_params() == made.get_params()
    assert not hasattr(again, "model_")
    np.testing.assert_array_equal(again.fit(X, y).coefs_[0], made.coefs_[0])


@pytest.mark.parametrize("partial", [False, True], ids=["fit", "partial_fit"])
def test_pickle_goes_on_with_the_same_bits(partial, tmp_path):
    made = DNNClassifier(**SMALL)
    made = made.partial_fit(X, y, classes=[0, 1]) if partial else made.fit(X, y)
    joblib.dump(made, tmp_path / "made.joblib")
    for again in (pickle.loads(pickle.dumps(made)), joblib.load(tmp_path / "made.joblib")):
        np.testing.assert_array_equal(again.predict_proba(X), made.predict_proba(X))
        assert vars(again).keys() == vars(made).keys()
        again.partial_fit(X, y)
        expected = pickle.loads(pickle.dumps(made)).partial_fit(X, y)
        np.testing.assert_array_equal(again.coefs_[0], expected.coefs_[0])
    np.testing.assert_array_equal(made.partial_fit(X, y).coefs_[0], expected.coefs_[0])


def test_a_pickle_holds_bytes_in_the_place_of_functions():
    data = pickle.dumps(DNNClassifier(**SMALL).fit(X, y))
    assert b"safetensors" not in data
    named = [text for _, text, _ in pickletools.genops(data) if isinstance(text, str)]
    modules = {each for each in named if each.startswith("dnn_xp")}
    assert modules <= {"dnn_xp.sklearn.classifier", "dnn_xp.sklearn.solvers"}


def test_a_pickle_that_was_changed_is_refused():
    data = bytearray(pickle.dumps(DNNClassifier(**SMALL).fit(X, y)))
    position = bytes(data).index(b"dnn_xp model 2") + 200
    data[position] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        pickle.loads(bytes(data))


def test_weights_are_routed_through_a_pipeline():
    weights = np.where(y == 1, 5.0, 1.0)
    with config_context(enable_metadata_routing=True):
        network = DNNClassifier(**SMALL).set_fit_request(sample_weight=True)
        network.set_score_request(sample_weight=False)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), network)
        routed = pipeline.fit(X, y, sample_weight=weights)
        requests = DNNClassifier().set_fit_request(X_val=True, y_val=True, sample_weight=True)
    plain = make_pipeline(StandardScaler(), DNNClassifier(**SMALL)).fit(X, y)
    assert routed.predict(X).mean() > plain.predict(X).mean()
    assert requests.get_metadata_routing().fit.requests == {
        "X_val": True,
        "y_val": True,
        "sample_weight": True,
    }


class Noting:
    """A callback of scikit-learn that notes losses and stops after an epoch."""

    max_propagation_depth = None

    def __init__(self, stop_after=None):
        self.epochs, self.stop_after, self.scores = 0, stop_after, []

    def setup(self, estimator, context):
        self.begun = context.task_name

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name != "epoch":
            return False
        self.epochs += 1
        self.scores.append(fitted_estimator.score(X, y))
        return self.epochs == self.stop_after

    def teardown(self, estimator, context):
        self.ended = True


@pytest.mark.skipif(not HAVE_CALLBACKS, reason="scikit-learn has callbacks from 1.9 on")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_see_every_epoch_and_may_stop(solver):
    noting = Noting()
    made = DNNClassifier(**SMALL, solver=solver).set_callbacks(noting).fit(X, y)
    assert (noting.begun, noting.ended, noting.epochs) == ("fit", True, made.n_iter_)
    assert noting.scores[-1] == made.score(X, y)
    assert len(set(noting.scores)) > 1
    stopped = DNNClassifier(**SMALL, solver=solver).set_callbacks(Noting(stop_after=3)).fit(X, y)
    assert stopped.n_iter_ == 3
    assert stopped.model_.stopped.name == "CALLBACK"


@pytest.mark.skipif(not HAVE_CALLBACKS, reason="scikit-learn has callbacks from 1.9 on")
def test_a_bar_for_each_fit_of_a_search(capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    search = GridSearchCV(DNNClassifier(**SMALL), {"alpha": [0.1, 1.0]}, cv=2)
    if not hasattr(search, "set_callbacks"):
        pytest.skip("this GridSearchCV has no callbacks")
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    assert "DNNClassifier - fit" in capsys.readouterr().out


def test_warm_start_wants_the_same_layers():
    made = DNNClassifier(**SMALL, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="hidden_layer_sizes must be"):
        made.set_params(hidden_layer_sizes=(5,)).fit(X, y)
    assert made.set_params(warm_start=False).fit(X, y).coefs_[0].shape == (3, 5)
