"""What the errors of several methods on several sets say together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Rows = Sequence[Mapping[str, Any]]
By = dict[str, dict[tuple[str, int], float]]
"""A figure by method, and by set and split."""


def floored(row: Mapping[str, Any]) -> float:
    """The error; half a test row where none was wrong, so that ratios stay finite."""
    return max(float(row["error"]), 0.5 / float(row["test_rows"]))


def errors(rows: Mapping[str, Rows]) -> By:
    """Errors of each method."""
    return {
        method: {(row["set"], row["split"]): floored(row) for row in found}
        for method, found in rows.items()
    }


def seconds(rows: Mapping[str, Rows]) -> By:
    """Seconds of each method."""
    return {
        method: {(row["set"], row["split"]): row["seconds"] for row in found}
        for method, found in rows.items()
    }


def common(figures: By, methods: Sequence[str]) -> list[tuple[str, int]]:
    """The sets and splits that all of these methods were measured on."""
    return [key for key in figures[methods[0]] if all(key in figures[name] for name in methods)]


def geometric_mean(values: Sequence[float]) -> float:
    """exp(mean(log x)); NaN of nothing.

    >>> round(geometric_mean([0.5, 2.0, 8.0]), 9)
    2.0
    """
    return math.exp(float(np.mean(np.log(values)))) if len(values) else math.nan


class Ratio(NamedTuple):
    """How one method compares with another over the sets both were measured on."""

    mean: float
    """Geometric mean over sets of the ratio of the means over splits."""
    low: float
    high: float
    """95 % interval of the mean: sets drawn anew 10,000 times."""
    sets: int
    fewer: int
    """Sets with the lower figure."""


def ratio(figures: By, mine: str, other: str) -> Ratio:
    """Compare two methods set by set.

    >>> found = ratio({"a": {("x", 0): 1.0, ("y", 0): 4.0}, "b": {("x", 0): 2.0, ("y", 0): 2.0}}, "a", "b")
    >>> round(found.mean, 9), found.sets, found.fewer
    (1.0, 2, 1)
    """
    keys = common(figures, [mine, other])
    names = list(dict.fromkeys(name for name, _ in keys))
    logs = np.array(
        [
            math.log(mean_of(figures, mine, name, keys) / mean_of(figures, other, name, keys))
            for name in names
        ]
    )
    if not len(logs):
        return Ratio(math.nan, math.nan, math.nan, 0, 0)
    drawn = np.random.default_rng(0).choice(logs, (10_000, len(logs))).mean(axis=1)
    low, high = np.exp(np.quantile(drawn, [0.025, 0.975]))
    return Ratio(
        math.exp(logs.mean()), float(low), float(high), len(logs), int(np.sum(logs < -1e-12))
    )


def mean_of(figures: By, method: str, name: str, keys: Sequence[tuple[str, int]]) -> float:
    """The mean over these splits of a set."""
    return float(np.mean([figures[method][key] for key in keys if key[0] == name]))


class Ranks(NamedTuple):
    """Mean ranks, 1 the best, and from which difference two of them differ."""

    mean: dict[str, float]
    critical: float
    """Nemenyi's critical difference at 5 %: q sqrt(k (k + 1) / (6 N)) for k methods, N sets."""
    friedman: float
    """p of Friedman's test that all methods are alike."""
    sets: int


def ranks(figures: By, methods: Sequence[str]) -> Ranks:
    """Rank the methods on each set they all share (Demsar 2006, JMLR 7, section 3.2.2).

    >>> figures = {m: {(str(s), 0): e + s for s in range(10)} for m, e in (("a", 1), ("b", 2), ("c", 3))}
    >>> found = ranks(figures, ["a", "b", "c"])
    >>> found.mean, round(found.critical, 3)  # Demsar's q for three methods is 2.343
    ({'a': 1.0, 'b': 2.0, 'c': 3.0}, 1.048)
    """
    from scipy import stats

    keys = common(figures, methods)
    names = list(dict.fromkeys(name for name, _ in keys))
    table = np.array([[mean_of(figures, each, name, keys) for each in methods] for name in names])
    k, n = len(methods), len(names)
    ranked = stats.rankdata(table, axis=1) if n else np.full((1, k), np.nan)
    q = float(stats.studentized_range.ppf(0.95, k, np.inf)) / math.sqrt(2)
    differ = k > 2 and n > 1 and bool(np.any(np.ptp(table, axis=1)))
    alike = float(stats.friedmanchisquare(*table.T).pvalue) if differ else math.nan
    means = {each: float(mean) for each, mean in zip(methods, ranked.mean(axis=0), strict=True)}
    return Ranks(means, q * math.sqrt(k * (k + 1) / (6 * n)) if n else math.nan, alike, n)
