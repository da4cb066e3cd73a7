"""BLAS on one thread while engines compute: the machine's cores go to their threads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController


class OneBlasThread:
    """Holds BLAS to one thread from `acquire` to `release`, or to the end of this object."""

    def acquire(self) -> None:
        """Limit BLAS."""
        _limit.acquire(id(self))

    def release(self) -> None:
        """Restore what was before, once no other engine needs the limit; may be called again."""
        _limit.release(id(self))

    def __del__(self) -> None:
        # Ctrl-C may come right before the first instruction of `release`.
        self.release()


class _Limit:
    """The limit, which is a setting of the process: the first user sets it, the last one lifts it.

    What has to be restored is noted before it is changed, and both methods may be called again after
    an interruption.
    """

    def __init__(self) -> None:
        # Reentrant: __del__ of a user may run while this thread holds it.
        self._lock = threading.RLock()
        self._users: set[int] = set()
        self._libraries: list[Any] | None = None
        self._before: list[tuple[Any, int]] = []
        self._modules = 0

    def acquire(self, user: int) -> None:
        with self._lock:
            self._users.add(user)
            if not self._before:
                self._before = [
                    (library, library.num_threads) for library in self._loaded_libraries()
                ]
                with _any_thread_may_set():
                    for library, _ in self._before:
                        library.set_num_threads(1)

    def release(self, user: int) -> None:
        with self._lock:
            self._users.discard(user)
            if self._before and not self._users:
                with _any_thread_may_set():
                    for library, threads in self._before:
                        library.set_num_threads(threads)
                self._before = []

    def _loaded_libraries(self) -> list[Any]:
        # The search takes milliseconds, hence only after an import, which may have loaded one, as
        # that of SciPy does.
        modules = len(sys.modules)
        if self._libraries is None or self._modules != modules:
            controller = ThreadpoolController().select(user_api="blas")
            self._libraries, self._modules = controller.lib_controllers, modules
        return self._libraries


@contextmanager
def _any_thread_may_set() -> Iterator[None]:
    """Lift threadpoolctl's rule that only the thread which first set OpenBLAS may set it.

    Since 3.8 the calls of other threads do nothing while that thread lives: engines on a second
    thread would not be limited, and another thread could not restore their limit.
    """
    release = getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)
    release(force=True)
    try:
        yield
    finally:
        release(force=True)


_limit = _Limit()
