"""Files that appear whole or not at all, and stay after a power cut."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dnn_xp.common.errors import ArgumentValueError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Errors of a device: they carry no path.
_OF_DEVICES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
# A temporary file younger than that may not be locked yet.
_SECONDS_TO_LOCK = 5.0


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, which replaces `path` after the block; removed on an error.

    The new file is synced to disk before the replacement and its folder after it, so that `path`
    is the old file or the whole new one at every moment. A file that is replaced keeps its mode,
    and of a symbolic link the target is replaced. A new file has the mode that the umask gives.
    Temporary files of `path` that killed processes left are removed.

    Raises
    ------
    OSError
        When the disk is full, the folder read-only and the like; it names `path`.
    ArgumentValueError
        For a device or a pipe, which a file must not replace.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise ArgumentValueError("path", f"{str(path)!r}, which is no file", "the path of a file")
    _remove_abandoned(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
    except OSError as error:
        raise _naming(path, error) from error
    temporary = Path(name)
    try:
        if fcntl is None:
            os.close(handle)  # Windows moves no open file
        else:
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield temporary
        temporary.chmod(_mode(path))
        _sync(temporary, os.O_RDWR)
        temporary.replace(path)
        with contextlib.suppress(OSError):  # Windows opens no folders
            _sync(path.parent, os.O_RDONLY)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and _is_of(error, temporary):
            raise _naming(path, error) from error
        raise
    finally:
        if fcntl is not None:
            os.close(handle)


def _is_of(error: OSError, temporary: Path) -> bool:
    """Whether writing caused the error: the caller's block may read other files, too."""
    if error.filename is None:
        return error.errno in _OF_DEVICES
    return str(error.filename) == str(temporary)


def _naming(path: Path, error: OSError) -> OSError:
    """The same error, of the same subclass, with the path that was to be written."""
    said = f"{error.strerror or error}; it cannot be written"
    return OSError(error.errno or errno.EIO, said, str(path))


def _remove_abandoned(path: Path) -> None:
    """Remove the temporary files of `path` without a lock: a lock ends with its process."""
    if fcntl is None:
        return
    pattern = re.compile(re.escape(path.name) + r"\.[a-z0-9_]{8}\.part")
    with contextlib.suppress(OSError):
        for each in path.parent.iterdir():
            if (
                pattern.fullmatch(each.name)
                and time.time() - each.stat().st_mtime > _SECONDS_TO_LOCK
            ):
                _remove_unlocked(each)


def _remove_unlocked(path: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(handle)


def _mode(path: Path) -> int:
    """The mode of the file at `path`, or that of a new file."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        # Setting the mask is the only way to read it.
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _sync(path: Path, flags: int) -> None:
    """Write a file, or a folder's entries, to disk."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
