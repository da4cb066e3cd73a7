"""X of an estimator with a client: collections of Dask and lists of files, and answers as a dask.array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from dnn_xp.model.model import Model
from dnn_xp.training.train import Place, placed


def is_spread(estimator: Any, X: Any) -> bool:
    """Whether X is a collection of Dask, or several files, and there is a client to read it."""
    if estimator.client is None:
        return False
    from dnn_xp.dask.collections import is_spread

    return is_spread(X)


def training_source(X: Any, y: Any, *, argument: str = "X") -> tuple[Any, Any, list[Any] | None]:
    """Such an X as a source, y, and the names of its columns where all are text."""
    from dnn_xp.dask.collections import taken

    names = _names(X, without=y)
    source, y, _ = taken(X, y, "rows", argument)
    return source, y, names


@contextmanager
def computing(client: Any) -> Iterator[tuple[Place, Callable[[Model], Model]]]:
    """What places the data of a fit, here or on the client's cluster, and what its model says of that."""
    if client is None:
        yield placed, lambda model: model
        return
    from dnn_xp.dask.checks import check_workers
    from dnn_xp.dask.clients import connected
    from dnn_xp.dask.cluster import Cluster
    from dnn_xp.dask.train import placed_on, recorded

    with connected(client) as connection:
        cluster = Cluster(connection)
        check_workers(cluster)
        yield placed_on(cluster), partial(recorded, cluster)


def without_client(estimator: Any) -> Any:
    """The same estimator without its client, sharing all else: a connection can be neither copied nor pickled."""
    own = object.__new__(type(estimator))
    own.__dict__ = estimator.__dict__ | {"client": None}
    return own


def by_chunks(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The method, which gives a dask.array with the chunks of X for a collection of Dask and for several files."""

    @wraps(method)
    def answering(self: Any, X: Any) -> Any:
        return _answers(self, method.__name__, X) if is_spread(self, X) else method(self, X)

    return answering


def _answers(estimator: Any, method: str, X: Any) -> Any:
    from dnn_xp.dask.scoring import in_chunks

    check_is_fitted(estimator, "model_")
    source, _, names = training_source(X, None)
    _check_features(estimator, source.n, names)
    own = without_client(estimator)
    own.__dict__.pop("feature_names_in_", None)  # compared above
    return in_chunks(source, partial(_of_rows, method), own, rows=True)


def _of_rows(method: str, estimator: Any, block: Any) -> Any:
    return getattr(estimator, method)(np.asarray(block).T)


def _names(X: Any, *, without: Any = None) -> list[Any] | None:
    columns = [each for each in getattr(X, "columns", ()) if not _is_named(without, each)]
    return columns if columns and all(isinstance(each, str) for each in columns) else None


def _is_named(target: Any, column: Any) -> bool:
    return isinstance(target, str) and target == column


def _check_features(estimator: Any, n: int, names: list[Any] | None) -> None:
    """ValueError for other features than those of fit."""
    wanted = list(getattr(estimator, "feature_names_in_", names or []))
    if n != estimator.n_features_in_:
        msg = (
            f"X has {n} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input"
        )
        raise ValueError(msg)
    if names is not None and names != wanted:
        msg = (
            "The feature names should match those that were passed during fit: "
            f"{wanted}, in this order; got {names}"
        )
        raise ValueError(msg)
