"""DATA of the commands: a table, a file of arrays or a bundled data set becomes examples."""

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
from dnn_xp.common.messages import listing
from dnn_xp.data import ArraySource, Source, check_finite
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.encoding import refuse_missing as refuse_missing_numbers
from dnn_xp.data.readers.files import SUFFIXES, split_path
from dnn_xp.data.tables import Table
from dnn_xp.data.targets.source import target_source
from dnn_xp.execution.placement import source_bytes

# Data up to this size is read into memory even where the system says that none is free.
_ALWAYS_HELD = 1 << 28


@dataclass(frozen=True, slots=True)
class Examples:
    """Features and targets of a training.

    Attributes
    ----------
    X : Source or table
        In memory where it is small enough.
    Y : NumPy array
        (m,), or (m, n_y).
    where : str
        What messages call the data.
    feature_names, target_names : tuple of str
        Empty where there are none.
    notes : tuple of str
        What was decided in reading, to be told.
    """

    X: Source | Table
    Y: npt.NDArray[Any]
    where: str
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def in_memory(self) -> bool:
        """Whether X costs no reading."""
        return isinstance(self.X, ColumnTable) or bool(getattr(self.X, "in_memory", False))


def open_table(data: str, args: Namespace | None = None) -> Columns | None:
    """DATA as a table, or None when it is a file of arrays; an error when it is neither."""
    file, inner = split_path(data)
    suffix = file.suffix.lower()
    if data in BUNDLED and not file.suffix:
        return bundled(data)
    if not file.exists():
        raise FileNotFoundError(no_such_file("DATA", file, BUNDLED))
    if suffix not in SUFFIXES:
        raise ValueError(
            f"DATA={data!r} has the suffix {suffix!r}; one of {', '.join(SUFFIXES)} is wanted"
        )
    if suffix not in (".csv", ".parquet"):
        return None
    if inner:
        raise ValueError(f"DATA={data!r}: choose the columns of a table with --features")
    table = csv_columns(file, args) if suffix == ".csv" else parquet_columns(file)
    if table.m == 0:
        raise ValueError(f"{table.where} has no lines below its header")
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
    for_tables = {"--features": args.features, "--exclude": args.exclude}
    given = [name for name, value in (for_arrays if is_table else for_tables).items() if value]
    if given:
        kind, others = ("a table", "files of arrays") if is_table else ("arrays", "tables")
        raise ValueError(f"{given[0]} is for {others}, and DATA={args.data!r} holds {kind}")
    if args.target_file and (args.target or args.y_key):
        other = "--target" if args.target else "--y-key"
        raise ValueError(f"--target-file and {other} were both given; one of them is wanted")
    if args.target and args.y_key:
        raise ValueError("--target and --y-key were both given; one of them is wanted")


def _from_table(table: Columns, args: Namespace) -> Examples:
    targets: list[str] = []
    if args.target:
        targets = choose("--target", args.target, table)
    elif not args.target_file:
        targets = list(table.targets)
        if not targets:
            raise ValueError(
                f"what is to be learned? Name it with --target; the columns of {table.where} are "
                f"{listing(table.names, limit=40)}"
            )
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
    return Examples(X, Y, table.where, tuple(names), tuple(targets), notes)


def _feature_names(
    table: Columns, targets: Sequence[str], args: Namespace
) -> tuple[list[str], tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    excluded = choose("--exclude", args.exclude or (), table)
    if args.features:
        names = choose("--features", args.features, table)
        both = [name for name in names if name in targets]
        if both:
            raise ValueError(f"{listing(both)}: in --features and a target as well; choose one")
    else:
        names = [name for name in table.names if name not in targets]
        if "" in names:
            # Data frames are often written with their index as a first column without a name.
            names.remove("")
            notes = (f"column {table.names.index('')} has no name and is left out (an index?)",)
    names = [name for name in names if name not in excluded]
    if not names:
        raise ValueError(f"no column of {table.where} is left to learn from")
    return names, notes


def _shell_list(names: Sequence[str]) -> str:
    return shlex.quote(",".join(names))


def _target_columns(table: Columns, targets: Sequence[str]) -> npt.NDArray[Any]:
    values = [table.values(name, f"--target={name!r}") for name in targets]
    if len(values) == 1:
        return _checked_target(values[0], table.m, f"--target={targets[0]!r}")
    text = [name for name, each in zip(targets, values, strict=True) if each.dtype.kind == "U"]
    if text:
        raise TypeError(
            f"--target: {listing(text)} of {table.where} hold no numbers; several targets at once "
            "are numbers, or labels that are 0 or 1"
        )
    return _checked_target(np.stack(values, axis=1), table.m, "--target")


def _checked_target(Y: Any, m: int, argument: str, **where: Any) -> npt.NDArray[Any]:
    """(m,) or (m, n_y), text as NumPy strings, no NaN."""
    source = target_source(Y, m=m, argument=argument, **({"examples": "rows"} | where))
    check_finite(source, argument)
    block = np.asarray(source.block(0, m))
    gaps = np.flatnonzero(block[0] == "" if block.dtype.kind == "U" else ())
    if len(gaps):
        raise ValueError(
            f"{argument} is empty in {len(gaps)} examples; the first is example {gaps[0]}, counted "
            "from 0. Give these a label, or drop them"
        )
    return block[0] if source.n == 1 else block.T


def held(source: Source) -> Source:
    """The source, read into memory where it takes up to a quarter of what is free."""
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
    """A ValueError that names the columns in which a block (n, m) of features has NaN or infinity."""
    if block.dtype.kind != "f":
        return
    bad = ~np.isfinite(block)
    if not bad.any():
        return
    counts = bad.sum(axis=1)
    columns = [int(j) for j in np.flatnonzero(counts)]
    told = [f"{repr(names[j]) if names else f'feature {j}'} ({counts[j]})" for j in columns]
    more = f" and {len(told) - 8} more" if len(told) > 8 else ""
    way = ""
    if names:
        way = f", or leave the columns out (--exclude {_shell_list([names[j] for j in columns])})"
    example = start + int(np.argmax(bad.any(axis=0)))
    raise ValueError(
        f"{where} has missing (or infinite) values in {', '.join(told[:8])}{more}; the first is in "
        f"example {example}, counted from 0. Fill the gaps in or drop these examples{way}"
    )
