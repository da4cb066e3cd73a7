"""Writes the states of a training on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from dnn_xp.formulas.types import Array
from dnn_xp.model.history import StopReason
from dnn_xp.training.checkpoints.folder import Folder, warn_of_checkpoint
from dnn_xp.training.checkpoints.options import seconds_of
from dnn_xp.training.checkpoints.signals import Signals
from dnn_xp.training.state import Report, State


class Keeper:
    """The `Watch` that writes checkpoints.

    The calling thread copies the arrays to the host; a thread of its own writes them, one state at a
    time. While it writes, no other state is due. What could not be written is a warning at the next
    state, and the training goes on.

    Parameters
    ----------
    folder : Folder
        Where to write.
    every : int or str
        Iterations or epochs between two states, or a time.
    keep : int
        Checkpoints to keep.
    description : dict
        What the states belong to.
    to_host : callable
        Copies an array to the host.
    signals : Signals
        What asks the training to stop.
    """

    def __init__(
        self,
        folder: Folder,
        every: int | str,
        keep: int,
        description: dict[str, Any],
        to_host: Callable[[Array], np.ndarray],
        signals: Signals,
    ) -> None:
        self._folder, self._keep = folder, keep
        self._count = every if isinstance(every, int) else None
        self._seconds = seconds_of(every) if isinstance(every, str) else 0.0
        self.description = description
        self._to_host = to_host
        self.signals = signals
        self._reports = _ReportTable()
        self._thread: threading.Thread | None = None
        self._before_end: State | None = None
        self._failed: list[tuple[int, Exception]] = []
        self._progress, self._time = 0, time.monotonic()

    def started(self, progress: int) -> None:
        """Count from here."""
        self._progress, self._time = progress, time.monotonic()

    @property
    def requested(self) -> bool:
        """Whether a signal has asked to stop."""
        return self.signals.received is not None

    def due(self, progress: int) -> bool:
        """Whether it is time for a state, and the one before it is written."""
        if self._count is None:
            late = time.monotonic() - self._time >= self._seconds
        else:
            late = progress - self._progress >= self._count
        return late and (self._thread is None or not self._thread.is_alive())

    def take(self, state: State) -> None:
        """Write a state while the training goes on."""
        self._warn()
        self.started(state.epoch or state.iteration)
        hosted = state.on_host(self._to_host)
        thread = threading.Thread(
            target=self._write, args=(hosted,), name="dnn_xp checkpoint", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no more threads
            self._write(hosted)
        else:
            self._thread = thread

    def end(self, state: State) -> None:
        """Hold the last state from which a longer training goes on."""
        self._before_end = state

    def finish(self, state: State) -> None:
        """Write the last state; it is on disk, or a warning was given, when this returns."""
        self.wait()
        if state.stopped is StopReason.COMPLETED and self._before_end is not None:
            self._write(self._before_end.on_host(self._to_host))
        self._write(state.on_host(self._to_host))
        self._warn()

    def wait(self) -> None:
        """Wait for the state that is being written."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _write(self, state: State) -> None:
        try:
            tensors = state.tensors(self._reports.of)
            self._folder.write(tensors, self.description, self._keep)
        except Exception as error:  # a failed checkpoint does not end the training
            self._failed.append((state.iteration, error))

    def _warn(self) -> None:
        failed, self._failed = self._failed, []
        for iteration, error in failed:
            warn_of_checkpoint(
                f"the checkpoint of iteration {iteration} could not be written to "
                f"{str(self._folder.path)!r} ({error}); the training goes on, and earlier "
                "checkpoints are as they were"
            )


class _ReportTable:
    """The reports of a growing state as a table, to which each call adds the new ones only."""

    def __init__(self) -> None:
        self._table = np.empty((64, len(Report._fields)))
        self._newest: Any = None
        self._count = 0

    def of(self, state: State) -> np.ndarray:
        """(reports, figures) float64, the oldest first."""
        new, node = [], state.reports
        while node is not None and node is not self._newest:
            new.append(node[0])
            node = node[1]
        if node is None:  # another training's, or one that went back
            self._count = 0
        if self._count + len(new) > len(self._table):
            larger = np.empty((2 * (self._count + len(new)), self._table.shape[1]))
            larger[: self._count] = self._table[: self._count]
            self._table = larger
        for report in reversed(new):
            self._table[self._count] = report
            self._count += 1
        self._newest = state.reports
        return self._table[: self._count]
