"""Mini-batches on a cluster: the client draws positions, the workers have the examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.dask.cluster import Cluster
from dnn_xp.dask.tasks import Range, Where, picked
from dnn_xp.training.batches import Batch, Batches


class ClusterBatches(Batches):
    """Batches of an epoch, whose runs of a file are read by the workers."""

    _examples: Any

    def _from_file(self, rng: np.random.Generator) -> Any:
        for start, stop in self._runs(rng):
            yield from self._shuffled(self._examples.of_run(start, stop), rng)


class BatchTasks:
    """The tasks of a mini-batch.

    Of examples in memory, each worker first picks the chosen ones among the pieces that it keeps, and the tasks
    of a range of blocks read what was picked: the examples are sent once, and of a batch the positions.
    Of a file the tasks read the run that the batch is chosen from.

    Parameters
    ----------
    cluster : Cluster
    batch : Batch
        Of ClusterExamples.
    size : int
        Examples of a block.
    """

    def __init__(self, cluster: Cluster, batch: Batch, size: int) -> None:
        examples: Any = batch.examples
        self._m, self._size, self._shared = batch.m, size, examples.shared
        self._chosen = _positions(batch.chosen, examples.m)
        where = self._shared.where
        if examples.run is not None:
            low, high = examples.run
            self._where = where._replace(m=high - low, run=examples.run)
            self._pieces = self._shared.of(low, high, low)
        elif (parts := self._shared.parts(len(cluster.workers()))) and len(parts) == 1:
            self._where, self._pieces = where, parts[0]
        else:
            self._where = Where((None,) * 3, batch.m, 1)
            self._pieces = self._picked(cluster, parts)
        cluster.counts.sent += self._chosen.nbytes

    def task(self, first: int, last: int) -> tuple[Where, Range, list[Any]]:
        """Arguments of the task of blocks first to last - 1."""
        chosen = self._chosen[first * self._size : min(last * self._size, self._m)]
        return self._where, Range(first, last, chosen), self._pieces

    def _picked(self, cluster: Cluster, parts: list[list[tuple[int, Any]]]) -> list[Any]:
        """What the workers pick, one part after the other; `_chosen` becomes the places in it."""
        starts = np.array([part[0][0] for part in parts])
        owners = np.searchsorted(starts, self._chosen, side="right") - 1
        order = np.argsort(owners, kind="stable")
        edges = np.searchsorted(owners[order], np.arange(len(parts) + 1))
        pieces, positions, found = [], [], []
        for part, low, high in zip(parts, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if high > low:
                origin = part[0][0]
                pieces.append([(start - origin, piece) for start, piece in part])
                positions.append(_positions(self._chosen[order[low:high]] - origin, high))
                found.append(low)
        cluster.counts.sent += sum(each.nbytes for each in positions)
        places = np.empty_like(order)
        places[order] = np.arange(len(order))
        self._chosen = _positions(places, len(order))
        return list(zip(found, cluster.stage("picked", picked, pieces, positions), strict=True))


def _positions(positions: np.ndarray, m: int) -> np.ndarray:
    """Positions among m examples in few bytes."""
    return positions.astype(np.int32 if m <= np.iinfo(np.int32).max else np.int64)
