"""Where a training runs: in this process, or on the Dask cluster that --scheduler names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import optional_package
from dnn_xp.model.model import Model
from dnn_xp.training.train import train


@contextmanager
def where_to_train(scheduler: str | None) -> Iterator[Callable[..., Model]]:
    """`dnn_xp.train`, or that of the Dask cluster whose scheduler has this address."""
    if scheduler is None:
        yield train
        return
    distributed = optional_package("distributed", purpose="--scheduler", extra="dask")
    from dnn_xp.dask import train as train_on_cluster

    try:
        client = distributed.Client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        wanted = "the address of a Dask scheduler such as tcp://10.0.0.1:8786"
        raise ArgumentValueError("--scheduler", f"{scheduler!r} ({error})", wanted) from error
    with client:
        yield partial(train_on_cluster, client)
