"""Files that appear whole or not at all, and stay after a power cut."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dnn_xp.common.errors import ArgumentValueError


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, which replaces `path` after the block; removed on an error.

    The new file is synced to disk before the replacement and its folder after it, so that `path`
    is the old file or the whole new one at every moment. A file that is replaced keeps its mode,
    and of a symbolic link the target is replaced. A new file has the mode that the umask gives.

    Raises
    ------
    ArgumentValueError
        For a device or a pipe, which a file must not replace.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise ArgumentValueError("path", f"{str(path)!r}, which is no file", "the path of a file")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(_mode(path))
        _sync(temporary)
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _mode(path: Path) -> int:
    """The mode of the file at `path`, or that of a new file."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        # The mask can only be read by setting it.
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _sync(path: Path) -> None:
    """Write a file to disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(path: Path) -> None:
    """Write a folder's entries to disk, where the system can: Windows opens no folders."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
