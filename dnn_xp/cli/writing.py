"""Writers of predictions, piece by piece: CSV, Parquet, NPY."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from dnn_xp.common.atomic import written_whole
from dnn_xp.common.messages import optional_package

Pieces = Iterator[npt.NDArray[Any]]


def check_output(
    argument: str, path: Path, *, force: bool, remedy: str = "choose another with -o"
) -> None:
    """Raise, before any work is done, where the output cannot be written or exists already."""
    if path.is_dir():
        raise IsADirectoryError(f"{argument}={str(path)!r} is a folder; name a file in it")
    if path.exists() and not force:
        raise FileExistsError(
            f"{argument}={str(path)!r} exists already; {remedy}, or --force overwrites it"
        )
    folder = path.parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{argument}={str(path)!r}: there is no folder {str(folder)!r}")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{argument}={str(path)!r}: the folder {str(folder)!r} is read-only")


def write(pieces: Pieces, names: Sequence[str], m: int, path: Path | None) -> None:
    """Write pieces (k,) or (k, columns) of m predictions to a file, or to standard output."""
    if path is None:
        try:
            _csv(pieces, names, sys.stdout)
        except UnicodeEncodeError as error:
            missing = error.object[error.start : error.end]
            msg = (
                f"standard output is in {error.encoding}, which lacks {missing!r}; write to a file with "
                "-o, or set PYTHONIOENCODING=utf-8"
            )
            raise ValueError(msg) from error
        return
    with written_whole(path) as temporary:
        WRITERS[path.suffix.lower()](pieces, names, m, temporary)


def _csv(pieces: Pieces, names: Sequence[str], stream: TextIO) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    for piece in pieces:
        # float32 as text has the shortest digits; as a Python float it would have those of float64.
        writer.writerows(piece.reshape(len(piece), -1).astype(str).tolist())


def _csv_file(pieces: Pieces, names: Sequence[str], m: int, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        _csv(pieces, names, stream)


def _npy(pieces: Pieces, names: Sequence[str], m: int, path: Path) -> None:
    first = next(pieces)
    shape = (m, *first.shape[1:])
    written = np.lib.format.open_memmap(path, mode="w+", dtype=first.dtype, shape=shape)
    start = 0
    for piece in chain([first], pieces):
        written[start : start + len(piece)] = piece
        start += len(piece)
    written.flush()


def _parquet(pieces: Pieces, names: Sequence[str], m: int, path: Path) -> None:
    pyarrow: Any = optional_package("pyarrow", purpose="Writing Parquet files")
    parquet: Any = optional_package("pyarrow.parquet", purpose="Writing Parquet files")
    writer: Any = None
    try:
        for piece in pieces:
            columns = piece.reshape(len(piece), -1).T
            # NumPy strings become Python strings, which pyarrow takes.
            arrays = [each.tolist() if each.dtype.kind == "U" else each.copy() for each in columns]
            table = pyarrow.table(dict(zip(names, arrays, strict=True)))
            writer = writer or parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


WRITERS: dict[str, Callable[[Pieces, Sequence[str], int, Path], None]] = {
    ".csv": _csv_file,
    ".npy": _npy,
    ".parquet": _parquet,
}
