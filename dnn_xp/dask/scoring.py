"""predict and evaluate on a cluster."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from dnn_xp.common.contexts import in_own_context
from dnn_xp.common.messages import optional_package
from dnn_xp.dask.checks import check_workers
from dnn_xp.dask.cluster import Cluster
from dnn_xp.dask.collections import DaskSource, taken
from dnn_xp.dask.examples import ClusterExamples, share
from dnn_xp.dask.objective import ClusterObjective
from dnn_xp.dask.tasks import Job
from dnn_xp.data.finite import check_cost
from dnn_xp.data.given import Given
from dnn_xp.data.sources.base import ArraySource, Source
from dnn_xp.data.sources.subset import RangeSource
from dnn_xp.execution.block_size import block_size_of
from dnn_xp.execution.engine import Engine, block_ranges
from dnn_xp.execution.scoring import Evaluation, score
from dnn_xp.model.model import Model, given_for, targets_for

# Bytes of the examples of a chunk of predictions, where X has no chunks.
_CHUNK = 64 << 20


def predict(client: Any, model: Model, X: Any, *, examples: str | None = None) -> Any:
    """Labels, or values for a regression, as a dask.array with the chunks of X.

    Parameters
    ----------
    client : distributed.Client
        Its workers need dnn_xp of the same version.
    model : Model
    X : path, list of paths, dask.array, dask.dataframe, or array (n_x, m)
        As of :func:`dnn_xp.dask.train`.
    examples : {"columns", "rows"}, optional
        As of :func:`dnn_xp.train`.

    Returns
    -------
    dask.array.Array
        What :meth:`dnn_xp.Model.predict` gives for each chunk: (m,), or (n_L, m) for several outputs,
        (m, n_L) with ``examples="rows"``. The client's workers compute it when it is asked for.

    Raises
    ------
    ArgumentError
        For workers without dnn_xp, and for other features than the model's.

    Examples
    --------
    >>> import numpy as np, dask.array, dnn_xp, dnn_xp.dask
    >>> from distributed import Client
    >>> X = np.random.default_rng(0).standard_normal((2, 500))
    >>> model = dnn_xp.train(X, X[0] > X[1], iterations=10)
    >>> with Client(processes=False, n_workers=2, dashboard_address=None) as client:
    ...     labels = dnn_xp.dask.predict(client, model, dask.array.from_array(X, chunks=(2, 100)))
    ...     found = labels.compute()
    >>> labels.chunks, bool((found == model.predict(X)).all())
    (((100, 100, 100, 100, 100),), True)
    """
    array = optional_package("dask.array", purpose="dnn_xp.dask", extra="dask")
    delayed = optional_package("dask", purpose="dnn_xp.dask", extra="dask").delayed
    check_workers(Cluster(client))
    given = _given(model, X, None, examples)
    source, rows = given.X, given.examples == "rows"
    of_arrays = replace(model, encoder=None)
    flat = model.kind in ("binary", "multiclass") or (
        model.kind == "regression" and model.flat_targets
    )
    like = _of_block(of_arrays, np.zeros((source.n, 1), source.dtype), False)
    held = delayed(of_arrays, pure=True)
    parts = []
    for start, stop in _chunks(source):
        block = _block(source, start, stop, delayed)
        shape = (stop - start,) if flat else _ordered((model.sizes[-1], stop - start), rows)
        values = delayed(_of_block)(held, block, rows)
        parts.append(array.from_delayed(values, shape=shape, dtype=like.dtype))
    return array.concatenate(parts, axis=0 if flat or rows else 1)


@in_own_context
def evaluate(
    client: Any,
    model: Model,
    X: Any,
    Y: Any,
    *,
    examples: str | None = None,
    sample_weight: Any = None,
) -> Evaluation:
    """Cost and score as :meth:`dnn_xp.Model.evaluate` gives them, computed by the workers, with the same bits.

    Parameters
    ----------
    client : distributed.Client
    model : Model
    X, Y : as of :func:`dnn_xp.dask.train`
    examples : {"columns", "rows"}, optional
    sample_weight : array (m,), optional

    Returns
    -------
    Evaluation

    Raises
    ------
    ArgumentError
        As :meth:`dnn_xp.Model.evaluate`; and for workers without dnn_xp or with another version.

    Examples
    --------
    >>> import numpy as np, dnn_xp, dnn_xp.dask
    >>> from distributed import Client
    >>> X = np.random.default_rng(0).standard_normal((2, 500))
    >>> model = dnn_xp.train(X, X[0] > X[1], iterations=10)
    >>> with Client(processes=False, n_workers=2, dashboard_address=None) as client:
    ...     found = dnn_xp.dask.evaluate(client, model, X, X[0] > X[1])
    >>> found == model.evaluate(X, X[0] > X[1])
    True
    """
    given = _given(model, X, Y, examples)
    targets, weights = targets_for(model, given, sample_weight)
    cluster = Cluster(client)
    check_workers(cluster)
    backend, dtype = model.backend, model.dtype
    block_size = block_size_of(
        "auto", model.sizes, dtype=dtype, backend=backend, ensemble=model.network.ensemble
    )
    sources = (given.X, targets, weights)
    shared = share(cluster, "evaluated", sources, block_size(given.X.m))
    of_model: Any = {
        "standardization": model.standardization,
        "target_standardization": model.target_standardization,
        "orientation": model.settings.get("layout"),
    }
    job = Job(
        model.network,
        dtype,
        dtype,
        **of_model,
        device="cuda" if backend.device_name.startswith("cuda") else "cpu",
        fallback=True,
        blas="auto",
        compile=False,
    )
    objective = ClusterObjective(
        cluster, job, model.network, backend, dtype=dtype, block_size=block_size, **of_model
    )
    of_cluster: Any = ClusterExamples(*sources, shared)
    with backend.active(), Engine() as engine, np.errstate(over="ignore", invalid="ignore"):
        found = score(objective.using(engine), model.theta, of_cluster, model.kind)
    check_cost(found.cost, dtype)
    return found


def _given(model: Model, X: Any, Y: Any, examples: str | None) -> Given:
    return given_for(model, *taken(X, Y, examples))


def _chunks(source: Source) -> list[tuple[int, int]]:
    if isinstance(source, DaskSource):
        edges = np.cumsum([0, *source.array.chunks[0 if source.rows else 1]]).tolist()
        return list(itertools.pairwise(edges))
    of_example = source.n * source.dtype.itemsize
    return block_ranges(source.m, max(1, _CHUNK // of_example))


def _block(source: Source, start: int, stop: int, delayed: Any) -> Any:
    """Examples start to stop - 1 (n_0, k), read where they are needed."""
    if isinstance(source, DaskSource):
        values = source.part(start, stop)
        return values.T if source.rows else values
    if source.in_memory:
        return delayed(np.array(source.block(start, stop)))
    return delayed(_read)(delayed(partial(RangeSource, source))(start, stop))


def _read(source: RangeSource) -> Any:
    return np.asarray(source.block(0, source.m))


def _of_block(model: Model, block: Any, rows: bool) -> Any:
    found = np.asarray(model.predict(ArraySource(np.asarray(block)), examples="columns"))
    return found.T if rows and found.ndim == 2 else found


def _ordered(shape: tuple[int, int], rows: bool) -> tuple[int, int]:
    return shape[::-1] if rows else shape
