"""SIGINT and SIGTERM while a training is kept: the first asks it to stop, the second stops it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Signals:
    """Handles SIGINT and SIGTERM in the main thread; Python allows no other thread to do so.

    A SIGINT handler of the program's own and signals that are ignored stay as they are.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                before = signal.getsignal(number)
                usual = before is signal.default_int_handler or number == signal.SIGTERM
                if usual and before not in (None, signal.SIG_IGN):
                    self._before[number] = before
                    signal.signal(number, self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    def _restore(self) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.received is None:
            self.received = number
            return
        self._restore()
        signal.raise_signal(number)
