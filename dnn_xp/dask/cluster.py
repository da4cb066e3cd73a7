"""The cluster as the client sees it: its workers, one task a worker, and what came of them."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dnn_xp.common.messages import counted, optional_package
from dnn_xp.dask.tasks import Anchor, passed
from dnn_xp.execution.memory import format_bytes

# Seconds between two looks at which workers there are, and to wait where there is none.
_LOOK, _WAIT = 1.0, 60.0
# Tasks whose worker died under them, again and again, are given up after so many rounds of Dask's own.
_ROUNDS = 3
# What is sent with each task, at most, in bytes; more is sent to one worker and passed on by it.
_SENT_TO_EACH = 8 << 20
_PREFIX = "dnn_xp"
# Parts that the client adds by itself; of more, workers add so many at once first.
FAN_IN = 16


class ClusterError(RuntimeError):
    """The cluster cannot compute: no workers, a scheduler that is gone, tasks that their workers do not survive."""


@dataclass
class Counts:
    """What a training took of the cluster, for the record of its model."""

    asked: int = 0
    used: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    tasks: int = 0
    moved: int = 0
    again: int = 0
    sent: int = 0
    received: int = 0
    read: int = 0

    def __str__(self) -> str:
        return (
            f"{counted(self.asked, 'worker')} at the start, {len(self.used)} used, {len(self.lost)} lost; "
            f"{counted(self.tasks, 'task')}, {self.moved} computed elsewhere than planned, "
            f"{self.again} submitted again; {format_bytes(self.sent)} sent, "
            f"{format_bytes(self.received)} received, {format_bytes(self.read)} read from files"
        )


class Cluster:
    """Runs one function on ranges of blocks, about one range a worker.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self._distributed = optional_package("distributed", purpose="dnn_xp.dask", extra="dask")
        self._name = uuid.uuid4().hex[:8]
        self._count = itertools.count()
        self._anchors: dict[Any, Any] = {}
        self._held: list[Any] = []
        self._staged: list[Any] = []
        self._workers: dict[str, int] = {}
        self._looked = -np.inf
        self.counts = Counts()
        self.counts.asked = len(self.workers())

    def workers(self) -> dict[str, int]:
        """Addresses and threads of the workers, as of a second ago."""
        if time.monotonic() - self._looked < _LOOK:
            return self._workers
        with self._reached():
            found = dict(self.client.nthreads())
        if not found:
            try:
                self.client.wait_for_workers(1, timeout=_WAIT)
            except TimeoutError as error:
                msg = f"{self._where()} has no workers, after {_WAIT:.0f} s; start some"
                raise ClusterError(msg) from error
            with self._reached():
                found = dict(self.client.nthreads())
        self._looked = time.monotonic()
        if found != self._workers:
            lost = self._workers.keys() - found.keys()
            self.counts.lost |= lost
            self._workers = dict(sorted(found.items()))
            self._anchors.clear()
        return self._workers

    def ranges(self, blocks: int) -> list[tuple[int, int]]:
        """Ranges of block numbers, about one a worker by its threads."""
        return ranges_of(blocks, list(self.workers().values()))

    def spread(self, count: int) -> list[dict[str, Any]]:
        """Where to put the first of several things first: on other workers once that one is gone."""
        addresses = list(self.workers())
        return [
            {"workers": [addresses[place * len(addresses) // count]], "allow_other_workers": True}
            for place in range(count)
        ]

    def anchors(self, name: str, ranges: Sequence[tuple[int, int]], nbytes: int) -> list[Any]:
        """Futures on the workers that keep these ranges of a file in memory; Dask sends tasks after them."""
        found = []
        for at, each in zip(self.spread(len(ranges)), ranges, strict=True):
            key = name, each, len(ranges)
            if key not in self._anchors:
                self._anchors[key] = self.client.submit(
                    Anchor,
                    nbytes // len(ranges),
                    key=f"{_PREFIX}-data-{self._name}-{next(self._count)}",
                    **at,
                )
            found.append(self._anchors[key])
        return found

    def shared(self, values: Any, nbytes: int) -> Any:
        """An argument of all tasks of a round: itself, or where that is much a future that workers pass on."""
        copies = len(self.workers())
        if nbytes * copies <= _SENT_TO_EACH or copies == 1:
            self.counts.sent += nbytes * copies
            return values
        self.counts.sent += nbytes
        key = f"{_PREFIX}-theta-{self._name}-{next(self._count)}"
        return self.client.submit(passed, values, key=key)

    def round(
        self,
        label: str,
        function: Callable[..., Any],
        *arguments: Sequence[Any],
        add: Callable[[Sequence[Any]], Any] | None = None,
    ) -> list[Any]:
        """[function(*each) for each of the arguments], computed by the workers.

        Where there are many, workers `add` neighbours before the client gets them.

        Raises
        ------
        ClusterError
        """
        futures: list[Any] = []
        for attempt in range(_ROUNDS):
            try:
                with self._reached():
                    futures = last = self._submit(label, function, arguments)
                    while add is not None and len(last) > FAN_IN:
                        groups = [last[k : k + FAN_IN] for k in range(0, len(last), FAN_IN)]
                        last = self._submit(f"{label}-added", add, (groups,))
                        futures = futures + last
                    return list(self.client.gather(last))
            except self._distributed.KilledWorker as error:
                self.counts.again += len(futures)
                self._looked = -np.inf
                self._retry()
                if attempt == _ROUNDS - 1:
                    raise ClusterError(self._killed(error)) from error
            finally:
                self._cancel([*futures, *self._staged])
        raise AssertionError

    def stage(
        self, label: str, function: Callable[..., Any], *arguments: Sequence[Any]
    ) -> list[Any]:
        """Futures of function(*each) for each of the arguments, for the tasks of the next round."""
        with self._reached():
            self._staged = self._submit(label, function, arguments)
        return self._staged

    def _submit(
        self, label: str, function: Callable[..., Any], arguments: tuple[Sequence[Any], ...]
    ) -> list[Any]:
        count = len(arguments[0])
        self.counts.tasks += count
        group = f"{_PREFIX}-{label}-{self._name}{next(self._count):08x}"
        keys = [(group, place) for place in range(count)]
        from dask import config

        with config.set({"distributed.admin.large-graph-warning-threshold": "1 PiB"}):
            futures: list[Any] = self.client.map(function, *arguments, key=keys, pure=False)
        return futures

    def hold(self, future: Any) -> Any:
        """A future that tasks of many rounds need: computed again where it is lost."""
        self._held.append(future)
        return future

    def _retry(self) -> None:
        """Compute again what was given up because the workers that it was on died."""
        kept = *self._held, *self._staged, *self._anchors.values()
        failed = [each for each in kept if each.status == "error"]
        if failed:
            self.client.retry(failed)

    def _cancel(self, futures: list[Any]) -> None:
        """Leave no tasks behind; those that are done need none of it."""
        left = [each for each in futures if not each.done()]
        if left and self.client.status == "running":
            self.client.cancel(left)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """A ClusterError where the scheduler is not reached; errors of tasks as they are."""
        distributed = self._distributed
        try:
            yield
        except (
            distributed.CancelledError,
            distributed.client.ClosedClientError,
            distributed.comm.CommClosedError,
            TimeoutError,
        ) as error:
            raise ClusterError(self._gone()) from error
        except (OSError, RuntimeError, AttributeError) as error:
            # A client that lost its scheduler has None in its place.
            if self.client.status == "running" and self.client.scheduler is not None:
                raise
            raise ClusterError(self._gone()) from error

    def _where(self) -> str:
        return f"the cluster at {self.client.scheduler.address if self.client.scheduler else '?'}"

    def _gone(self) -> str:
        return (
            f"{self._where()} is gone, or cancelled the tasks of this training. Start a scheduler and "
            "workers; with checkpoint=folder the training goes on from there by resume=True"
        )

    def _killed(self, error: BaseException) -> str:
        return (
            f"{self._where()} lost the workers of a task each time it was computed ({error}). If they "
            "ran out of memory, give them more of it, or pass a smaller block_size"
        )


def ranges_of(blocks: int, threads: Sequence[int]) -> list[tuple[int, int]]:
    """Block numbers in consecutive ranges, proportional to threads and aligned to subtrees of the tree.

    An aligned range is one node of the tree, others several; it is a twentieth larger than its share
    at most, where there are blocks enough.

    >>> ranges_of(16, [1, 1]), ranges_of(5, [1, 1]), ranges_of(2, [1, 1, 1])
    ([(0, 8), (8, 16)], [(0, 3), (3, 5)], [(0, 1), (1, 2)])
    """
    shares = np.cumsum([0, *threads]) / sum(threads) * blocks
    widest = np.diff(shares).max()
    unit = 1 << max(0, int(widest).bit_length() - 1)
    while True:
        edges = np.minimum(np.floor(shares / unit + 0.5).astype(np.int64) * unit, blocks)
        edges[-1] = blocks
        if unit == 1 or np.diff(edges).max() <= 1.05 * widest:
            break
        unit //= 2
    pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return [(first, last) for first, last in pairs if last > first]
