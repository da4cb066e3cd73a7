"""Threads that work beside the calling thread, which Ctrl-C may interrupt between any two instructions.

Signals reach the main thread alone. It may be interrupted inside the Python code of
`threading.Condition`, which then keeps its lock, and every thread that notifies it waits for good:
`threading.Event`, `threading.Thread.start`, `queue.Queue` and `concurrent.futures` are made of
conditions. The calling thread therefore waits only in `queue.SimpleQueue` and in `Thread.join`,
which hold no lock that a worker needs, and workers are started by a thread of their own.
"""

from __future__ import annotations

import _thread
import threading
import zlib
from collections.abc import Callable
from contextvars import Context, copy_context
from queue import SimpleQueue

# A spinning thread looks again after 10 us of work that needs neither interpreter lock nor memory.
_SPIN = bytes(1 << 16)
_SPINS = 20

_Task = tuple[Context, Callable[[], None], "SimpleQueue[None]"]
_Tasks = SimpleQueue[_Task | None]


class Workers:
    """Threads that run tasks in the order in which these were given; use from one thread at a time.

    Parameters
    ----------
    name : str
        Of the threads, followed by their number.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: _Tasks = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def grow(self, count: int) -> int:
        """Have at least `count` threads if the system starts so many; how many there are."""
        missing = count - len(self._threads)
        if missing > 0:
            started: SimpleQueue[None] = SimpleQueue()
            threads = [
                # Daemons, so that a process whose second Ctrl-C came in `close` can end.
                threading.Thread(
                    target=_serve,
                    args=(self._tasks,),
                    name=f"{self._name}_{len(self._threads) + number}",
                    daemon=True,
                )
                for number in range(missing)
            ]
            try:
                _thread.start_new_thread(_start, (threads, self._threads, started))
            except (RuntimeError, MemoryError):  # can't start new thread
                return len(self._threads)
            started.get()
        return len(self._threads)

    def submit(self, task: Callable[[], None], count: int = 1) -> Work:
        """Run `task`, which handles its own errors, `count` times, in copies of the caller's context."""
        work = Work(count)
        for _ in range(count):
            # The context brings np.errstate and the size of NumPy's buffer.
            self._tasks.put((copy_context(), task, work.finished))
        return work

    def stop(self) -> None:
        """Have the threads end after the tasks that were given, those that are being started as well."""
        self._tasks.put(None)
        # New tasks get new threads.
        self._tasks, self._threads = SimpleQueue(), []

    def close(self) -> None:
        """End the threads, and wait for the tasks that were given."""
        threads = self._threads
        self.stop()
        for thread in threads:
            thread.join()

    def __del__(self) -> None:
        # Without `close`, where Ctrl-C came before its first instruction; or before the last one of
        # __init__.
        if hasattr(self, "_threads"):
            self.stop()


class Work:
    """Tasks that were given to workers.

    Attributes
    ----------
    finished : SimpleQueue
        An entry for each task that has ended.
    """

    __slots__ = ("_count", "finished")

    def __init__(self, count: int) -> None:
        self._count = count
        self.finished: SimpleQueue[None] = SimpleQueue()

    def wait(self) -> None:
        """Wait for all, once. Spins for up to 0.2 ms before blocking: blocking and waking costs about 50 us.

        That is a tenth of a step that shares two products: workers mostly have a part of a product
        left when the calling thread has none.
        """
        for _ in range(_SPINS):
            if self.finished.qsize() == self._count:
                return
            zlib.crc32(_SPIN)
        for _ in range(self._count):
            self.finished.get()


def _start(
    threads: list[threading.Thread], started: list[threading.Thread], done: SimpleQueue[None]
) -> None:
    """Start threads, and list those that have started; runs on a thread that no signal interrupts."""
    try:
        for thread in threads:
            thread.start()
            started.append(thread)
    except (RuntimeError, MemoryError):  # can't start new thread
        pass
    finally:
        done.put(None)


def _serve(tasks: _Tasks) -> None:
    """Run tasks until the queue gives None."""
    while True:
        task = tasks.get()
        if task is None:
            tasks.put(None)  # for the other threads of this queue
            return
        context, function, finished = task
        try:
            context.run(function)
        finally:
            # Before others are told: what the task holds must be free when they go on.
            del task, context, function
            finished.put(None)
            del finished
