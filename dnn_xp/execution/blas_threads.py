"""BLAS on one thread while engines are at work: the machine's cores go to their threads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController


class _OneBlasThread:
    """Holds BLAS to one thread while at least one engine is at work in this process.

    The limit is a process-wide setting, so it is counted: the first engine in sets it, the last one
    out restores what was there before. That makes nested and concurrent engines safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._controller: ThreadpoolController | None = None
        self._limiter: Any = None
        self._modules = 0

    def acquire(self) -> None:
        with self._lock:
            if self._users == 0:
                if self._controller is None or self._modules != len(sys.modules):
                    # Looking for BLAS libraries takes milliseconds, hence only when something was
                    # imported that may have brought one, as SciPy does.
                    self._modules = len(sys.modules)
                    self._controller = ThreadpoolController().select(user_api="blas")
                with _any_thread_may_set():
                    self._limiter = self._controller.limit(limits=1)
            self._users += 1

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                with _any_thread_may_set():
                    self._limiter.restore_original_limits()


@contextmanager
def _any_thread_may_set() -> Iterator[None]:
    """Lift threadpoolctl's rule that the thread which has set OpenBLAS once is the only one that may.

    Since 3.8 the calls of all others do nothing while that thread lives: engines on a second thread
    would not be limited, and a limit that another thread has to restore would stay for good.
    """
    release = getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)
    release(force=True)
    yield
    release(force=True)


one_blas_thread = _OneBlasThread()
