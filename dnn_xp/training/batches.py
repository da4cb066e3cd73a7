"""Mini-batches: a new shuffle of the examples for every epoch, a block of a batch as one gather."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.backends.staging import received
from dnn_xp.data.sources.base import ArraySource
from dnn_xp.data.sources.subset import with_contiguous_examples
from dnn_xp.execution.block_queue import read_ahead
from dnn_xp.execution.examples import Examples
from dnn_xp.formulas.mini_batches import mini_batches
from dnn_xp.formulas.types import Array


class Batch(NamedTuple):
    """The chosen ones of all examples; each block is gathered by the thread that computes it."""

    examples: Examples
    chosen: np.ndarray

    @property
    def m(self) -> int:
        """Number of examples."""
        return len(self.chosen)

    @property
    def in_memory(self) -> bool:
        """A gather is quick, and is done where its result is used."""
        return True

    def block(self, start: int, stop: int) -> tuple[Array, Array, Array | None]:
        """X, Y and weights of examples start to stop of this batch."""
        return self.examples.gather(self.chosen[start:stop])


# Examples read at once from a file whose rows are shuffled: large enough to read in long runs and
# to mix well.
_SHUFFLE_BYTES = 64 << 20


def _run_of_a_file(bytes_of_example: int, batch_size: int) -> int:
    """Examples of a run: whole batches that fill about _SHUFFLE_BYTES."""
    return max(batch_size, _SHUFFLE_BYTES // bytes_of_example // batch_size * batch_size)


def shuffle_bytes(
    m: int, bytes_of_example: int, batch_size: int, *, in_memory: bool, on_device: bool
) -> tuple[int, int]:
    """Bytes on the host and on the device of an epoch's order, or of the runs of a file.

    Of those there are one in use, its copy, and, where there are more, one being read. On the way to
    a device they are in page-locked memory and there, and one more on the host.
    """
    if in_memory:
        return 8 * m, 0
    examples = _run_of_a_file(bytes_of_example, batch_size)
    run = bytes_of_example * min(m, examples)
    beside = 1 if m > examples else 0
    return ((3 + beside) * run, (2 + beside) * run) if on_device else ((2 + beside) * run, 0)


class Batches:
    """Draws the batches of each epoch.

    Examples in memory get one permutation of all of them an epoch, as in the course. Examples in a
    file are read in long runs: the runs come in a new order every epoch and the examples of each
    run are shuffled, while the next run is read; a file that fits into one run gets the full
    permutation.

    Parameters
    ----------
    examples : Examples
        Where they come from, the features of an example of X contiguous where that is faster.
    batch_size : int
        Examples of a batch; the last batch of an epoch may be smaller.
    """

    def __init__(self, examples: Examples, batch_size: int) -> None:
        self._examples = examples
        self.batch_size = batch_size
        each = (examples.X.n + examples.Y.n) * examples.X.dtype.itemsize
        run = examples.m if examples.in_memory else _run_of_a_file(each, batch_size)
        self.shuffle_run = min(run, examples.m)

    @property
    def per_epoch(self) -> int:
        """Batches of one epoch."""
        full_runs, rest = divmod(self._examples.m, self.shuffle_run)
        return full_runs * -(-self.shuffle_run // self.batch_size) + -(-rest // self.batch_size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """The batches of one epoch, every example once, in an order that `rng` draws."""
        if self._examples.in_memory:
            return self._shuffled(self._examples, rng)
        return self._from_file(rng)

    def _shuffled(self, examples: Examples, rng: np.random.Generator) -> Iterator[Batch]:
        for chosen in mini_batches(examples.m, self.batch_size, rng):
            yield Batch(examples, chosen)

    def _runs(self, rng: np.random.Generator) -> list[tuple[int, int]]:
        """The runs of a file, in the order of an epoch."""
        starts = np.arange(0, self._examples.m, self.shuffle_run)
        if len(starts) > 1:
            starts = rng.permutation(starts)
        return [
            (start, min(start + self.shuffle_run, self._examples.m)) for start in starts.tolist()
        ]

    def _from_file(self, rng: np.random.Generator) -> Iterator[Batch]:
        for _, run in read_ahead(self._runs(rng), self._read, 1):
            with received(*run) as (X, Y, weights):
                yield from self._shuffled(
                    Examples(
                        with_contiguous_examples(ArraySource(X)),
                        ArraySource(Y),
                        None if weights is None else ArraySource(weights),
                    ),
                    rng,
                )
            del run, X, Y, weights  # before the next run is taken and the one after it read

    def _read(self, start: int, stop: int) -> tuple[Any, Any, Any]:
        """X, Y and weights of a run, or what is on its way to the device of them."""
        X, Y, weights = self._examples.block_ahead(start, stop)
        if isinstance(X, np.ndarray):
            # Here, beside the arithmetic.
            X = with_contiguous_examples(ArraySource(X)).block(0, stop - start)
        return X, Y, weights
