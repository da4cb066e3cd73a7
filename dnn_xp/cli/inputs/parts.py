"""The examples that are held out for the test, and the parts of what was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.cli.inputs.reading import Examples
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import listing
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.readers.parquet_table import ParquetTable
from dnn_xp.data.sources.base import Source
from dnn_xp.data.sources.subset import RangeSource, subset
from dnn_xp.data.splits import choose_split, classes_missing, group_codes, said_of_missing
from dnn_xp.data.tables import Table
from dnn_xp.data.targets.classes import class_codes, count_classes, has_classes
from dnn_xp.data.targets.kinds import encode_targets

Part = tuple[Source | Table, npt.NDArray[Any]]


def held_out(
    examples: Examples, fraction: float, seed: int, options: Mapping[str, Any], *, last: bool
) -> tuple[npt.NDArray[np.bool_], str]:
    """Which examples are held out for the test, and a sentence that says how."""
    m = examples.X.m
    if fraction == 0:
        return np.zeros(m, dtype=bool), f"all {m:,} to train on, none to test on"
    count = round(m * fraction) if 0 < fraction < 1 else 0
    if not 0 < count < m:
        raise ArgumentValueError(
            "--test-fraction",
            f"{fraction:g}, which leaves {count} of {m} examples to test on",
            "a fraction of the examples such as 0.2, or 0 for no test",
        )
    named: dict[str, Any] = {name: options.get(name) for name in ("cost", "output_activation")}
    targets = encode_targets(examples.Y, m=m, examples="rows", **named)
    classes = targets.classes if has_classes(targets) else None
    codes = None if classes is None else class_codes(targets.source, len(classes))
    groups = examples.groups
    split = choose_split(
        m,
        count,
        # The entry 1 separates these draws from those of the training, which has the same seed.
        np.random.default_rng((seed, 1)),
        last=last or not examples.in_memory,
        codes=codes,
        groups=None if groups is None else group_codes(groups, m=m, argument="--groups"),
        argument="--groups",
    )
    chosen = split.chosen
    tests = split.held_out
    if tests == 0:
        raise ArgumentValueError(
            "--test-fraction",
            f"{fraction:g} of classes that have one example each",
            "0 where no class has two examples",
        )
    if split.testing is None:
        said = f"{m - tests:,} to train on, the last {tests:,} to test on"
        said += "" if last else " (too large for the memory, hence not shuffled)"
    else:
        said = f"{m - tests:,} to train on, {tests:,} to test on ({split.how}, seed {seed})"
    if classes is None or codes is None:
        return chosen, said
    testing = count_classes(codes[chosen], len(classes))
    untrained, untested = classes_missing(
        classes, count_classes(codes, len(classes)) - testing, testing
    )
    if untrained:
        raise ArgumentValueError(
            "--test-fraction",
            f"{fraction:g}: {split.said}, which are all the examples of class {listing(untrained)}",
            "a fraction that leaves examples of each class to train on, or 0 for no test",
        )
    return chosen, said + said_of_missing((), untested)


def part_of(examples: Examples, chosen: npt.NDArray[np.bool_]) -> Part:
    """X and Y of the chosen examples."""
    places = np.flatnonzero(chosen)
    X = examples.X
    if isinstance(X, ColumnTable):
        return X.take(places), examples.Y[places]
    if isinstance(X, ParquetTable):
        return X.part(int(places[0]), int(places[-1]) + 1), examples.Y[places]
    if X.in_memory:
        return subset(X, places), examples.Y[places]
    # What is read block by block is split at one place only.
    first, last = int(places[0]), int(places[-1]) + 1
    return RangeSource(X, first, last), examples.Y[first:last]
