"""y of an estimator as targets of a network, decided by scikit-learn's rules."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from dnn_xp.data.sources.base import ArraySource
from dnn_xp.data.sources.labels import LabelSource
from dnn_xp.data.targets.kinds import Targets
from dnn_xp.data.targets.source import target_source
from dnn_xp.sklearn.door import as_host

Codes = npt.NDArray[np.signedinteger[Any]]


class Labels(NamedTuple):
    """Labels of examples.

    Attributes
    ----------
    classes : array (K,)
        The labels of the classes, sorted; 0, ..., K - 1 for several labels at once.
    values : array
        The class of each example (m,), or 0 and 1 (m, K) for several labels at once.
    several : bool
        Whether an example may have several labels.
    """

    classes: npt.NDArray[Any]
    values: npt.NDArray[Any]
    several: bool


def read_y(y: Any, m: int) -> Any:
    """The targets y as a NumPy array; what the library reads (a path, a dataset) is read whole."""
    y = as_host(y)
    if hasattr(y, "toarray"):
        return y.toarray()
    if isinstance(y, np.ndarray):
        return y
    source = target_source(y, m=m, examples="rows")
    values = np.asarray(source.block(0, m))
    return values[0] if source.n == 1 else values.T


def labels_of(y: npt.NDArray[Any], known: npt.NDArray[Any] | None = None) -> Labels:
    """The classes of y, and the class of each example among them, or among the `known` ones.

    Raises
    ------
    ValueError
        For values that are no labels, for labels of several outputs with more than two classes, and
        for labels that are not known.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    kind = type_of_target(y)
    if kind.startswith(("continuous", "unknown")):
        check_classification_targets(y)  # raises
    if kind == "multilabel-indicator":
        if known is not None and len(known) != y.shape[1]:
            msg = f"y has {y.shape[1]} labels an example, but {len(known)} are known"
            raise ValueError(msg)
        return Labels(np.arange(y.shape[1]), y.astype(np.int8), True)
    if kind.endswith("multioutput"):
        msg = "Multioutput target data is not supported with label binarization"
        raise ValueError(msg)
    classes, codes = np.unique(y, return_inverse=True)
    if known is None:
        return Labels(classes, codes, False)
    missing = np.setdiff1d(classes, known)
    if len(missing):
        msg = f"`y` has classes not in `self.classes_`. `self.classes_` has {known}. 'y' has {classes}."
        raise ValueError(msg)
    return Labels(known, np.searchsorted(known, classes)[codes], False)


def class_targets(labels: Labels, dtype: str) -> Targets:
    """Labels as targets: one sigmoid for up to two classes, a softmax for more, a sigmoid a label."""
    K = len(labels.classes)
    if labels.several:
        source = ArraySource(labels.values.astype(dtype), rows=True)
        return Targets("multilabel", source, None, K, "sigmoid", "binary_cross_entropy", None)
    counts = np.bincount(labels.values, minlength=K)
    stored = _stored(labels.classes)
    if K > 2:
        codes = labels.values.astype(np.int8 if K < 128 else np.int32)
        targets = LabelSource(codes, K, dtype=dtype)
        return Targets("multiclass", targets, stored, K, "softmax", "softmax_cross_entropy", counts)
    if K == 1:  # of a single class the second one never comes
        stored, counts = stored[[0, 0]], np.append(counts, 0)
    targets = LabelSource(labels.values.astype(np.int8), 1, dtype=dtype)
    return Targets("binary", targets, stored, 1, "sigmoid", "binary_cross_entropy", counts)


def _stored(classes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels as a model holds and saves them: objects as text or numbers."""
    if classes.dtype.kind != "O":
        return np.array(classes)
    listed = np.asarray(classes.tolist())
    return listed if listed.dtype.kind in "biufSU" else listed.astype(str)


def values_of(y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Values to fit, (m,) or (m, n_y)."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if y.dtype.kind not in "biuf":
        y = y.astype(np.float64)
    if not np.isfinite(y).all():
        msg = "Input y contains NaN or infinity."
        raise ValueError(msg)
    return y


def value_targets(y: npt.NDArray[Any], loss: str, dtype: str) -> Targets:
    """Values as targets of squared error, huber or poisson."""
    if loss == "poisson" and y.min() < 0:
        msg = f"loss='poisson' requires y >= 0; the smallest value of y is {y.min():g}."
        raise ValueError(msg)
    n_y = 1 if y.ndim == 1 else y.shape[1]
    output = "exp" if loss == "poisson" else "identity"
    source = ArraySource(np.ascontiguousarray(y, dtype=dtype), rows=True)
    return Targets("regression", source, None, n_y, output, loss, None)
