"""Fixed splits: the seed alone decides which rows are for training, validation and the test."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from benchmarks.accuracy.sets import Set, load

TRAINING_ROWS = 9000
TEST_ROWS = 10_000


class Split(NamedTuple):
    """Rows for training, those among them that may be set aside, and rows for the test."""

    X: pd.DataFrame
    y: np.ndarray
    set_aside: np.ndarray
    """Indices into X and y of the validation part, for methods that select by one."""
    X_test: pd.DataFrame
    y_test: np.ndarray
    classes: int
    seed: int

    @property
    def kept(self) -> np.ndarray:
        """Indices of the rows that are not set aside."""
        return np.setdiff1d(np.arange(len(self.y)), self.set_aside)


def split(name: str, seed: int) -> Split:
    """A quarter for the test, at most 9,000 of the rest for training, a fifth of these set aside."""
    return cut(load(name), seed)


def cut(data: Set, seed: int) -> Split:
    """Split a set; classes keep their shares, and missing numbers become the training's median."""

    def parts(rows: np.ndarray, held_out: float | int) -> tuple[np.ndarray, np.ndarray]:
        shares = data.y[rows] if data.classes else None
        kept, out = train_test_split(rows, test_size=held_out, random_state=seed, stratify=shares)
        return kept, out

    training, test = parts(np.arange(len(data.y)), 0.25)
    if len(training) > TRAINING_ROWS:
        training = parts(training, TRAINING_ROWS)[1]
    if len(test) > TEST_ROWS:
        test = parts(test, TEST_ROWS)[1]
    X = data.X.iloc[training].reset_index(drop=True)
    X_test = data.X.iloc[test].reset_index(drop=True)
    medians = X.median(numeric_only=True)
    return Split(
        X=X.fillna(medians),
        y=data.y[training],
        set_aside=np.sort(set_aside(data, training, seed)),
        X_test=X_test.fillna(medians),
        y_test=data.y[test],
        classes=data.classes,
        seed=seed,
    )


def set_aside(data: Set, training: np.ndarray, seed: int) -> np.ndarray:
    """Positions within the training rows that are set aside."""
    shares = data.y[training] if data.classes else None
    positions = np.arange(len(training))
    aside: np.ndarray = train_test_split(
        positions, test_size=0.2, random_state=seed, stratify=shares
    )[1]
    return aside
