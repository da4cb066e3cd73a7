"""Mini-batches: a new shuffle of the examples for every epoch, a batch as one gather."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from dnn_xp.backends import Backend
from dnn_xp.formulas.types import Array
from dnn_xp.objective import Examples


class Batch(NamedTuple):
    """X (n_0, k), Y (n_L, k), weights (1, k) or None, and the number k of examples."""

    X: Array
    Y: Array
    weights: Array | None
    m: int
    in_memory: bool = True

    def block(self, start: int, stop: int) -> tuple[Array, Array, Array | None]:
        """X, Y and weights of examples start to stop of this batch."""
        weights = None if self.weights is None else self.weights[:, start:stop]
        return self.X[:, start:stop], self.Y[:, start:stop], weights


# Examples read at once from a file whose rows are shuffled: large enough to read in long runs and
# to mix well.
_SHUFFLE_BYTES = 64 << 20


class Batches:
    """Draws the batches of each epoch.

    Examples in memory get one permutation of all of them an epoch, as in the course. Examples in a
    file are read in long runs: the runs come in a new order every epoch and the examples of each
    run are shuffled, while the next run is read; a file that fits into one run gets the full
    permutation.

    Parameters
    ----------
    examples : Examples
        Where they come from, X with an example's features side by side where it matters.
    batch_size : int
        Examples of a batch; the last batch of an epoch may be smaller.
    rng : numpy Generator
        Draws the shuffles.
    backend : Backend
        Where the batches go.
    """

    def __init__(
        self, examples: Examples, batch_size: int, rng: np.random.Generator, backend: Backend
    ) -> None:
        self._examples = examples
        self._batch_size = batch_size
        self._rng = rng
        self._backend = backend
        per_example = (examples.X.n + examples.Y.n) * 4
        run = max(batch_size, _SHUFFLE_BYTES // per_example // batch_size * batch_size)
        self.shuffle_run = examples.m if examples.in_memory else min(run, examples.m)

    @property
    def per_epoch(self) -> int:
        """Batches of one epoch."""
        full_runs, rest = divmod(self._examples.m, self.shuffle_run)
        return full_runs * -(-self.shuffle_run // self._batch_size) + -(-rest // self._batch_size)

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch, every example once."""
        return self._from_memory() if self._examples.in_memory else self._from_file()

    def _from_memory(self) -> Iterator[Batch]:
        (X, Y, weights), m = self._examples, self._examples.m
        order = self._rng.permutation(m)
        for start in range(0, m, self._batch_size):
            chosen = order[start : start + self._batch_size]
            w = None if weights is None else weights.gather(chosen)
            yield Batch(X.gather(chosen), Y.gather(chosen), w, len(chosen))

    def _from_file(self) -> Iterator[Batch]:
        m, run = self._examples.m, self.shuffle_run
        starts = self._rng.permutation(np.arange(0, m, run))
        with ThreadPoolExecutor(1, thread_name_prefix="dnn_xp-reader") as reader:
            ahead = reader.submit(self._run, starts[0])
            for following in starts[1:]:
                X, Y, weights = ahead.result()
                ahead = reader.submit(self._run, following)
                yield from self._within(X, Y, weights)
            yield from self._within(*ahead.result())

    def _run(self, start: int) -> tuple[Array, Array, Array | None]:
        return self._examples.block(
            int(start), min(int(start) + self.shuffle_run, self._examples.m)
        )

    def _within(self, X: Array, Y: Array, weights: Array | None) -> Iterator[Batch]:
        xp = self._backend.xp
        order = self._rng.permutation(X.shape[1])
        for start in range(0, len(order), self._batch_size):
            chosen = order[start : start + self._batch_size]
            index = self._backend.from_host(chosen)
            w = None if weights is None else xp.take(weights, index, axis=1)
            yield Batch(xp.take(X, index, axis=1), xp.take(Y, index, axis=1), w, len(chosen))
