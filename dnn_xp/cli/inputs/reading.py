"""Examples from DATA: a table, a file of arrays or a bundled data set."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.backends.numpy.backend import memory_available
from dnn_xp.cli.inputs import arrays
from dnn_xp.cli.inputs.bundled import BUNDLED, bundled
from dnn_xp.cli.inputs.tables import Columns, choose, csv_columns, parquet_columns
from dnn_xp.cli.wording import no_such_file
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import counted, listing
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.encoding import refuse_missing as refuse_missing_numbers
from dnn_xp.data.finite import check_finite
from dnn_xp.data.readers.files import SUFFIXES, split_path
from dnn_xp.data.sources.base import ArraySource, Source
from dnn_xp.data.tables import Table, with_known_target
from dnn_xp.data.targets.source import target_source
from dnn_xp.execution.placement import source_bytes

# Data up to this size is read into memory even where the system reports no free memory.
_ALWAYS_HELD = 1 << 28


@dataclass(frozen=True, slots=True)
class Examples:
    """Features and targets of a training.

    Attributes
    ----------
    X : Source or table
        In memory if it is small enough.
    Y : NumPy array
        (m,), or (m, n_y).
    where : str
        Name of the data in messages.
    feature_names, target_names : tuple of str
        Empty where there are none.
    notes : tuple of str
        Decisions made while reading, for the report.
    """

    X: Source | Table
    Y: npt.NDArray[Any]
    where: str
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    groups: npt.NDArray[Any] | None = None

    @property
    def in_memory(self) -> bool:
        """Whether X costs no reading."""
        return isinstance(self.X, ColumnTable) or bool(getattr(self.X, "in_memory", False))


def open_table(data: str, args: Namespace | None = None) -> Columns | None:
    """DATA as a table, or None for a file of arrays; an error for anything else."""
    file, inner = split_path(data)
    suffix = file.suffix.lower()
    if data in BUNDLED and not file.suffix:
        return bundled(data)
    if not file.exists():
        raise FileNotFoundError(no_such_file("DATA", file, BUNDLED))
    if suffix not in SUFFIXES:
        wanted = f"a file with one of the suffixes {', '.join(SUFFIXES)}"
        raise ArgumentValueError("DATA", repr(data), wanted)
    if suffix not in (".csv", ".parquet"):
        return None
    if inner:
        remedy = "choose columns with --features"
        raise ArgumentValueError("DATA", repr(data), "a table without ::COLUMN", remedy)
    table = csv_columns(file, args) if suffix == ".csv" else parquet_columns(file)
    if table.m == 0:
        got = f"{table.where}, which has only a header"
        raise ArgumentValueError("DATA", got, "a table with examples")
    return table


def read_examples(args: Namespace) -> Examples:
    """Features and targets, as the options of `train` choose them."""
    table = open_table(args.data, args)
    _check_options(args, table is not None)
    if table is not None:
        return _from_table(table, args)
    X = arrays.features(args.data, args.x_key, args.examples)
    if args.target:
        rows, Y = arrays.split_columns(X, args.target)
        X = ArraySource(rows, rows=True)
        Y = _checked_target(Y[:, 0] if Y.shape[1] == 1 else Y, X.m, "--target")
    else:
        path, argument = args.target_file, "--target-file"
        if path is None:
            path, argument = arrays.target_path(args.data, args.y_key, args.x_key), "Y"
        Y = _checked_target(path, X.m, argument, examples=args.examples, n_x=X.n)
    X = held(X)
    if X.in_memory:
        refuse_missing(X.block(0, X.m), (), repr(args.data))
    return Examples(X, Y, repr(args.data))


def _check_options(args: Namespace, is_table: bool) -> None:
    for_arrays = {"--x-key": args.x_key, "--y-key": args.y_key}
    for_tables = {"--features": args.features, "--exclude": args.exclude, "--groups": args.groups}
    given = [name for name, value in (for_arrays if is_table else for_tables).items() if value]
    if given:
        raise unfit_option(given[0], args.data, is_table=is_table)
    if args.target_file and (args.target or args.y_key):
        other = "--target" if args.target else "--y-key"
        raise ArgumentValueError("--target-file", "both", f"left out where {other} is given")
    if args.target and args.y_key:
        raise ArgumentValueError("--y-key", "both", "left out where --target is given")


def unfit_option(option: str, data: str, *, is_table: bool) -> ArgumentValueError:
    """The error for an option of arrays with a table, or of tables with arrays."""
    kind, others = ("a table", "files of arrays") if is_table else ("arrays", "tables")
    got = f"a value with DATA={data!r}, which holds {kind}"
    return ArgumentValueError(option, got, f"left out: it is for {others}")


def _from_table(table: Columns, args: Namespace) -> Examples:
    targets: list[str] = []
    if args.target:
        targets = choose("--target", args.target, table)
    elif not args.target_file:
        targets = list(table.targets)
        if not targets:
            present = listing(table.names, limit=40)
            wanted = f"one or more columns of {table.where}: {present}"
            raise ArgumentValueError("--target", "no target", wanted)
    if args.missing == "indicator":
        for name in targets:
            table = table._replace(table=with_known_target(table.table, name))
    names, notes = _feature_names(table, targets, args)
    X = held_table(table.table.select(names))
    if isinstance(X, ColumnTable) and args.missing == "error":
        # Before examples are held out, while their rows are those of the file.
        numbers = [name for name, column in X.columns.items() if column.kind != "text"]
        refuse_missing_numbers(X.select(numbers), "X")
    if targets:
        Y = _target_columns(table, targets)
    else:
        Y = _checked_target(args.target_file, table.m, "--target-file", examples="rows")
    groups = None
    if args.groups:
        names_of_groups = choose("--groups", [args.groups], table)
        if len(names_of_groups) > 1:
            raise ArgumentValueError("--groups", repr(args.groups), "one column")
        groups = _checked_target(table.values(names_of_groups[0]), table.m, "--groups")
    return Examples(X, Y, table.where, tuple(names), tuple(targets), notes, groups)


def _feature_names(
    table: Columns, targets: Sequence[str], args: Namespace
) -> tuple[list[str], tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    excluded = choose("--exclude", args.exclude or (), table)
    excluded += choose("--groups", [args.groups] if args.groups else (), table)
    if args.features:
        names = choose("--features", args.features, table)
        both = [name for name in names if name in targets]
        if both:
            got = f"{listing(both)}, which --target names too"
            raise ArgumentValueError("--features", got, "columns that are no targets")
    else:
        names = [name for name in table.names if name not in targets]
        if "" in names:
            # pandas writes the index of a data frame as a first column without a name.
            names.remove("")
            notes = (f"column {table.names.index('')} has no name and is left out (an index?)",)
    names = [name for name in names if name not in excluded]
    if not names:
        raise ArgumentValueError(
            "--exclude", "all of them", f"some of the columns of {table.where}"
        )
    return names, notes


def _shell_list(names: Sequence[str]) -> str:
    return shlex.quote(",".join(names))


def _target_columns(table: Columns, targets: Sequence[str]) -> npt.NDArray[Any]:
    values = [table.values(name, f"--target={name!r}") for name in targets]
    if len(values) == 1:
        return _checked_target(values[0], table.m, f"--target={targets[0]!r}")
    text = [name for name, each in zip(targets, values, strict=True) if each.dtype.kind == "U"]
    if text:
        raise ArgumentTypeError(
            "--target",
            f"{listing(text)} of {table.where}, without numbers",
            "numbers, or labels 0 and 1, where it names several columns",
        )
    return _checked_target(np.stack(values, axis=1), table.m, "--target")


def _checked_target(Y: Any, m: int, argument: str, **where: Any) -> npt.NDArray[Any]:
    """(m,) or (m, n_y), text as NumPy strings, no NaN."""
    source = target_source(Y, m=m, argument=argument, **({"examples": "rows"} | where))
    check_finite(source, argument)
    block = np.asarray(source.block(0, m))
    gaps = np.flatnonzero(block[0] == "" if block.dtype.kind == "U" else ())
    if len(gaps):
        raise ArgumentValueError(
            argument,
            f"no label for {counted(len(gaps), 'example')}, the first example {gaps[0]} (counted "
            "from 0)",
            "a label for each example",
            "give these a label, or drop them",
        )
    return block[0] if source.n == 1 else block.T


def held(source: Source) -> Source:
    """The source, read into memory if that takes at most a quarter of the free memory."""
    limit = max(_ALWAYS_HELD, (memory_available() or 0) // 4)
    if source.in_memory or source_bytes(source) > limit:
        return source
    return ArraySource(source.block(0, source.m), rows=False)


def held_table(table: Table) -> Table:
    """The table, read into memory where its numbers take up to a quarter of what is free."""
    if isinstance(table, ColumnTable):
        return table
    size = table.m * len(table.names) * np.dtype(np.float64).itemsize
    return table.read() if size <= max(_ALWAYS_HELD, (memory_available() or 0) // 4) else table


def refuse_missing(
    block: npt.NDArray[Any], names: Sequence[str], where: str, start: int = 0
) -> None:
    """Raise ArgumentValueError with the columns in which a block (n, m) has NaN or infinity."""
    if block.dtype.kind != "f":
        return
    bad = ~np.isfinite(block)
    if not bad.any():
        return
    counts = bad.sum(axis=1)
    columns = [int(j) for j in np.flatnonzero(counts)]
    described = [f"{repr(names[j]) if names else f'feature {j}'} ({counts[j]})" for j in columns]
    more = f" and {len(described) - 8} more" if len(described) > 8 else ""
    ways = "fill the gaps in, or drop these examples"
    if names:
        excluded = _shell_list([names[j] for j in columns])
        ways = f"fill the gaps in, drop these examples, or leave the columns out (--exclude {excluded})"
    example = start + int(np.argmax(bad.any(axis=0)))
    raise ArgumentValueError(
        "DATA",
        f"{where} with missing (or infinite) values in {', '.join(described[:8])}{more}, the first "
        f"in example {example} (counted from 0)",
        "finite numbers",
        ways,
    )
