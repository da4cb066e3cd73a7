"""train on a cluster: what dnn_xp.train does, with the data where the workers are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from dnn_xp.backends.precision import with_precision
from dnn_xp.common.contexts import in_own_context
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.dask.batches import ClusterBatches
from dnn_xp.dask.checks import check_sources, check_workers
from dnn_xp.dask.cluster import Cluster
from dnn_xp.dask.collections import taken
from dnn_xp.dask.examples import ClusterExamples, share
from dnn_xp.dask.jobs import Device
from dnn_xp.dask.objective import ClusterObjective, cluster_moments
from dnn_xp.data.quantiles import sample_of
from dnn_xp.data.sources.base import Source
from dnn_xp.data.sources.subset import with_contiguous_examples
from dnn_xp.execution.engine import Engine
from dnn_xp.model.model import Model
from dnn_xp.training.arguments import TrainArguments
from dnn_xp.training.inputs import (
    binned,
    finite_or_standardized,
    standardization_from,
    standardized_targets,
)
from dnn_xp.training.placed import Placed, bounds_of, objective_of, placed_where
from dnn_xp.training.run import Run
from dnn_xp.training.state import State
from dnn_xp.training.train import Begun, Place, first_state, train_where


@in_own_context
def train(client: Any, X: Any, Y: Any, **options: Any) -> Model:
    """Train as :func:`dnn_xp.train` does, with the gradients computed by the workers of a Dask cluster.

    ``dJ/dtheta = (1/m) sum over blocks``: a task computes a range of blocks, and the client adds what
    the tasks give along the tree of blocks, which depends on the problem alone. So the bits are those
    of :func:`dnn_xp.train` on one machine, whatever the number of workers, and whichever of them are
    lost: a task is a pure function of a range and the parameters, and runs again on another worker.

    Parameters
    ----------
    client : distributed.Client
        Its workers need dnn_xp of the same version.
    X : path, list of paths, dask.array, dask.dataframe, or array (n_x, m)
        As of :func:`dnn_xp.train`. Files (and folders of Parquet files) are read by the workers, by
        the same path; a worker keeps in memory what fits. Arrays are sent to the workers once.
    Y : array (m,) or (n_y, m), dask collection, path, or str
        A str may name a column of X. The client holds the targets, a byte an example where they are
        labels of few classes.
    **options
        Those of :func:`dnn_xp.train`. ``threads`` are those of the client; a worker computes as many
        blocks at once as it has threads. ``device="cuda"`` has no ordinal: each worker has its GPU.

    Returns
    -------
    Model
        An ordinary one; ``settings["cluster"]`` says how many workers there were, what was lost,
        computed again, and moved.

    Raises
    ------
    ArgumentError
        As :func:`dnn_xp.train`; and for workers without dnn_xp or with another version, files that
        they do not see, and workers with too little memory.
    ClusterError
        When there are no workers for a minute, when the scheduler is gone, and for a task whose
        workers die each time.

    Examples
    --------
    >>> import numpy as np, dnn_xp, dnn_xp.dask
    >>> from distributed import Client
    >>> X = np.random.default_rng(0).standard_normal((2, 500))
    >>> Y = X[0] > X[1]
    >>> with Client(processes=False, n_workers=2, dashboard_address=None) as client:
    ...     model = dnn_xp.dask.train(client, X, Y, iterations=10)
    >>> bool((model.theta == dnn_xp.train(X, Y, iterations=10).theta).all())
    True
    """
    X, Y, examples = taken(X, Y, options.get("examples"))
    pair = options.get("validation")
    if isinstance(pair, (tuple, list)) and len(pair) == 2:
        options["validation"] = taken(pair[0], pair[1], examples, "validation X")[:2]
    arguments = TrainArguments(X, Y, **options | {"examples": examples})
    cluster = Cluster(client)
    check_workers(cluster)
    return recorded(cluster, train_where(arguments, placed_on(cluster)))


def recorded(cluster: Cluster, model: Model) -> Model:
    """The model, which says what its training took of the cluster."""
    return replace(model, settings=model.settings | {"cluster": str(cluster.counts)})


def placed_on(cluster: Cluster) -> Place:
    """What puts the data of a training on a cluster, in the place of `training.train.placed`."""

    @contextmanager
    def place(begun: Begun) -> Iterator[tuple[Placed, State]]:
        run = begun.run
        _check(run)
        backend = with_precision(run.backend, run.precision)
        with backend.active(), Engine(run.threads) as engine:
            data = _placed(cluster, begun, engine)
            yield data, first_state(begun, data)

    return place


def _placed(cluster: Cluster, begun: Begun, engine: Engine) -> Placed:
    """The data of a run on a cluster, as `place_data` places them on one machine."""
    run, data = begun.run, begun.prepared
    block_size = run.block_size(data.X.m)
    X = with_contiguous_examples(data.X) if run.batch_size is not None else data.X
    examples = _shared(cluster, "training", (X, data.targets.source, data.weights), block_size)
    held_out = None
    if data.validation is not None:
        held_out = _shared(
            cluster, "held out", (*data.validation, data.validation_weights), block_size
        )
    check_sources(cluster, [each.shared for each in (examples, held_out) if each], run)
    standardization, target_standardization = begun.standardization, begun.target_standardization
    if run.moments_taken and run.asked.standardize_by == "quantiles":
        # Quantiles do not add up over blocks: the client reads X for them.
        found = finite_or_standardized(
            data.X,
            engine,
            standardize=True,
            by="quantiles",
            encoder=data.encoder,
            encoding=run.bins_taken,
        )
        standardization = standardization or found
    elif run.moments_taken or run.bins_taken or data.X.dtype.kind == "f":
        found = standardization_from(cluster_moments(cluster, examples), data.X, data.encoder)
        found = found if run.moments_taken else None
        if run.bins_taken is not None:
            found = binned(found, sample_of(data.X), run.bins_taken)
        standardization = standardization or found
    if run.target_moments_taken:
        target_standardization = standardized_targets(data.targets.source, data.weights, engine)
    moments = standardization, target_standardization, bounds_of(run, data)
    on_workers = partial(ClusterObjective, cluster, _device(run))
    objective = objective_of(run, *moments, on_workers).using(engine)
    placed = (examples, held_out), moments, begun.start
    # A CUDA graph holds what one device does, not what a cluster does.
    run = replace(run, replayed=False)
    return placed_where(run, data, objective, *placed, batches=ClusterBatches)


def _shared(
    cluster: Cluster, name: str, sources: tuple[Source, Source, Source | None], block_size: int
) -> ClusterExamples:
    return ClusterExamples(*sources, share(cluster, name, sources, block_size))


def _device(run: Run) -> Device:
    asked = run.asked.device or ""
    on_cuda = asked.startswith("cuda") or run.backend.device_name.startswith("cuda")
    how = run.asked.fallback, run.asked.blas, run.asked.compile
    return Device("cuda" if on_cuda else "cpu", *how)


def _check(run: Run) -> None:
    if run.backend.library in ("torch", "jax", "array_api_strict"):
        raise ArgumentValueError(
            "X",
            f"an array of {run.backend.library}",
            "one of NumPy or CuPy on a cluster",
            "pass np.asarray(X)",
        )
    if (run.asked.device or "").startswith("cuda:"):
        raise ArgumentValueError(
            "device",
            repr(run.asked.device),
            "'cuda' on a cluster",
            "dask-cuda gives each worker a GPU of its own",
        )
