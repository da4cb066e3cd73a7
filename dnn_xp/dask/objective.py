"""J(theta) and its gradient with sums that the workers compute and the client adds in the order of the tree."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from dnn_xp.backends.record import Backend
from dnn_xp.common.messages import optional_package
from dnn_xp.dask import pickled  # noqa: F401 - how sources go through pickle
from dnn_xp.dask.batches import BatchTasks
from dnn_xp.dask.cluster import Cluster
from dnn_xp.dask.examples import ClusterExamples
from dnn_xp.dask.jobs import OF_THE_CLIENT, Device, Job
from dnn_xp.dask.tasks import Part, added, moments, plus, sums
from dnn_xp.dask.tasks import merged_moments as merged
from dnn_xp.data.finite import VALUES_OF_A_BLOCK, examples_of_a_block
from dnn_xp.data.standardize import Moments
from dnn_xp.execution.objective import Objective, Sum
from dnn_xp.execution.tree import total
from dnn_xp.formulas.network import Network
from dnn_xp.training.batches import Batch


class ClusterObjective(Objective):
    """An Objective whose blocks are computed by the workers of a cluster.

    Parameters
    ----------
    cluster : Cluster
    device : Device
        Where the workers compute.
    network, backend, **how
        As of `Objective`; the workers make theirs of the same ones.
    """

    def __init__(
        self, cluster: Cluster, device: Device, network: Network, backend: Backend, **how: Any
    ) -> None:
        super().__init__(network, backend, **how)
        self._cluster = cluster
        pickler = optional_package("cloudpickle", purpose="dnn_xp.dask", extra="dask")
        of_workers = {name: value for name, value in how.items() if name not in OF_THE_CLIENT}
        self._job: bytes = pickler.dumps(Job(device, network, of_workers))

    def _fold(self, wanted: Sum) -> tuple[Any, ...]:
        backend, cluster = self.backend, self._cluster
        examples, size = wanted.examples, wanted.block_size
        theta = np.ascontiguousarray(backend.to_host(wanted.theta))
        asked = (wanted.name, size, tuple(map(backend.to_host, wanted.more)), wanted.seeds)
        ranges = cluster.ranges(-(-examples.m // size))
        parts = cluster.round(
            wanted.name,
            sums,
            *_repeated(len(ranges), asked, cluster.shared(theta, theta.nbytes), self._job),
            *_tasks(cluster, examples, ranges, size),
            add=added,
        )
        values = total(_nodes(cluster, parts), combine=plus)
        if backend.library == "numpy":
            return values
        return tuple(backend.from_host(np.asarray(each)) for each in values)


def cluster_moments(cluster: Cluster, examples: ClusterExamples) -> Moments:
    """The moments of X, with the bits of `source_moments`."""
    size = min(examples_of_a_block(examples.X.n, values=VALUES_OF_A_BLOCK), examples.m)
    ranges = cluster.ranges(-(-examples.m // size))
    tasks = _tasks(cluster, examples, ranges, size)
    parts = cluster.round("moments", moments, *_repeated(len(ranges), size), *tasks)
    found: Moments = total(_nodes(cluster, parts), combine=merged)[0]
    return found


def _tasks(
    cluster: Cluster, examples: Any, ranges: list[tuple[int, int]], size: int
) -> list[Sequence[Any]]:
    """The last arguments of `sums` and `moments`, each a sequence of one a range."""
    anchors: Sequence[Any] = [None] * len(ranges)
    if isinstance(examples, Batch):
        of_batch = BatchTasks(cluster, examples, size)
        tasks = [of_batch.task(*each) for each in ranges]
    else:
        tasks = [examples.task(*each, size) for each in ranges]
        if examples.shared.nbytes:
            anchors = cluster.anchors(examples.shared.name, ranges, examples.shared.nbytes)
    where, blocks, pieces = zip(*tasks, strict=True)
    return [where, [examples.m] * len(ranges), blocks, pieces, anchors]


def _repeated(count: int, *values: Any) -> list[list[Any]]:
    return [[each] * count for each in values]


def _nodes(cluster: Cluster, parts: list[Part]) -> list[Any]:
    """The nodes of all parts."""
    return [node for part in _counted(cluster, parts) for node in part.nodes]


def _counted(cluster: Cluster, parts: list[Part]) -> list[Part]:
    counts = cluster.counts
    ran = [address for part in parts for address in part.workers]
    counts.used.update(ran)
    counts.moved += sum(map(operator.ne, ran, cluster.workers()))
    counts.read += sum(part.read for part in parts)
    values = [each for part in parts for node in part.nodes for each in node.value]
    counts.received += sum(int(getattr(each, "nbytes", 0)) for each in values)
    return parts
