"""Errors of the packages that read files, as errors of this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dnn_xp.common.errors import ArgumentError, ArgumentValueError
from dnn_xp.common.watched import ChangedFileError


@contextmanager
def refusing(
    argument: str, where: str, wanted: str = "a file of one array of numbers or text"
) -> Iterator[None]:
    """A file that a package cannot read is an ArgumentValueError that names the file.

    Errors of the system that name their path stay as they are, and so do errors of this package.
    """
    try:
        yield
    except (ArgumentError, ChangedFileError, ImportError, MemoryError):
        raise
    # Packages raise many types for a bad file, internal errors among them.
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
            raise
        got = f"{where}, which cannot be read ({str(error) or type(error).__name__})"
        raise ArgumentValueError(argument, got, wanted) from error
