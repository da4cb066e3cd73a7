"""How one column of a table is encoded: numbers as one feature, text as one-hot features or a code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.data.columns import Column, label_text
from dnn_xp.data.readers.text_values import read_dates, read_numbers, spread
from dnn_xp.formulas.embeddings import Embedding

OTHER, MISSING = "(other)", "(missing)"


@dataclass(frozen=True, slots=True)
class NumberCode:
    """How a column of numbers, bool or dates is encoded: as it is, with missing ones replaced.

    Attributes
    ----------
    name : str
    kind : {"number", "bool", "date"}
    mean : float
        Of the values present in the training; it stands for missing ones.
    missing : int
        How many were missing in the training; above 0 the column has a second feature, the
        indicator, 1 where the value is missing.
    decimal : str
        The decimal mark of text that holds the numbers.
    """

    name: str
    kind: str
    mean: float
    missing: int = 0
    decimal: str = "."

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features made of the column."""
        return (self.name, f"{self.name}={MISSING}") if self.missing else (self.name,)

    @property
    def one_hot(self) -> tuple[bool, ...]:
        """Which of the features are 0 or 1 by construction."""
        return (False, True)[: len(self.features)]

    def fill(self, values: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
        """Write values of `read` into out (m, number of features), which is 0."""
        if values.dtype.kind != "f" or not (gaps := np.isnan(values)).any():
            out[:, 0] = values
            return
        out[:, 0] = np.where(gaps, self.mean, values)
        if self.missing:
            out[:, 1] = gaps

    def read(self, column: Column, argument: str) -> npt.NDArray[Any]:
        """The numbers of a column of m lines, NaN where missing: (m,)."""
        numbers = ("number", "bool")
        if column.kind == self.kind or (column.kind in numbers and self.kind in numbers):
            return column.values
        if not np.isfinite(column.values).any() and column.kind != "text":
            return np.full(len(column.values), np.nan)  # nothing but missing values
        if column.kind == "text":
            dates = read_dates(column.labels) if self.kind == "date" else None
            of_labels = read_numbers(column.labels, self.decimal)[0] if dates is None else dates
            if self.kind == "bool":
                truths = {"true": 1.0, "false": 0.0}
                of_labels = np.asarray(
                    [truths.get(each.lower(), math.nan) for each in column.labels]
                )
            bad = np.isnan(of_labels)
            if not bad.any():
                return spread(column, of_labels, self.kind).values
            place = int(np.argmax(np.append(bad, False)[column.values]))
            found = f"the text {column.labels[column.values[place]]!r} in row {place}"
        else:
            found = {"number": "numbers", "bool": "bool", "date": "dates"}[column.kind]
        wanted = {"number": "numbers", "bool": "bool", "date": "dates"}[self.kind]
        raise ArgumentValueError(
            argument, f"{found}", f"{wanted} in column {self.name!r}, as in the training"
        )


@dataclass(frozen=True, slots=True)
class CategoryCode:
    """How a column of text is encoded: one-hot.

    Attributes
    ----------
    name : str
    categories : tuple of str
        Those with a feature of their own, the most frequent first.
    shares : tuple of float
        The share of each feature in the training, rare and missing ones included. It stands for
        what the training had none of: after standardization that is 0, the mean example.
    rare, missing : int
        How many entries of the training were of other categories, and missing; above 0 these have
        a feature of their own each.
    """

    name: str
    categories: tuple[str, ...]
    shares: tuple[float, ...]
    rare: int = 0
    missing: int = 0

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features made of the column."""
        extra = (OTHER,) * bool(self.rare) + (MISSING,) * bool(self.missing)
        return tuple(f"{self.name}={each}" for each in (*self.categories, *extra))

    @property
    def one_hot(self) -> tuple[bool, ...]:
        """Which of the features are 0 or 1 by construction: all."""
        return (True,) * len(self.features)

    def read(self, column: Column, argument: str) -> npt.NDArray[Any]:
        """The feature that is 1 for each entry of a column of m lines, -1 for unseen ones: (m,)."""
        labels, codes = as_labels(column)
        places = {label: j for j, label in enumerate(self.categories)}
        other = len(self.categories) if self.rare else -1
        missing = len(self.categories) + bool(self.rare) if self.missing else -1
        features = np.asarray([*(places.get(each, other) for each in labels), missing])
        return np.asarray(features[codes])

    def fill(self, values: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
        """Write values of `read` into out (m, number of features), which is 0."""
        seen = values >= 0
        out[np.flatnonzero(seen), values[seen]] = 1
        if not seen.all():
            out[~seen] = self.shares


@dataclass(frozen=True, slots=True)
class EmbeddingCode:
    """How a column of many categories is encoded: one row of codes, which the network embeds.

    Attributes
    ----------
    name : str
    categories : tuple of str
        Those with a code of their own, 0, 1, ..., the most frequent first. Two codes follow: all
        other categories, those that the training had none of included, and missing entries.
    dimension : int
        Of the vector that the network learns for each code.
    rare, missing : int
        How many entries of the training were of other categories, and missing.
    """

    name: str
    categories: tuple[str, ...]
    dimension: int
    rare: int = 0
    missing: int = 0

    @property
    def features(self) -> tuple[str, ...]:
        """The name of the row of codes."""
        return (self.name,)

    @property
    def one_hot(self) -> tuple[bool, ...]:
        """Whether the row needs no scale: it has none."""
        return (True,)

    @property
    def embedding(self) -> Embedding:
        """The shape of what is learned."""
        return Embedding(len(self.categories) + 2, self.dimension)

    def read(self, column: Column, argument: str) -> npt.NDArray[Any]:
        """The code of each entry of a column of m lines: (m,)."""
        labels, codes = as_labels(column)
        places = {label: j for j, label in enumerate(self.categories)}
        other = len(self.categories)
        # Where the training had no missing entry, its code was never learned.
        missing = other + bool(self.missing)
        features = np.asarray([*(places.get(each, other) for each in labels), missing])
        return np.asarray(features[codes])

    def fill(self, values: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
        """Write values of `read` into out (m, 1)."""
        out[:, 0] = values


Code: TypeAlias = NumberCode | CategoryCode | EmbeddingCode


def as_labels(column: Column) -> tuple[Sequence[str], npt.NDArray[Any]]:
    """The texts of a column and their codes, whatever its kind; -1 where missing."""
    if column.kind == "text":
        return column.labels, column.values
    distinct, codes = np.unique(column.values, return_inverse=True)
    codes = np.where(column.missing, -1, codes)
    return [label_text(each) for each in distinct.tolist()], codes
