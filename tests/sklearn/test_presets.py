"""Estimators with a preset: the training of dnn_xp.train bit by bit, and what it cannot have is refused."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
from refusals import refused

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import dnn_xp
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.formulas import adam, nesterov
from dnn_xp.sklearn import DNNClassifier, DNNRegressor, presets
from dnn_xp.sklearn.callbacks import HAVE_CALLBACKS
from dnn_xp.sklearn.parameters import Settings

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(4)
X = rng.standard_normal((300, 4))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
LABELS = np.array(["no", "yes", "perhaps"])[y + (X[:, 2] > 1)]
VALUES = X[:, 0] ** 2 + X[:, 1]
BOTH = np.stack([VALUES, X[:, 2]], axis=1)
WEIGHTS = rng.random(300) + 0.5
SMALL = {"preset": "tabular", "hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 7}
TRAINED = {"preset": "tabular", "hidden": [8], "epochs": 3, "seed": 7, "examples": "rows"}


def same_training(estimator, model):
    """The same theta, figures and standardization, bit by bit."""
    mine = estimator.model_
    assert mine.theta.tobytes() == model.theta.tobytes()
    assert mine.history.costs == model.history.costs
    assert mine.history.metrics == model.history.metrics
    for ours, theirs in zip(mine.standardization, model.standardization, strict=False):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("Estimator", "target"),
    [
        (DNNClassifier, y),
        (DNNClassifier, LABELS),
        (DNNClassifier, LABELS.astype(object)),
        (DNNRegressor, VALUES),
        (DNNRegressor, BOTH),
    ],
    ids=["two classes", "text", "objects", "values", "several values"],
)
def test_the_training_of_train(Estimator, target):
    made = Estimator(**SMALL).fit(X, target)
    model = dnn_xp.train(X, target, **TRAINED)
    same_training(made, model)
    np.testing.assert_array_equal(made.predict(X), model.predict(X, examples="rows"))


def test_all_of_the_preset():
    """Without any parameter of its own: three layers of 256, 40 epochs."""
    made = DNNClassifier(preset="tabular", random_state=0).fit(X, y)
    same_training(made, dnn_xp.train(X, y, preset="tabular", seed=0, examples="rows"))
    assert made.score(X, y) > 0.9
    assert made.n_iter_ == 40


OPTIONS = {
    "activation": ({"activation": ["logistic"]}, {"activation": ["sigmoid"]}),
    "solver": ({"solver": nesterov(0.8)}, {"optimizer": nesterov(0.8)}),
    "solver by name": ({"solver": "adamw"}, {"optimizer": "adamw"}),
    # What is left out of Adam's is the preset's.
    "beta_1": ({"beta_1": 0.8}, {"optimizer": adam(beta1=0.8, beta2=0.95)}),
    # alpha / (2 b) sum W^2: 240 examples are trained on, 64 an update.
    "alpha": ({"alpha": 0.1, "batch_size": 64}, {"l2": 0.1 * 240 / 64, "batch_size": 64}),
    "alpha of one batch": ({"alpha": 0.1}, {"l2": 0.1}),
    "all examples": ({"batch_size": None}, {"batch_size": None}),
    "learning_rate_init": ({"learning_rate_init": 0.01}, {"learning_rate": 0.01}),
    "validation_fraction": ({"validation_fraction": 0.3}, {"validation": 0.3}),
    "no validation": ({"validation_fraction": 0.0}, {"validation": None}),
    "dropout": ({"dropout": 0.2}, {"dropout": 0.2}),
    "precision": ({"precision": "float64"}, {"precision": "float64"}),
    "block_size": ({"block_size": 32, "threads": 2}, {"block_size": 32, "threads": 1}),
    "balanced": ({"class_weight": "balanced"}, {"class_weight": "balanced"}),
    "class_weight": (
        {"class_weight": {"yes": 3.0}},
        {"class_weight": {"no": 1.0, "perhaps": 1.0, "yes": 3.0}},
    ),
    "ensemble": ({"ensemble": 3}, {"ensemble": 3}),
}


@pytest.mark.parametrize(("parameters", "options"), OPTIONS.values(), ids=OPTIONS)
def test_parameters_are_options(parameters, options):
    made = DNNClassifier(**{**SMALL, **parameters}).fit(X, LABELS, sample_weight=WEIGHTS)
    model = dnn_xp.train(X, LABELS, sample_weight=WEIGHTS, **{**TRAINED, **options})
    same_training(made, model)


def test_losses_are_costs():
    counts = rng.poisson(2.0, 300)
    made = DNNRegressor(**SMALL, loss="poisson").fit(X, counts)
    same_training(made, dnn_xp.train(X, counts, cost="poisson", **TRAINED))
    # Integers are values to a regressor.
    same_training(
        DNNRegressor(**SMALL).fit(X, counts),
        dnn_xp.train(X, counts, cost="squared_error", **TRAINED),
    )


def test_every_parameter_is_an_option_or_refused():
    known = {*presets._OPTIONS, *presets._WITHOUT, *presets._BETAS, "solver", "alpha"}
    assert known == {*Settings._fields} - {"client", "preset"}


@pytest.mark.parametrize(
    ("parameters", "parts"),
    [
        ({"tol": 0.1}, "tol | 0.1 | left out where preset='tabular' is given | ..."),
        ({"learning_rate": "adaptive"}, "learning_rate | 'adaptive' | left out... | ..."),
        ({"momentum": 0.8}, "momentum | 0.8 | left out... | ..."),
        ({"power_t": 0.4}, "power_t | 0.4 | left out... | ..."),
        ({"n_iter_no_change": 3}, "n_iter_no_change | 3 | left out... | ..."),
        ({"early_stopping": True}, "early_stopping | True | left out... | ..."),
        ({"warm_start": True}, "warm_start | True | left out... | ..."),
        ({"shuffle": False}, "shuffle | False | left out... | ..."),
        ({"solver": "sgd"}, "solver | 'sgd' | left out... | ..."),
        ({"solver": "lbfgs"}, "solver | 'lbfgs' | left out... | ..."),
        ({"solver": "nesterov", "beta_2": 0.9}, "beta_2 | 0.9 | left out... | ..."),
        # In a training these are keep_prob, hidden and validation.
        ({"dropout": [0.1, 0.1]}, "dropout | 2 values | ..."),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes[0] | 0 | ..."),
        ({"validation_fraction": 1e-4}, "validation_fraction | 0.0001, which leaves... | ..."),
        ({"random_state": -1}, "random_state | -1 | ..."),
        ({"preset": "tab"}, "preset | 'tab' | ..."),
        ({"preset": None, "ensemble": 2}, "ensemble | 2 | left out unless preset is given | ..."),
    ],
)
def test_what_a_preset_has_not_is_refused(parameters, parts):
    with refused(ArgumentValueError, parts):
        DNNClassifier(**{**SMALL, **parameters}).fit(X, y)


def test_data_are_refused_under_the_names_of_fit():
    with refused(ArgumentValueError, "X | n_samples=1 | two examples or more..."):
        DNNRegressor(**SMALL).fit(X[:1], VALUES[:1])
    with refused(ArgumentValueError, "y_val | 2 outputs per example | ..."):
        DNNRegressor(**SMALL).fit(X, VALUES, X_val=X, y_val=BOTH)
    with refused(ArgumentTypeError, "solver | ... | ..."):
        DNNClassifier(**SMALL | {"solver": 3}).fit(X, y)


def test_a_fit_without_the_preset_does_not_go_on_from_one():
    made = DNNClassifier(**SMALL)
    assert not hasattr(made, "partial_fit")
    made = pickle.loads(pickle.dumps(made.fit(X, y))).set_params(preset=None)
    for again in (made.partial_fit, made.set_params(warm_start=True).fit):
        with pytest.raises(ValueError, match="preset must be that of the fit before"):
            again(X, y)
    made.set_params(warm_start=False).fit(X, y)
    assert "preset" not in made.model_.settings or made.model_.settings["preset"] is None
    assert made.partial_fit(X, y).n_iter_ == 1


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(3)], ids=["none", "draws"])
def test_seeds_are_drawn(random_state):
    first, second = (
        DNNRegressor(**SMALL | {"random_state": random_state}).fit(X, VALUES) for _ in range(2)
    )
    assert first.coefs_[0].tobytes() != second.coefs_[0].tobytes()
    seed = first.model_.settings["seed"]
    same_training(first, dnn_xp.train(X, VALUES, **TRAINED | {"seed": seed}))
    if random_state is not None:
        assert seed == np.random.RandomState(3).randint(2**31 - 1)


def test_figures_of_the_epochs():
    made = DNNClassifier(**SMALL).fit(X, y)
    history = made.model_.history
    assert (made.n_iter_, made.t_) == (3, 3 * 240)
    assert made.loss_curve_ == list(history.costs[1:])
    assert made.loss_ == made.loss_curve_[-1]
    assert made.validation_scores_ == list(history.metrics["validation_accuracy"][1:])
    assert made.best_validation_score_ == max(history.metrics["validation_accuracy"])
    assert made.best_loss_ is None
    assert [W.shape for W in made.coefs_] == [(4, 8), (8, 1)]
    alone = clone(made).set_params(validation_fraction=0.0).fit(X, y)
    assert (alone.t_, alone.validation_scores_, alone.best_validation_score_) == (900, None, None)
    assert alone.best_loss_ == min(alone.loss_curve_)


def test_several_labels_at_once_stay_labels():
    """One label an example, which train takes for classes."""
    made = DNNClassifier(**SMALL).fit(X, np.eye(3, dtype=int)[y])
    assert made.model_.kind == "multilabel"
    assert made.predict_proba(X).shape == (300, 3)


def test_floats_are_classes_to_a_classifier():
    made = DNNClassifier(**SMALL).fit(X, y + 1.0)
    same_training(made, dnn_xp.train(X, y, **TRAINED))
    assert set(made.predict(X)) <= {1.0, 2.0}


def test_frames_with_categories():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd")).assign(
        kind=np.where(X[:, 3] > 0, "high", "low"), large=X[:, 2] > 1, count=np.arange(300)
    )
    held_out = frame[:50], LABELS[:50]
    made = DNNClassifier(**SMALL).fit(frame, LABELS, X_val=held_out[0], y_val=held_out[1])
    model = dnn_xp.train(frame, LABELS, validation=held_out, **TRAINED)
    same_training(made, model)
    np.testing.assert_array_equal(made.predict(frame), model.predict(frame))
    assert made.feature_names_in_.tolist() == list(frame.columns)
    numbers = frame.drop(columns="kind")
    same_training(DNNClassifier(**SMALL).fit(numbers, y), dnn_xp.train(numbers, y, **TRAINED))
    # The columns of examples to validate on are encoded as those of X without a preset, too.
    plain = DNNClassifier((4,), max_iter=2, early_stopping=True)
    assert len(plain.fit(frame, LABELS, *(None, *held_out)).validation_scores_) == 2


def test_files_are_read_by_blocks(tmp_path):
    np.save(tmp_path / "X.npy", X)
    made = DNNRegressor(**SMALL).fit(str(tmp_path / "X.npy"), VALUES)
    same_training(made, dnn_xp.train(tmp_path / "X.npy", VALUES, **TRAINED))


def test_sparse_rows():
    sparse = pytest.importorskip("scipy.sparse").csr_array(np.where(X > 0, X, 0.0))
    made = DNNClassifier(**SMALL).fit(sparse, y, X_val=sparse, y_val=y)
    dense = sparse.toarray()
    same_training(made, dnn_xp.train(dense, y, validation=(dense, y), **TRAINED))


def test_an_ensemble_predicts_by_its_mean():
    made = DNNClassifier(**SMALL, ensemble=3).fit(X, LABELS)
    each = [member.predict_proba(X, examples="rows") for member in made.model_.members]
    np.testing.assert_allclose(made.predict_proba(X), np.mean(each, axis=0), atol=1e-6)
    log = made.predict_log_proba(X)
    np.testing.assert_allclose(np.exp(log), made.predict_proba(X), atol=1e-6)


def test_clones_pickles_searches_and_pipelines():
    made = DNNClassifier(**SMALL, ensemble=2).fit(X, LABELS)
    assert clone(made).get_params() == made.get_params()
    again = pickle.loads(pickle.dumps(made))
    assert vars(again).keys() == vars(made).keys()
    np.testing.assert_array_equal(again.predict_proba(X), made.predict_proba(X))
    np.testing.assert_array_equal(clone(made).fit(X, LABELS).coefs_[0], made.coefs_[0])
    pipeline = make_pipeline(MinMaxScaler(), DNNRegressor(**SMALL))
    grid = {
        "dnnregressor__learning_rate_init": [1e-7, 0.05],
        "dnnregressor__preset": ["tabular"],
        "dnnregressor__max_iter": [20],
    }
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, VALUES)
    assert search.best_params_["dnnregressor__learning_rate_init"] == 0.05


@pytest.mark.skipif(not HAVE_CALLBACKS, reason="scikit-learn has callbacks from 1.9 on")
def test_callbacks_see_every_epoch_and_may_stop():
    from test_in_pipelines import Noting, X, y

    made = DNNClassifier(**SMALL).fit(X, y)
    noting = Noting()
    watched = DNNClassifier(**SMALL).set_callbacks(noting).fit(X, y)
    assert (noting.ended, noting.epochs) == (True, 3)
    same_training(watched, made.model_)
    stopped = DNNClassifier(**SMALL).set_callbacks(Noting(stop_after=2)).fit(X, y)
    assert (stopped.n_iter_, stopped.model_.stopped.name) == (2, "CALLBACK")


def test_verbose_shows_the_progress(capsys):
    DNNClassifier(**SMALL, verbose=True).fit(X, y)
    shown = capsys.readouterr()
    assert shown.out + shown.err


def cannot_hold(estimator):
    """scikit-learn's checks that a preset fails, and why."""
    weights = "a weight of 2 is not two rows: batches, quantiles and the examples set aside are other ones"
    return {
        "check_sample_weight_equivalence_on_dense_data": weights,
        "check_sample_weight_equivalence_on_sparse_data": weights,
        "check_class_weight_classifiers": "sets n_iter_no_change, which is refused",
    }


# In float64: one check wants predictions in it.
CHECKED = {"preset": "tabular", "hidden_layer_sizes": (32,), "max_iter": 30, "precision": "float64"}


@parametrize_with_checks(
    [DNNClassifier(**CHECKED), DNNRegressor(**CHECKED)], expected_failed_checks=cannot_hold
)
def test_sklearn_checks(estimator, check):
    check(estimator)


def test_the_signatures_end_alike():
    for each in (DNNClassifier, DNNRegressor):
        assert list(inspect.signature(each).parameters)[-3:] == ["client", "preset", "ensemble"]
