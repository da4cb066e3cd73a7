"""The memory of a training from shapes: its passes over examples, and the arrays it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.backends.record import Backend
from dnn_xp.data.finite import VALUES_OF_A_BLOCK, examples_of_a_block
from dnn_xp.data.host import library
from dnn_xp.data.quantiles import sample_bytes
from dnn_xp.data.sources.base import ArraySource, DatasetSource, Source
from dnn_xp.data.sources.labels import LabelSource
from dnn_xp.data.sources.subset import RangeSource
from dnn_xp.execution.engine import blocks_in_flight
from dnn_xp.execution.memory import Pass, Plan, Values, make_plan
from dnn_xp.execution.placement import (
    fits,
    held_bytes,
    label_bytes,
    resides,
    source_bytes,
)
from dnn_xp.formulas.network import Network
from dnn_xp.training.batches import shuffle_bytes
from dnn_xp.training.inputs import VALUES_OF_TARGETS, Prepared

# Bytes of the arrays of a pass for each of its values, and a little: of the moments of X (in float64,
# less the mean, squared), of weighted ones of Y, and of a look at labels (positions among the classes, in int64).
_BYTES_OF_MOMENTS = 26
_BYTES_OF_WEIGHTED_MOMENTS = 58
_BYTES_OF_LABELS = 28


class Outline:
    """A source of which only the shape is known, in memory.

    Parameters
    ----------
    n, m, dtype
        As of any source.
    array : array, optional
        One in whose library and on whose device the examples would be; NumPy when left out.
    contiguous : bool
        Whether the features of an example would be contiguous in memory.
    """

    in_memory = True

    def __init__(
        self, n: int, m: int, dtype: npt.DTypeLike, *, array: Any = None, contiguous: bool = False
    ) -> None:
        self.n, self.m, self.dtype = n, m, np.dtype(dtype)
        self.contiguous = contiguous
        if array is not None:
            self.array = array

    def block(self, start: int, stop: int) -> Any:
        """There are no examples to give out."""
        raise NotImplementedError("only the shape of these examples is known")

    def gather(self, indices: npt.NDArray[np.int64]) -> Any:
        """There are no examples to give out."""
        raise NotImplementedError("only the shape of these examples is known")


class Placement(NamedTuple):
    """Bytes that a source takes once where it is computed, and bytes of an example that comes block by block."""

    held: int = 0
    ahead: int = 0


def placement(source: Source, backend: Backend, *, for_batches: bool = False) -> Placement:
    """What `dnn_xp.execution.placement.place` will do with a source.

    For mini-batches the host gathers from examples whose features are contiguous.
    """
    of_example = source.n * source.dtype.itemsize
    here = backend.library == "numpy"
    if isinstance(source, LabelSource):
        columns = label_bytes(source.n, source.m, source.dtype.itemsize, elsewhere=False)
        if not columns:
            return Placement(0 if here else held_bytes(source))
        return Placement(columns) if here or fits(columns, backend) else Placement(0, of_example)
    if not source.in_memory:
        return Placement(0, of_example)
    if resides(source, backend):
        return Placement(source_bytes(source) if for_batches and _copied_to_rows(source) else 0)
    if here or fits(source_bytes(source), backend):
        return Placement(source_bytes(source))
    return Placement(0, of_example)


def _copied_to_rows(source: Source) -> bool:
    """Whether `with_contiguous_examples` copies the examples of a source."""
    if isinstance(source, Outline):
        return not source.contiguous and source.n > 1
    if not isinstance(source, ArraySource) or library(source.array) != "numpy":
        return False
    values = source.array if source.rows else source.array.T
    return values.ndim == 2 and not values.flags.c_contiguous


def _is_relaid(
    source: Source, orientation: str | None, *, cut: bool, changed: bool, rows: bool
) -> bool:
    """Whether a block of NumPy's is copied into another layout, see `Backend.canonical`.

    `cut` says whether it is a part of the examples, `changed` whether it is standardized or has its
    dtype changed, after which it is contiguous, `rows` that the examples lie as rows.
    """
    lie, apart = _layout(source)
    if rows:
        lie, apart = "rows", False
    if orientation is not None and lie != orientation:
        return source.n > 1
    view = source.in_memory and not changed
    return view and (apart or (lie == "columns" and cut))


def _layout(source: Source) -> tuple[str, bool]:
    """How examples lie, as "rows" or "columns" or "" for unknown, and whether there are gaps."""
    if isinstance(source, RangeSource):
        return _layout(source.source)
    if isinstance(source, Outline):
        return "rows" if source.contiguous else "columns", False
    if isinstance(source, DatasetSource):
        return "rows" if source.rows else "columns", False
    if isinstance(source, ArraySource) and library(source.array) == "numpy":
        values = source.array if source.rows else source.array.T
        if values.flags.c_contiguous:
            return "rows", False
        return ("columns", False) if values.flags.f_contiguous else ("", True)
    return "", False


def checking_bytes(
    n: int,
    m: int,
    *,
    given: npt.DTypeLike,
    standardize: bool,
    threads: int,
    read: bool,
    split: bool,
    sampled: bool = False,
    outputs: int = 1,
) -> int:
    """Bytes that looking at X (n, m) and Y takes: read from a file, standardized, split at random, or not."""
    examples = min(m, examples_of_a_block(n))
    at_once = min(threads, -(-m // examples)) if standardize else 1
    of_value = at_once * _BYTES_OF_MOMENTS if standardize else 0
    if read:
        in_flight = blocks_in_flight(at_once) if standardize else 1
        of_value += in_flight * np.dtype(given).itemsize
    # The order that was drawn, and both parts of it in order.
    of_split = 17 * m if split else 0
    of_targets = min(m * outputs, threads * VALUES_OF_TARGETS) * _BYTES_OF_WEIGHTED_MOMENTS
    of_labels = min(m, VALUES_OF_A_BLOCK) * _BYTES_OF_LABELS
    of_sample = 0
    if sampled:
        # A block, read or taken from a device, beside the examples that are kept for quantiles.
        itemsize = np.dtype(given).itemsize
        of_sample = sample_bytes(n, m, itemsize) + examples * n * 2 * itemsize
    return max(examples * n * of_value, of_sample, of_labels, of_targets) + of_split


def plan_memory(
    data: Prepared,
    network: Network,
    backend: Backend,
    *,
    batch_size: int | None,
    block_size: Callable[[int], int],
    threads: int,
    optimizer_vectors: int,
    standardized: bool,
    moments_taken: bool,
    sampled: bool,
    targets_standardized: bool,
    replayed: bool,
    orientation: str | None,
    averages: bool,
    fitting_bytes: int = 0,
) -> Plan:
    """The checks and passes of a training, put together, from the shapes of its examples.

    `standardized` says whether X is, `targets_standardized` whether Y is, `moments_taken` whether mean
    and scale of X have to be looked for, `sampled` whether quantiles have, `replayed` whether a step of
    examples in memory is replayed as a CUDA graph, `orientation` how blocks are laid out on NumPy,
    `averages` whether costs are those of an average of theta, `fitting_bytes` what initial parameters
    from examples take.
    """
    m, given = data.X.m, data.X.dtype
    on_device = backend.device_name != "cpu"
    X = placement(data.X, backend, for_batches=batch_size is not None)
    Y = placement(data.targets.source, backend)
    placed = [X, Y] + ([] if data.weights is None else [placement(data.weights, backend)])
    # What is read ahead is so whole: examples with their targets and weights.
    ahead = sum(each.ahead for each in placed) if X.ahead or Y.ahead else 0
    held_out = () if data.validation is None else data.validation
    placed += [placement(each, backend) for each in held_out]
    at_once, ahead_of_step, shuffled = m, ahead, (0, 0)
    if batch_size is not None:
        at_once = min(m, batch_size)
        # Runs of a file, from which batches are gathered, are counted as held.
        each, ahead_of_step = given.itemsize * (network.n_x + network.sizes[-1]), 0
        shuffled = shuffle_bytes(m, each, at_once, in_memory=not ahead, on_device=on_device)
    changed = standardized or given != np.dtype(data.dtype)
    copied = backend.library not in ("numpy", "torch")  # there a block is a view

    def pass_over(source: Source, ahead: int, *, batch: int | None = None) -> Pass:
        """Blocks of all examples of a source, or of a batch of it."""
        m = source.m if batch is None else batch
        size = block_size(m)
        relaid = backend.library == "numpy" and _is_relaid(
            source,
            orientation,
            cut=size < source.m,
            changed=changed,
            # `with_contiguous_examples` has made them rows.
            rows=source is data.X and batch_size is not None and source.in_memory,
        )
        return Pass(m, size, ahead, gathered=copied or batch is not None, relaid=relaid)

    # A full-batch step gives the cost, too, unless units drop out or theta is averaged.
    costs = [data.X] if network.keep_probs or averages or batch_size is not None else []
    costs += [held_out[0]] if held_out else []
    return make_plan(
        network,
        pass_over(data.X, ahead_of_step, batch=None if batch_size is None else at_once),
        *(pass_over(each, ahead) for each in costs),
        X=Values(given, data.dtype, standardized),
        Y=Values(data.targets.source.dtype, data.dtype, targets_standardized),
        threads=threads,
        optimizer_vectors=optimizer_vectors,
        step_stays=replayed and not ahead,
        on_device=on_device,
        data_bytes=sum(each.held for each in placed),
        held_bytes=data.held_bytes + shuffled[0],
        held_on_device=shuffled[1],
        check_bytes=max(
            fitting_bytes,
            checking_bytes(
                network.n_x,
                m,
                given=given,
                standardize=moments_taken,
                sampled=sampled,
                threads=threads,
                read=not data.X.in_memory,
                split=bool(data.copied_bytes),
                outputs=network.sizes[-1],
            ),
        ),
    )
