"""A split of examples into those to train on and those set aside, and a sentence that says how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import PYTHON, ArgumentValueError, Worded, Words
from dnn_xp.common.messages import counted, listing
from dnn_xp.data.drawing import (
    Codes,
    Positions,
    draw_groups,
    draw_stratified,
    first_of_last,
    stratified_counts,
)
from dnn_xp.data.finite import check_finite
from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import Source
from dnn_xp.data.sources.subset import RangeSource, subset
from dnn_xp.data.targets.classes import count_classes
from dnn_xp.data.targets.source import target_source


class SplitWarning(Worded, UserWarning):
    """Examples of a class are all set aside, so that a training on the others does not learn it."""

    def __init__(self, labels: tuple[Any, ...], said: str) -> None:
        super().__init__(labels, said)
        self.labels = labels
        self.said = said

    def sentence(self, words: Words = PYTHON) -> str:
        """The classes, and the split."""
        one = len(self.labels) == 1
        return (
            f"{'class' if one else 'classes'} {listing(self.labels)} cannot be learned: all "
            f"{'its' if one else 'their'} examples were set aside ({self.said})"
        )


@dataclass(frozen=True, slots=True)
class Split:
    """Which examples are set aside.

    Attributes
    ----------
    m, first : int
        Examples, and the first of the last ones that are set aside where these are.
    testing : array of int, optional
        Positions of those set aside, increasing; None where they are the last ones.
    how : str
        How random ones were chosen.
    """

    m: int
    first: int
    testing: Positions | None
    how: str = ""

    @property
    def said(self) -> str:
        """How many are set aside, and how they were chosen."""
        if self.testing is None:
            return f"the last {self.held_out} of {self.m} examples"
        return f"{self.held_out} of {self.m} examples, {self.how}"

    @property
    def held_out(self) -> int:
        """Examples that are set aside."""
        return self.m - self.first if self.testing is None else len(self.testing)

    @property
    def chosen(self) -> npt.NDArray[np.bool_]:
        """Whether each example is set aside (m,)."""
        chosen = np.zeros(self.m, dtype=bool)
        chosen[slice(self.first, None) if self.testing is None else self.testing] = True
        return chosen

    def parts(self, source: Source) -> tuple[Source, Source]:
        """The examples to train on and those set aside: copied in memory, ranges of a file."""
        if self.testing is None and not source.in_memory:
            return RangeSource(source, 0, self.first), RangeSource(source, self.first, self.m)
        chosen = self.chosen
        return subset(source, np.flatnonzero(~chosen)), subset(source, np.flatnonzero(chosen))


def group_codes(groups: Any, *, m: int, argument: str = "validation_groups") -> Codes:
    """The group of each example (m,), 0 to G - 1, from labels of any kind.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        For anything but one label per example, missing labels, and one group only.
    """
    source = target_source(groups, m=m, argument=argument)
    if source.n != 1:
        wanted = f"one group per example, of shape ({m},)"
        raise ArgumentValueError(argument, f"{source.n} entries per example", wanted)
    check_finite(source, argument)
    distinct, codes = np.unique(to_host(source.block(0, m))[0], return_inverse=True)
    if len(distinct) < 2:
        got = f"one group only, {distinct.tolist()[0]!r}"
        raise ArgumentValueError(argument, got, "the labels of at least two groups")
    return codes


def choose_split(
    m: int,
    held_out: int,
    rng: np.random.Generator,
    *,
    last: bool = False,
    codes: Codes | None = None,
    groups: Codes | None = None,
    argument: str = "validation_groups",
) -> Split:
    """Set `held_out` of m examples aside, or as near to it as groups and classes allow.

    Parameters
    ----------
    m, held_out : int
        Examples, and how many to set aside.
    rng : numpy Generator
        What is drawn from; not where `last`.
    last : bool
        The last examples, in place of random ones.
    codes : array of int (m,), optional
        The class of each example: random ones are drawn within each class.
    groups : array of int (m,), optional
        The group of each example: none is on both sides.
    argument : str
        The name of `groups` in errors.
    """
    if last:
        first = first_of_last(m, held_out, groups)
        if first is None:
            raise ArgumentValueError(
                argument,
                "groups that lie scattered among the examples",
                "groups of neighbours where the last examples are set aside",
                "sort the examples by group, or let whole groups be drawn from examples in memory",
            )
        return Split(m, first, None)
    if groups is not None:
        testing = draw_groups(groups, held_out, rng, codes)
        whole = counted(len(np.unique(groups[testing])), "group")
        how = f"in {whole} of {int(groups.max()) + 1}"
    elif codes is not None:
        counts = count_classes(codes, int(codes.max()) + 1)
        testing = draw_stratified(codes, stratified_counts(counts, held_out), rng)
        how = "drawn within each class"
    else:
        testing, how = np.sort(rng.permutation(m)[:held_out]), "drawn at random"
    return Split(m, m, testing, how)


def classes_missing(
    labels: npt.NDArray[Any], training: npt.NDArray[np.int64], testing: npt.NDArray[np.int64]
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Labels of classes that have examples, but none on the side of the training, or of the test."""
    names = labels.tolist()
    return (
        tuple(names[k] for k in np.flatnonzero((training == 0) & (testing > 0))),
        tuple(names[k] for k in np.flatnonzero((testing == 0) & (training > 0))),
    )


def said_of_missing(untrained: tuple[Any, ...], untested: tuple[Any, ...]) -> str:
    """`; none of class 'a'`, to follow what is said of a split; "" where no class is missing."""
    said = f"; none of class {listing(untested)} is among them" if untested else ""
    return said + (f"; all of class {listing(untrained)} are among them" if untrained else "")
