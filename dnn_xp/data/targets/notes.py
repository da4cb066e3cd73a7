"""Warnings where Y may have been meant otherwise: classes that may be values, and the reverse."""

from __future__ import annotations

import numpy as np

from dnn_xp.common.errors import Pass
from dnn_xp.common.warnings import warn_of
from dnn_xp.data.finite import reading_ranges
from dnn_xp.data.host import to_host
from dnn_xp.data.readers.text_values import read_numbers
from dnn_xp.data.sources.base import Source
from dnn_xp.data.sources.labels import LabelSource
from dnn_xp.data.targets.kinds import Targets

# Whole numbers with up to so many different values look like classes, with more like values.
_MANY_CLASSES = 20


def warn_of_ambiguous_targets(targets: Targets, argument: str = "Y") -> None:
    """Warn of many whole numbers taken as classes, and of few whole floats taken as values.

    For calls without cost and output activation. Values in a file are not read for it.

    Warns
    -----
    DataWarning
        With the argument that takes them otherwise.
    """
    classes = np.asarray([]) if targets.classes is None else targets.classes
    if isinstance(targets.source, LabelSource) and len(classes) > _MANY_CLASSES:
        kind = _numbers(classes)
        if kind:
            said = f"{argument} holds {len(classes):,} different {kind}, each taken as a class. "
            way = "convert them to floats, and " if "text" in kind else ""
            warn_of((said + f"If they are values, {way}", Pass("cost", "squared_error")))
    elif targets.kind == "regression" and targets.source.n == 1 and targets.source.in_memory:
        few = _few_whole_values(targets.source)
        if few:
            said = (
                f"{argument} holds floats, taken as values, though only {few} different whole "
                "numbers. If they are classes, "
            )
            warn_of((said, Pass("cost", "softmax_cross_entropy")))


def _numbers(classes: np.ndarray) -> str:
    """What kind of numbers the labels are; "" where they are none."""
    if classes.dtype.kind in "iu":
        return "whole numbers"
    if classes.dtype.kind == "U" and not np.isnan(read_numbers(classes.tolist(), ".")[0]).any():
        return "numbers held as text"
    return ""


def _few_whole_values(source: Source) -> int:
    """How many different values there are, all whole; 0 where there are too many for classes."""
    distinct = np.empty(0, dtype=source.dtype)
    for start, stop in reading_ranges(source):
        distinct = np.union1d(distinct, to_host(source.block(start, stop))[0])
        if len(distinct) > _MANY_CLASSES or (distinct != np.rint(distinct)).any():
            return 0
    return len(distinct)
