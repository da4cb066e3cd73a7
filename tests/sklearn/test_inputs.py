"""X and y in every form: frames, sparse matrices, files, datasets, arrays of other libraries."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn import config_context
from sklearn.exceptions import NotFittedError

from dnn_xp.sklearn import DNNClassifier, DNNRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(1)
X = rng.standard_normal((500, 4))
LABELS = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no").astype(object)
SMALL = {"hidden_layer_sizes": 8, "max_iter": 20, "random_state": 0}


def test_labels_that_are_objects_come_back_as_objects():
    made = DNNClassifier(**SMALL).fit(X, LABELS)
    assert made.classes_.tolist() == ["no", "yes"]
    assert made.predict(X).dtype == object
    assert made.score(X, LABELS) == np.mean(made.predict(X) == LABELS)
    assert made.model_.predict(X, examples="rows").tolist() == made.predict(X).tolist()


def test_sparse_and_dense_give_the_same_network():
    sparse = pytest.importorskip("scipy.sparse")
    mostly_zero = np.where(rng.random(X.shape) < 0.7, 0.0, X)
    for parameters in ({"batch_size": 64}, {"batch_size": None}, {"early_stopping": True}):
        dense = DNNClassifier(**SMALL | parameters).fit(mostly_zero, LABELS)
        for container in (sparse.csr_array, sparse.csc_matrix):
            made = DNNClassifier(**SMALL | parameters).fit(container(mostly_zero), LABELS)
            np.testing.assert_allclose(made.coefs_[0], dense.coefs_[0], atol=1e-12)
            np.testing.assert_allclose(
                made.predict_proba(container(mostly_zero)), dense.predict_proba(mostly_zero)
            )


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_keep_their_names(library):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame({name: X[:, j] for j, name in enumerate("abcd")})
    made = DNNClassifier(**SMALL).fit(frame, LABELS)
    if library == "polars" and not hasattr(made, "feature_names_in_"):
        pytest.skip("this scikit-learn takes no names from polars")
    assert made.feature_names_in_.tolist() == list("abcd")
    assert made.model_.feature_names == tuple("abcd")
    np.testing.assert_array_equal(
        made.predict(frame), DNNClassifier(**SMALL).fit(X, LABELS).predict(X)
    )
    with pytest.raises(ValueError, match="feature names"):
        made.predict(frame[["a", "b", "d", "c"]])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_of_text_are_encoded(library):
    frames = pytest.importorskip(library)
    town = np.where(X[:, 0] > 0, "Ulm", "Jena")
    frame = frames.DataFrame({"town": town, "size": X[:, 1]})
    made = DNNClassifier(**SMALL | {"max_iter": 100}).fit(frame, town == "Ulm")
    assert made.n_features_in_ == 2
    assert made.feature_names_in_.tolist() == ["town", "size"]
    assert made.score(frame, town == "Ulm") == 1.0


def test_paths_are_read_block_by_block(tmp_path):
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", LABELS.astype(str))
    made = DNNClassifier(**SMALL).fit(tmp_path / "X.npy", tmp_path / "y.npy")
    np.testing.assert_allclose(
        made.predict_proba(tmp_path / "X.npy"),
        DNNClassifier(**SMALL).fit(X, LABELS).predict_proba(X),
    )
    watched = DNNClassifier(**SMALL, early_stopping=True).fit(tmp_path / "X.npy", LABELS)
    assert watched.t_ == 450 * watched.n_iter_


def test_a_column_of_a_csv_file_is_y(tmp_path):
    lines = [f"{a},{b},{label}" for (a, b), label in zip(X[:, :2].tolist(), LABELS, strict=True)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["a,b,answer", *lines]))
    made = DNNClassifier(**SMALL | {"max_iter": 100}).fit(str(path), "answer")
    assert made.feature_names_in_.tolist() == ["a", "b"]
    assert np.mean(made.predict(str(path)) == LABELS) > 0.85


def test_hdf5_datasets(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        dataset = file.create_dataset("X", data=X)
        made = DNNRegressor(**SMALL).fit(dataset, X[:, 0])
        assert made.predict(dataset).shape == (500,)


def test_validation_examples_that_are_given_are_watched():
    made = DNNClassifier(**SMALL).fit(X[:400], LABELS[:400], X_val=X[400:], y_val=LABELS[400:])
    assert made.validation_scores_[-1] == pytest.approx(made.score(X[400:], LABELS[400:]))
    assert made.t_ == 400 * made.n_iter_
    stopped = DNNClassifier(**SMALL | {"max_iter": 300}, early_stopping=True)
    stopped.fit(X[:400], LABELS[:400], X_val=X[400:], y_val=LABELS[400:])
    assert stopped.t_ == 400 * stopped.n_iter_
    assert max(stopped.validation_scores_) == stopped.score(X[400:], LABELS[400:])


def test_two_outputs_and_several_labels():
    Y = np.stack([X[:, 0], X[:, 1] ** 2], axis=1)
    assert DNNRegressor(**SMALL).fit(X, Y).predict(X).shape == (500, 2)
    several = DNNClassifier(**SMALL).fit(X, (Y > 0.5).astype(int))
    assert set(np.unique(several.predict(X))) <= {0, 1}
    assert several.predict_proba(X).shape == several.decision_function(X).shape == (500, 2)
    assert several.model_.kind == "multilabel"


def test_log_probabilities_stay_finite():
    far = DNNClassifier(**SMALL | {"solver": "lbfgs", "max_iter": 60}).fit(X, LABELS)
    wide = 1e4 * X
    assert (far.predict_proba(wide) == 0).any()
    assert np.isfinite(far.predict_log_proba(wide)).all()
    Z = far.decision_function(wide)
    np.testing.assert_allclose(
        far.predict_log_proba(wide)[:, 1], -np.logaddexp(0, -Z), rtol=1e-9, atol=1e-15
    )


def test_precision_and_layers_of_their_own():
    made = DNNClassifier((6, 5), ["tanh", "logistic"], precision="float32", dropout=[0.1, 0.0])
    made.set_params(max_iter=5, random_state=0, threads=1, block_size=64).fit(X, LABELS)
    assert made.model_.dtype == "float32"
    assert made.model_.activations == ("tanh", "sigmoid", "sigmoid")
    assert made.model_.network.keep_probs == (0.9, 1.0)
    assert made.model_.record.block_size == 64


def test_unfitted():
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        DNNClassifier().predict(X)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_another_library_than_that_of_fit_is_refused_with_dispatch(method):
    torch = pytest.importorskip("torch")
    with config_context(array_api_dispatch=True):
        made = DNNClassifier(**SMALL).fit(torch.asarray(X), torch.asarray(X[:, 0] > 0))
        assert made.model_.backend.library == "torch"
        found = getattr(made, method)(torch.asarray(X))
        assert type(found) is torch.Tensor
        with pytest.raises(ValueError, match="must use the same namespace"):
            getattr(made, method)(X)
    # The model takes arrays of every library.
    assert made.model_.predict(X, examples="rows").shape == (500,)
