"""Files that must stay as they were when they were opened, for as long as they are read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class ChangedFileError(OSError):
    """A file changed, or is gone, while it was being read: what was read of it is of no use.

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
    """What tells a file from a changed one: its size in bytes and when it was last written to."""

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
    """Looks whether a file is still what it was when this object was made.

    Parameters
    ----------
    file : path, or the number of an open file
        By its path a file that is replaced or removed has changed; by its number it has not, since
        its contents are still there to be read.
    where : str
        What messages call it.
    """

    def __init__(self, file: int | str | os.PathLike[str], where: str) -> None:
        # A later change of the working directory is no change of the file.
        self._file = file if isinstance(file, int) else os.path.abspath(file)  # noqa: PTH100
        self._where = where
        self._then = stamp(self._file)

    def check(self) -> None:
        """Raise ChangedFileError if it is not."""
        compare(self._where, self._then, self._file)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Look after each reading; an error while reading a file that changed is that it changed."""
        try:
            yield
        except Exception as error:
            try:
                self.check()
            except ChangedFileError as changed:
                raise changed from error
            raise
        self.check()
