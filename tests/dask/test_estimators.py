"""Estimators of scikit-learn with a client: the same bits as without, clones and pickles, what is refused."""

from __future__ import annotations

import pickle

import dask.array
import numpy as np
import pytest
from clusters import examples
from distributed import Client, LocalCluster
from namespaces import require
from refusals import refused

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.sklearn import DNNClassifier, DNNRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = examples(3000)
X = X.T.copy()
LABELS = np.array(["no", "yes", "perhaps"])[Y + (X[:, 2] > 1)]
COMMON = {"hidden_layer_sizes": (8, 4), "max_iter": 3, "random_state": 0, "block_size": 256}


def same_fit(found, expected):
    """The same attributes of a fit, bit by bit."""
    for ours, theirs in zip(found.coefs_, expected.coefs_, strict=True):
        assert ours.tobytes() == theirs.tobytes()
    for name in ("loss_", "loss_curve_", "n_iter_", "t_", "best_loss_", "validation_scores_"):
        assert getattr(found, name) == getattr(expected, name), name
    assert found.validation_loss_curve_ == expected.validation_loss_curve_
    assert "tasks" in found.model_.settings["cluster"]
    assert "cluster" not in expected.model_.settings


HOW = {
    "adam": {"batch_size": 500},
    "all examples": {"batch_size": None},
    "lbfgs": {"solver": "lbfgs"},
    "early stopping": {"batch_size": 700, "early_stopping": True, "standardize": True},
    "preset": {"preset": "tabular", "batch_size": 700, "ensemble": 2},
    "dropout": {"batch_size": None, "dropout": 0.2, "class_weight": "balanced"},
}


@pytest.mark.bits
@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_fits_and_predictions_have_the_bits_of_one_process(client, how):
    found = DNNClassifier(**COMMON, **how, client=client).fit(X, LABELS)
    expected = DNNClassifier(**COMMON, **how).fit(X, LABELS)
    same_fit(found, expected)
    assert (found.predict(X) == expected.predict(X)).all()
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        assert getattr(found, method)(X).tobytes() == getattr(expected, method)(X).tobytes()


@pytest.mark.bits
def test_regressions_weights_and_examples_to_validate_on(client):
    y = np.stack([X[:, 0] * X[:, 1], X[:, 2]], axis=1)
    how = {**COMMON, "batch_size": 600, "early_stopping": True, "standardize_targets": True}
    weights = np.linspace(0.5, 2.0, len(X))
    found = DNNRegressor(**how, client=client)
    expected = DNNRegressor(**how)
    for each in (found, expected):
        each.fit(X, y, sample_weight=weights)
    same_fit(found, expected)
    for each in (found, expected):
        each.set_params(early_stopping=False).fit(X, y, X_val=X[:500], y_val=y[:500])
    same_fit(found, expected)
    assert found.predict(X).tobytes() == expected.predict(X).tobytes()


@pytest.mark.bits
def test_partial_fits_and_sparse_matrices(client):
    scipy = require("scipy", lambda: __import__("scipy.sparse"))
    sparse = scipy.sparse.csr_array(np.where(np.abs(X) > 1, X, 0))
    found = DNNClassifier(**COMMON, batch_size=400, client=client)
    expected = DNNClassifier(**COMMON, batch_size=400)
    for each in (found, expected):
        for _ in range(2):
            each.partial_fit(sparse, LABELS, classes=np.unique(LABELS))
    same_fit(found, expected)
    again = pickle.loads(pickle.dumps(found)).partial_fit(X, LABELS)
    same_fit(again, expected.partial_fit(X, LABELS))


@pytest.mark.bits
def test_collections_and_files(client, tmp_path):
    expected = DNNClassifier(**COMMON, batch_size=None).fit(X, LABELS)
    chunks = dask.array.from_array(X, chunks=(700, 2))
    found = DNNClassifier(**COMMON, batch_size=None, client=client).fit(
        chunks, dask.array.from_array(LABELS)
    )
    same_fit(found, expected)
    labels, shares = found.predict(chunks), found.predict_proba(chunks)
    assert labels.chunks == ((700,) * 4 + (200,),)
    assert shares.shape == (3000, 3)
    assert (labels.compute() == expected.predict(X)).all()
    np.testing.assert_allclose(shares.compute(), expected.predict_proba(X), rtol=1e-5)
    assert found.score(chunks, LABELS) == expected.score(X, LABELS)
    paths = [tmp_path / f"{k}.npy" for k in range(2)]
    for path, part in zip(paths, np.split(X, 2), strict=True):
        np.save(path, part)
    same_fit(found.fit(paths, LABELS), expected)
    assert (found.predict(paths).compute() == expected.predict(X)).all()
    with pytest.raises(ValueError, match="X has 4 features, but DNNClassifier is expecting 5"):
        found.predict(chunks[:, :4])
    # Without a client scikit-learn makes an array of a collection, as before.
    assert isinstance(expected.predict(chunks), np.ndarray)


@pytest.mark.bits
def test_dask_data_frames(client):
    frames = require("dask.dataframe", lambda: __import__("dask.dataframe"))
    pandas = require("pandas", lambda: __import__("pandas"))
    frame = pandas.DataFrame(X, columns=list("abcde"))
    expected = DNNClassifier(**COMMON).fit(frame, LABELS)
    given = frames.dataframe.from_pandas(frame.assign(wanted=LABELS), npartitions=3)
    found = DNNClassifier(**COMMON, client=client).fit(given, "wanted")
    same_fit(found, expected)
    assert found.feature_names_in_.tolist() == list("abcde")
    own = given.drop(columns="wanted")
    assert (found.predict(own).compute() == expected.predict(frame)).all()
    with pytest.raises(ValueError, match="feature names should match"):
        found.predict(own[list("bacde")])


def test_clones_and_pickles(client):
    estimator = DNNClassifier(**COMMON, batch_size=None, client=client)
    assert clone(estimator).client is client
    assert estimator.get_params()["client"] is client
    assert clone(make_pipeline(StandardScaler(), estimator))[-1].client is client
    address = client.scheduler.address
    for given in (estimator, DNNClassifier(**COMMON, batch_size=None, client=address)):
        kept = pickle.loads(pickle.dumps(given))
        assert kept.client == address
        fitted = kept.fit(X, LABELS)
        read = pickle.loads(pickle.dumps(fitted))
        # Predictions of arrays need no cluster.
        read.set_params(client="tcp://127.0.0.1:1")
        assert (read.predict(X) == fitted.predict(X)).all()
    assert client.status == "running"


@pytest.mark.bits
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_over_parameters(client, n_jobs):
    def searched(**how):
        estimator = DNNClassifier(**COMMON, batch_size=None, **how)
        return GridSearchCV(estimator, {"alpha": [0.0, 1.0]}, cv=2, n_jobs=n_jobs).fit(X, LABELS)

    found, expected = searched(client=client), searched()
    same_fit(found.best_estimator_, expected.best_estimator_)
    scores = [each.cv_results_["mean_test_score"].tolist() for each in (found, expected)]
    assert scores[0] == scores[1]


def test_clients_that_are_refused():
    def fit(client):
        DNNClassifier(**COMMON, client=client).fit(X, LABELS)

    with refused(ArgumentTypeError, "client | 4 | a distributed.Client, or the address ..."):
        fit(4)
    with refused(ArgumentValueError, "client | 'tcp://127.0.0.1:1' (...) | the address of ..."):
        fit("tcp://127.0.0.1:1")
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as made,
        Client(made) as client,
    ):
        with refused(ArgumentTypeError, "client | ...LocalCluster... | ... | pass Client(cluster)"):
            fit(made)
        asynchronous = Client(made, asynchronous=True, set_as_default=False)
        with refused(ArgumentValueError, "client | an asynchronous Client | ... | leave ..."):
            fit(asynchronous)
    with refused(ArgumentValueError, "client | a Client that is closed | one that is connected"):
        fit(client)
