"""Checks that a file does not change while it is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class ChangedFileError(OSError):
    """A file changed or vanished while it was being read: what was read of it must not be used.

    Parameters
    ----------
    where : str
        The file, as messages call it.
    what : str
        What happened: "it had 80 bytes and has 40 now".
    """

    def __init__(self, where: str, what: str) -> None:
        super().__init__(where, what)
        self.where = where
        self.what = what

    def __str__(self) -> str:
        return (
            f"{self.where} changed while it was being read: {self.what}. Start again when nothing "
            "writes to it"
        )


class Stamp(NamedTuple):
    """Size in bytes and time of the last write; a file whose stamp differs has changed."""

    size: int
    modified: int


def stamp(file: int | str | os.PathLike[str]) -> Stamp:
    """The stamp of a path, or of an open file."""
    found = os.stat(file)  # noqa: PTH116 - a Path has no open files
    return Stamp(found.st_size, found.st_mtime_ns)


def compare(where: str, then: Stamp, file: int | str | os.PathLike[str]) -> None:
    """Raise unless a file has the stamp that it had.

    Raises
    ------
    ChangedFileError
    """
    try:
        now = stamp(file)
    except OSError as error:
        raise ChangedFileError(where, f"it cannot be found any more ({error.strerror})") from error
    if now.size != then.size:
        raise ChangedFileError(where, f"it had {then.size} bytes and has {now.size} now")
    if now != then:
        raise ChangedFileError(where, "it was written to")


class Watch:
    """Checks whether a file has changed since this object was made.

    Parameters
    ----------
    file : path, or the number of an open file
        A path counts a file that is replaced or removed as changed; a number does not, since the open
        file can still be read.
    where : str
        What messages call it.
    """

    def __init__(self, file: int | str | os.PathLike[str], where: str) -> None:
        # Absolute, since the working directory may change.
        self._file = file if isinstance(file, int) else os.path.abspath(file)  # noqa: PTH100
        self._where = where
        self._then = stamp(self._file)

    def check(self) -> None:
        """Raise ChangedFileError if it has."""
        compare(self._where, self._then, self._file)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Check after reading; an error while reading a changed file becomes ChangedFileError."""
        try:
            yield
        except Exception as error:
            try:
                self.check()
            except ChangedFileError as changed:
                raise changed from error
            raise
        self.check()
