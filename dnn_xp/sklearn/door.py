"""X of an estimator as a source, and results in the library of X.

Arrays, lists, frames of numbers and sparse matrices are checked by scikit-learn, whose errors and
feature names users know. What it cannot read, the library reads as `dnn_xp.train` does: paths,
datasets, sources, and frames with columns of text or dates.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn import get_config
from sklearn.utils.validation import validate_data

from dnn_xp.backends.choice import OTHERS
from dnn_xp.data.column_codes import NumberCode
from dnn_xp.data.encoding import TableEncoder
from dnn_xp.data.given import Given, take_given
from dnn_xp.data.host import device, is_array, library, namespace, to_host
from dnn_xp.data.readers.frames import is_polars
from dnn_xp.data.readers.tables import is_frame
from dnn_xp.data.sources.base import ArraySource, Source
from dnn_xp.data.tables import is_table
from dnn_xp.data.targets.weights import weight_source
from dnn_xp.sklearn.clusters import is_spread, training_source
from dnn_xp.sklearn.sparse import SparseSource

# Libraries whose arrays the engine computes with; others are copied to the host.
_COMPUTING = ("numpy", "cupy", "torch", "jax")


class Opened(NamedTuple):
    """X as it is trained on or predicted for.

    Attributes
    ----------
    given : Given
        The source, y, and the encoding of columns.
    like : array or None
        The array whose library and device results have; None for NumPy.
    """

    given: Given
    like: Any = None


def is_read_here(X: Any) -> bool:
    """Whether X is what scikit-learn cannot read and the library can."""
    if isinstance(X, (str, os.PathLike, Source)):
        return True
    if is_frame(X):
        return not _holds_numbers(X)
    if is_table(X):
        return True
    package = type(X).__module__.partition(".")[0]
    return package in ("h5py", "zarr")


def _holds_numbers(frame: Any) -> bool:
    if is_polars(frame):
        return all(each.is_numeric() or str(each) == "Boolean" for each in frame.dtypes)
    return all(getattr(each, "kind", "O") in "iufb" for each in frame.dtypes)


def open_training(
    estimator: Any, X: Any, y: Any, *, reset: bool, trained_on: Given | None = None
) -> tuple[Opened, Any]:
    """X and y of a fit; sets `n_features_in_` and `feature_names_in_` with `reset`, else compares them.

    y comes back as a NumPy array or as something that `dnn_xp.data.targets` reads. Columns are encoded
    as those of the examples that a fit is `trained_on`, else as the fitted model encodes them.
    """
    names = None
    if is_spread(estimator, X):
        X, y, names = training_source(X, y)
    if is_read_here(X):
        known = estimator.model_ if trained_on is None and not reset else trained_on
        encoder = None if known is None else known.encoder
        given = take_given(X, y, examples="rows", learn=encoder is None, encoder=encoder)
        if reset:
            _describe(estimator, given)
            if names is not None:
                estimator.feature_names_in_ = np.asarray(names, dtype=object)
        return Opened(given), given.Y
    named = is_frame(X)
    names = _text_names(X) if named else None
    X, y = validate_data(
        estimator,
        X,
        y,
        accept_sparse="csr",
        multi_output=True,
        y_numeric=estimator.__sklearn_tags__().estimator_type == "regressor",
        dtype=_floats(X),
        reset=reset,
    )
    opened = _opened(X)
    if names is not None:
        wide = opened.given.X.dtype == np.float32
        codes = tuple(NumberCode(name, "number", 0.0) for name in names)
        encoder = TableEncoder(codes, working=str(opened.given.X.dtype), wide=not wide)
        opened = opened._replace(given=opened.given._replace(encoder=encoder))
    return opened, y


def open_features(estimator: Any, X: Any) -> tuple[Any, Any]:
    """X as the model of a fitted estimator takes it, and the array whose library results have, or None.

    The features must be those of the fit.
    """
    encoder = estimator.model_.encoder
    if is_read_here(X) or not (encoder is None or encoder.plain):
        return X, None
    X = validate_data(estimator, X, accept_sparse="csr", dtype=_floats(X), reset=False)
    opened = _opened(X)
    source: Any = opened.given.X
    return source if opened.like is None else source.array, opened.like


def _floats(X: Any) -> tuple[Any, ...]:
    """float64 and float32 of the library that scikit-learn takes X to be of; other dtypes become the first."""
    if where(X)[0] == "numpy":
        return np.float64, np.float32
    xp = namespace(X)
    return (xp.float32,) if where(X)[1].startswith("mps") else (xp.float64, xp.float32)


def _opened(X: Any) -> Opened:
    if not is_array(X) and hasattr(X, "tocsr"):
        return Opened(Given(SparseSource(X.tocsr()), None, "rows"))
    if not is_array(X):  # a memory map: its pages are read as they are needed
        X = np.asarray(X)
    if library(X) == "numpy":
        return Opened(Given(ArraySource(X, rows=True), None, "rows"))
    computed = library(X) in _COMPUTING or library(X) in OTHERS
    values = X if computed else to_host(X)
    return Opened(Given(ArraySource(values, rows=True), None, "rows"), X)


def _text_names(frame: Any) -> list[str] | None:
    """The columns of a frame; None where not all names are text, as scikit-learn has it."""
    names = list(frame.columns)
    return names if names and all(isinstance(name, str) for name in names) else None


def _describe(estimator: Any, given: Given) -> None:
    names = () if given.encoder is None else given.encoder.names_in
    estimator.n_features_in_ = len(names) or given.X.n
    if given.encoder is not None and given.encoder.named:
        estimator.feature_names_in_ = np.asarray(names, dtype=object)
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_


def as_host(values: Any) -> Any:
    """An array of any library as NumPy's; everything else as it came."""
    return to_host(values) if is_array(values) else values


def weights_of_examples(sample_weight: Any, m: int) -> npt.NDArray[np.float64] | None:
    """Sample weights (m,), checked; None where there are none.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        For other shapes, text, NaN, infinity and negative weights; ValueError when all are 0.
    """
    given = as_host(sample_weight)
    if hasattr(given, "__array__") and not isinstance(given, np.ndarray):
        given = np.asarray(given)
    if isinstance(given, np.ndarray) and given.size and not given.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    source = weight_source(given, m=m)
    if source is None:
        return None
    weights: npt.NDArray[np.float64] = as_host(source.block(0, m))[0].astype(np.float64)
    return weights


def like_given(values: Any, like: Any) -> Any:
    """NumPy's values in the library and on the device of `like`; text stays in NumPy."""
    if like is None or not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        return values
    return namespace(like).asarray(values, device=device(like))


def where(X: Any) -> tuple[str, str]:
    """The library and the device of X, as scikit-learn sees them: NumPy without its dispatch."""
    if not get_config()["array_api_dispatch"] or not is_array(X) or library(X) == "numpy":
        return "numpy", "cpu"
    return library(X), str(device(X))


def check_same_namespace(estimator: Any, X: Any, method: str) -> None:
    """ValueError for an X of another library or device than that of fit, while dispatch is on."""
    if not get_config()["array_api_dispatch"]:
        return
    fitted, given = estimator._where, where(X)
    if fitted != given:
        msg = (
            f"Inputs passed to {type(estimator).__name__}.{method}() must use the same namespace and "
            f"the same device as those passed to fit(). fit() got {fitted[0]} on {fitted[1]}, "
            f"{method}() {given[0]} on {given[1]}. `model_` takes arrays of every library."
        )
        raise ValueError(msg)
