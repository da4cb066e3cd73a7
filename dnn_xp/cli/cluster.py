"""Where a training runs: in this process, or on the Dask cluster that --scheduler names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from dnn_xp.model.model import Model
from dnn_xp.training.train import train


@contextmanager
def where_to_train(scheduler: str | None) -> Iterator[Callable[..., Model]]:
    """`dnn_xp.train`, or that of the Dask cluster whose scheduler has this address."""
    if scheduler is None:
        yield train
        return
    from dnn_xp.dask import train as train_on_cluster
    from dnn_xp.dask.clients import connected

    with connected(scheduler, "--scheduler") as client:
        yield partial(train_on_cluster, client)
