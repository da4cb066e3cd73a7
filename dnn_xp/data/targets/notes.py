"""Notes on what Y was taken for, where it may have been meant otherwise."""

from __future__ import annotations

import numpy as np

from dnn_xp.common.errors import Pass
from dnn_xp.common.warnings import warn_of
from dnn_xp.data.finite import block_ranges
from dnn_xp.data.host import to_host
from dnn_xp.data.readers.text_values import read_numbers
from dnn_xp.data.sources.base import Source
from dnn_xp.data.targets.survey import Survey

# Whole numbers with up to so many different values look like classes, with more like values.
_MANY_CLASSES = 20


def say_what_may_be_meant(survey: Survey, source: Source, argument: str) -> None:
    """Warn of many whole numbers taken as classes, and of few whole floats taken as values.

    Warns
    -----
    DataWarning
        With the argument that takes them otherwise.
    """
    if source.n > 1:
        return
    many = survey.distinct is not None and len(survey.distinct) > _MANY_CLASSES
    if many and source.dtype.kind in "iu":
        _classes(survey, argument, "whole numbers")
    elif many and survey.text and source.dtype.kind == "U":
        labels = [] if survey.distinct is None else survey.distinct.tolist()
        if not np.isnan(read_numbers(labels, ".")[0]).any():
            _classes(survey, argument, "numbers held as text")
    elif survey.floating and survey.whole and not survey.zero_one:
        few = _few_values(source)
        if few:
            warn_of(
                (
                    f"{argument} holds floats, taken as values, though only {few} different whole "
                    "numbers. If they are classes, ",
                    Pass("cost", "softmax_cross_entropy"),
                )
            )


def _classes(survey: Survey, argument: str, kind: str) -> None:
    count = 0 if survey.distinct is None else len(survey.distinct)
    way = "convert them to floats, and " if "text" in kind else ""
    warn_of(
        (
            f"{argument} holds {count:,} different {kind}, each taken as a class. If they are values, {way}",
            Pass("cost", "squared_error"),
        )
    )


def _few_values(source: Source) -> int:
    """How many different values there are; 0 where there are too many for classes."""
    distinct = np.empty(0, dtype=source.dtype)
    for start, stop in block_ranges(source):
        distinct = np.union1d(distinct, to_host(source.block(start, stop))[0])
        if len(distinct) > _MANY_CLASSES:
            return 0
    return len(distinct)
