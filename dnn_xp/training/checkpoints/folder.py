"""The checkpoints of one training in a folder: numbered files, of which the newest are kept."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dnn_xp.backends.choice import level_of_user
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import counted
from dnn_xp.training.checkpoints.files import UnreadableError, read_checkpoint, write_checkpoint
from dnn_xp.training.state import Tensors

_NAME, _SUFFIX = "checkpoint-", ".safetensors"


class CheckpointWarning(UserWarning):
    """A checkpoint could not be written or read; the training goes on without it."""


def warn_of_checkpoint(text: str) -> None:
    """A CheckpointWarning at the user's line."""
    warnings.warn(CheckpointWarning(text), stacklevel=level_of_user())


class Saved(NamedTuple):
    """A checkpoint that was read: the file, a State's tensors, and what it belongs to."""

    path: Path
    tensors: Tensors
    description: dict[str, Any]


class Folder:
    """A folder of checkpoints.

    Parameters
    ----------
    path : str or PathLike
        Made when the first checkpoint is written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def files(self) -> list[tuple[int, Path]]:
        """Numbers and files, the oldest first."""
        found = []
        for each in self.path.glob(f"{_NAME}*{_SUFFIX}") if self.path.is_dir() else ():
            number = each.name.removeprefix(_NAME).removesuffix(_SUFFIX)
            if number.isdecimal():
                found.append((int(number), each))
        return sorted(found)

    def write(self, tensors: Tensors, description: dict[str, Any], keep: int) -> Path:
        """Write the next checkpoint, and remove all but the newest `keep`."""
        files = self.files()
        number = files[-1][0] + 1 if files else 1
        path = self.path / f"{_NAME}{number:08d}{_SUFFIX}"
        write_checkpoint(path, tensors, description)
        for _, old in files[: max(0, len(files) + 1 - keep)]:
            old.unlink(missing_ok=True)
        return path

    def newest(self, fits: Callable[[Saved], bool] = lambda saved: True) -> Saved | None:
        """The newest checkpoint that can be read and fits; a warning for each that cannot be read.

        Raises
        ------
        ArgumentValueError
            Where there are checkpoints, and none can be read.
        """
        files, read = self.files(), 0
        for _, path in reversed(files):
            try:
                saved = Saved(path, *read_checkpoint(path))
            except UnreadableError as error:
                warn_of_checkpoint(
                    f"the checkpoint {str(path)!r} cannot be read ({error}); trying the one before it"
                )
                continue
            read += 1
            if fits(saved):
                return saved
        if files and not read:
            raise ArgumentValueError(
                "checkpoint",
                f"{str(self.path)!r}, where {counted(len(files), 'checkpoint')} cannot be read",
                "a folder with a checkpoint that can be read",
                "begin again in another folder",
            )
        return None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder, lock it for one training, and remove what a killed one left."""
        self.path.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(handle, self.path)
            for left in self.path.glob(f"{_NAME}*{_SUFFIX}*.part"):
                left.unlink(missing_ok=True)
            yield
        finally:
            os.close(handle)


def _lock(handle: int, path: Path) -> None:
    """Lock an open file until it is closed or its process ends, where the system can."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ArgumentValueError(
            "checkpoint",
            f"{str(path)!r}, where another training is writing",
            "a folder of one training",
        ) from error
    except OSError:  # a file system without locks
        return
