"""Y as targets, once its kind is known: labels, probabilities, values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import Argument, ArgumentTypeError, ArgumentValueError, Pass, Text
from dnn_xp.common.messages import listing
from dnn_xp.data.sources.base import Source
from dnn_xp.data.sources.labels import LabelSource
from dnn_xp.data.targets.survey import Survey, encode_labels, label_limit

_BINARY = Argument("cost", "binary_cross_entropy")
_SOFTMAX = Argument("cost", "softmax_cross_entropy")
_FOR_VALUES: Text = ("for values ", Pass("cost", "squared_error"))
# Classes, source of (n_y, m) targets, examples of each class.
Made = tuple[npt.NDArray[Any] | None, Source, npt.NDArray[np.int64] | None]


def values(source: Source, survey: Survey, known: object, argument: str, dtype: str) -> Made:
    """Values to fit, unchanged."""
    if survey.text:
        raise ArgumentTypeError(argument, "text", "numbers for this cost")
    return None, source, None


def binary(
    source: Source, survey: Survey, known: npt.NDArray[Any] | None, argument: str, dtype: str
) -> Made:
    """Two classes for one sigmoid, or probabilities of the second class."""
    if survey.floating and not survey.whole and (known is None or _is_zero_one(known)):
        check_probabilities(survey, argument)
        return np.asarray([0, 1]), source, None
    if known is None and survey.zero_one and survey.floating:
        _check_classes(survey, argument, source.m)
        known = np.asarray([0, 1], dtype=source.dtype)
    elif known is None:
        known = _check_classes(survey, argument, source.m)
    if len(known) != 2:
        raise ArgumentValueError(
            argument,
            f"{len(known)} classes: {listing(known.tolist())}",
            ("two classes for ", _BINARY),
            (Pass(*_SOFTMAX),),
        )
    return _labelled(source, known, 1, argument, dtype)


def multiclass(
    source: Source, survey: Survey, known: npt.NDArray[Any] | None, argument: str, dtype: str
) -> Made:
    """Labels for a softmax, or one-hot columns, or probabilities that sum to 1."""
    if source.n == 1:
        if survey.floating and not survey.whole:
            raise ArgumentValueError(
                argument,
                "floats that are no whole numbers",
                ("labels, or one row of probabilities per class, for ", _SOFTMAX),
            )
        known = _check_classes(survey, argument, source.m) if known is None else known
        return _labelled(source, known, len(known), argument, dtype)
    if not survey.distributions:
        raise ArgumentValueError(
            argument,
            f"{source.n} entries per example that are negative or do not sum to 1",
            ("one-hot columns or probabilities for ", _SOFTMAX),
        )
    if known is not None and len(known) != source.n:
        raise ArgumentValueError(
            argument,
            f"{source.n} entries per example",
            f"one entry for each of the {len(known)} classes {listing(known.tolist())}",
        )
    counts = survey.totals.astype(np.int64) if survey.zero_one else None
    if known is None and counts is not None and np.count_nonzero(counts) < 2:
        raise _one_class(argument, int(np.argmax(counts)))
    return (np.arange(source.n) if known is None else known), source, counts


def _labelled(
    source: Source, classes: npt.NDArray[Any], n_y: int, argument: str, dtype: str
) -> Made:
    codes, counts = encode_labels(source, classes, argument=argument)
    return classes, LabelSource(codes, n_y, dtype=dtype), counts


def _check_classes(survey: Survey, argument: str, m: int) -> npt.NDArray[Any]:
    """The distinct labels: at least two, and few enough to be classes."""
    if survey.distinct is None:
        raise ArgumentValueError(
            argument,
            "more, which look like values",
            f"labels of at most {label_limit(m)} classes for {m} examples",
            _FOR_VALUES,
        )
    if len(survey.distinct) < 2:
        raise _one_class(argument, survey.distinct.tolist()[0])
    return survey.distinct


def _one_class(argument: str, label: object) -> ArgumentValueError:
    return ArgumentValueError(
        argument, f"one class only, {label!r}", "labels of at least two classes", _FOR_VALUES
    )


def check_probabilities(survey: Survey, argument: str) -> None:
    """Raise ArgumentValueError unless all values are in [0, 1]."""
    if survey.lowest < 0 or survey.highest > 1:
        raise ArgumentValueError(
            argument,
            f"values from {survey.lowest:g} to {survey.highest:g}",
            ("0 and 1, or probabilities, for ", _BINARY),
        )


def _is_zero_one(classes: npt.NDArray[Any]) -> bool:
    return classes.dtype.kind != "U" and classes.tolist() == [0, 1]
