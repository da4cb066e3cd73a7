"""What workers must have, asked of each before the first task: dnn_xp, the files, memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import dnn_xp
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import counted
from dnn_xp.dask.cluster import Cluster
from dnn_xp.dask.examples import Shared
from dnn_xp.execution.memory import format_bytes
from dnn_xp.training.run import Run


def check_workers(cluster: Cluster) -> None:
    """Refuse workers without dnn_xp, or with another version.

    Raises
    ------
    ArgumentValueError
    """
    found = cluster.client.run(_version, on_error="return")
    wrong = {
        address: f"without dnn_xp ({each})" if isinstance(each, Exception) else f"with {each}"
        for address, each in found.items()
        # A worker that died meanwhile lacks nothing.
        if each != dnn_xp.__version__ and not isinstance(each, OSError)
    }
    if wrong:
        what = "; ".join(sorted({*wrong.values()}))
        raise ArgumentValueError(
            "client",
            f"{counted(len(wrong), 'worker')} {what}, the first at {next(iter(wrong))}",
            f"one whose workers have dnn_xp {dnn_xp.__version__}, as the client has",
            "install it on the workers, for instance in their image or environment",
        )


def _version() -> str:
    import dnn_xp

    return dnn_xp.__version__


def check_sources(cluster: Cluster, given: Sequence[Shared], run: Run) -> None:
    """Refuse files that workers do not see, and workers with less memory than a task takes.

    Raises
    ------
    ArgumentValueError
    """
    stored = [data for each in given for data in each.where.stored if data is not None]
    found = cluster.client.run(_seen, stored, on_error="return")
    for address, said in found.items():
        if isinstance(said, OSError):  # it died meanwhile
            continue
        error, limit = (repr(said), 0) if isinstance(said, Exception) else said
        if error:
            raise ArgumentValueError(
                "X",
                f"a file that the worker at {address} cannot read: {error}",
                "on storage that all workers see by the same path",
                "use a shared folder, or pass an array or a dask.array",
            )
        needed = _needed(run, given[0], cluster.workers().get(address, 1))
        if limit and needed > limit:
            raise ArgumentValueError(
                "client",
                f"a worker at {address} with a memory limit of {format_bytes(limit)}",
                f"one whose workers have {format_bytes(needed)}, which a task takes",
                "start workers with more memory or fewer threads, or pass a smaller block_size",
            )


def _seen(stored: list[bytes], dask_worker: Any) -> tuple[str, int]:
    """Why this worker cannot read a file, or ""; its memory limit in bytes, 0 without one."""
    from dnn_xp.dask.cache import opened

    limit = dask_worker.memory_manager.memory_limit or 0
    try:
        for data in stored:
            opened(data)[1].block(0, 1)
    except Exception as error:
        return f"{type(error).__name__}: {error}", limit
    return "", limit


def _needed(run: Run, shared: Shared, threads: int) -> int:
    """Bytes of a task: nodes of the tree, and blocks with their activations."""
    itemsize, m = np.dtype(run.dtype).itemsize, shared.where.m
    size = min(run.block_size(m), m)
    nodes = threads + 2 * max(1, math.ceil(math.log2(-(-m // size) + 1)))
    activations = 3 * run.network.members * sum(run.network.sizes) * size * threads
    return itemsize * ((nodes + 1) * run.network.parameter_count + activations)
