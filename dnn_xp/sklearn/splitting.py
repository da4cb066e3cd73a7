"""The examples that early stopping sets aside, drawn as MLPClassifier draws them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split

from dnn_xp.data.sources.base import Source
from dnn_xp.data.sources.subset import RangeSource, subset
from dnn_xp.sklearn.sparse import rows_of
from dnn_xp.sklearn.task import HeldOut


def set_aside(
    examples: HeldOut,
    strata: npt.NDArray[Any] | None,
    fraction: float,
    random: np.random.RandomState,
) -> tuple[HeldOut, HeldOut]:
    """Examples to train on, and the fraction of them that is validated on.

    Random ones, drawn within each class where `strata` holds the classes; the last ones of a file.
    """
    X, m = examples.X, examples.X.m
    if X.in_memory:
        training, testing = train_test_split(
            np.arange(m), random_state=random, test_size=fraction, stratify=strata
        )
    else:
        first = m - math.ceil(m * fraction)
        training, testing = np.arange(first), np.arange(first, m)
    if len(testing) < 2:
        msg = (
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
        raise ValueError(msg)
    return _part(examples, training), _part(examples, testing)


def _part(examples: HeldOut, positions: npt.NDArray[np.int64]) -> HeldOut:
    X, targets, weights = examples
    of_part: Source = (
        rows_of(X, positions)
        if X.in_memory
        else RangeSource(X, int(positions[0]), int(positions[-1]) + 1)
    )
    return HeldOut(
        of_part,
        replace(targets, source=subset(targets.source, positions)),
        None if weights is None else weights[positions],
    )
