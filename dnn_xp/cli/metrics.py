"""The metrics that a report shows besides cost and accuracy or R2.

Each is a formula of the true values Y and the predicted ones P, rows of outputs, columns of examples.
With classes Y is 0 and 1 and P are probabilities, one row for two classes, else one a class or label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import listing
from dnn_xp.data.targets.kinds import encode_targets
from dnn_xp.model.model import Model

Values = npt.NDArray[np.float64]


class Metric(NamedTuple):
    """A metric: of classes or of values, its head in a table, and its formula of (Y, P, kind)."""

    of_classes: bool
    head: str
    formula: Callable[[Values, Values, str], float]


def _decided(P: Values, kind: str) -> Values:
    """Y of the predicted classes."""
    if kind == "multiclass":
        return np.asarray(np.arange(len(P))[:, None] == P.argmax(axis=0), dtype=np.float64)
    return np.asarray(P > 0.5, dtype=np.float64)


def _two_sided(Y: Values, P: Values, kind: str) -> tuple[Values, Values]:
    """Two classes as two rows."""
    return (np.vstack([1 - Y, Y]), np.vstack([1 - P, P])) if kind == "binary" else (Y, P)


def balanced_accuracy(Y: Values, P: Values, kind: str) -> float:
    """Mean over classes with examples of the share of their examples that is found."""
    Y, D = _two_sided(Y, _decided(P, kind), kind)
    there = Y.sum(axis=1) > 0
    return float(np.mean((Y * D).sum(axis=1)[there] / Y.sum(axis=1)[there]))


def f1(Y: Values, P: Values, kind: str) -> float:
    """2 TP / (2 TP + FP + FN): of the second of two classes, else the mean over classes."""
    D = _decided(P, kind)
    both, either = (Y * D).sum(axis=1), Y.sum(axis=1) + D.sum(axis=1)
    return float(np.mean(np.where(either > 0, 2 * both / np.where(either > 0, either, 1), 0.0)))


def auc(Y: Values, P: Values, kind: str) -> float:
    """Area under the ROC curve: how often an example of the class is above one of the others.

    The mean over classes, each against the rest; NaN where a class has all examples or none.
    Mann and Whitney 1947: (sum of ranks - n1 (n1 + 1) / 2) / (n1 n0), equal values at their mean rank.
    """
    return float(np.mean([_auc(y, p) for y, p in zip(Y > 0.5, P, strict=True)]))


def _auc(y: npt.NDArray[np.bool_], p: Values) -> float:
    ones, zeros = int(y.sum()), int((~y).sum())
    if not ones or not zeros:
        return math.nan
    _, place, count = np.unique(p, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2
    return float((rank[place][y].sum() - ones * (ones + 1) / 2) / ones / zeros)


def average_precision(Y: Values, P: Values, kind: str) -> float:
    """Sum over thresholds of (R_n - R_{n-1}) precision_n; the mean over classes, each against the rest."""
    return float(np.mean([_average_precision(y, p) for y, p in zip(Y > 0.5, P, strict=True)]))


def _average_precision(y: npt.NDArray[np.bool_], p: Values) -> float:
    if not y.any():
        return math.nan
    distinct, place = np.unique(-p, return_inverse=True)
    found = np.cumsum(np.bincount(place, weights=y, minlength=len(distinct)))
    seen = np.cumsum(np.bincount(place, minlength=len(distinct)))
    return float(np.sum(np.diff(found, prepend=0.0) * found / seen) / found[-1])


def brier(Y: Values, P: Values, kind: str) -> float:
    """Mean over examples of sum (P - Y)^2 over classes; of two classes, of the second one alone."""
    return float(np.mean(((P - Y) ** 2).sum(axis=0)))


def mae(Y: Values, P: Values, kind: str) -> float:
    """Mean of |P - Y|, in the units of Y."""
    return float(np.mean(np.abs(P - Y)))


def rmse(Y: Values, P: Values, kind: str) -> float:
    """Root of the mean of (P - Y)^2, in the units of Y."""
    return float(np.sqrt(np.mean((P - Y) ** 2)))


METRICS = {
    "balanced_accuracy": Metric(True, "balanced", balanced_accuracy),
    "f1": Metric(True, "F1", f1),
    "auc": Metric(True, "AUC", auc),
    "average_precision": Metric(True, "avg precision", average_precision),
    "brier": Metric(True, "Brier", brier),
    "mae": Metric(False, "MAE", mae),
    "rmse": Metric(False, "RMSE", rmse),
}


def fitting(asked: Sequence[str], kind: str) -> list[str]:
    """The metrics that were asked for, "all" being those of the kind; an error for those of another."""
    of_classes = kind != "regression"
    own = [name for name, each in METRICS.items() if each.of_classes == of_classes]
    for name in asked:
        if name != "all" and name not in own:
            what = "classes" if of_classes else "values"
            raise ArgumentValueError(
                "--metrics", name, f"of {listing(own)} where the target is {what}"
            )
    return own if "all" in asked else list(dict.fromkeys(asked))


def measured(
    model: Model, X: Any, Y: Any, asked: Sequence[str], threads: int | None
) -> list[float]:
    """The metrics of a model on examples in rows."""
    if not asked:
        return []
    targets = encode_targets(
        Y,
        m=X.m,
        examples="rows",
        cost=model.cost,
        output_activation=model.activations[-1],
        classes=model.classes,
        dtype="float64",
    )
    truth = np.asarray(targets.source.block(0, X.m), dtype=np.float64)
    regression = model.kind == "regression"
    predicted: Any = (model.predict if regression else model.predict_proba)(
        X, examples="rows", threads=threads
    )
    P = np.asarray(predicted, dtype=np.float64).reshape(X.m, -1).T
    return [METRICS[name].formula(truth, P, model.kind) for name in asked]
