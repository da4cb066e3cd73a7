"""The memory that a training takes, from shapes alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.backends.numpy.parts import part_count
from dnn_xp.data.standardize import itemsize_meanwhile
from dnn_xp.execution.engine import blocks_in_flight
from dnn_xp.formulas.embeddings import Embedding, embedded_rows, embedding_parameters
from dnn_xp.formulas.ensembles import Ensemble
from dnn_xp.formulas.number_encodings import NumberEncoding, encoded_parameters, encoded_rows
from dnn_xp.formulas.parameters import parameter_count

# Temporary arrays of the widest layer, in the forward pass and in both passes: with relu and identity,
# and at most with any other activation. And arrays of the outputs, Y included, with any cost.
_FEW_TEMPORARIES = (1, 4)
_MOST_TEMPORARIES = (5, 11)
_OUTPUT_TEMPORARIES = 6
# More arrays of the outputs of all members, of their mean.
_MEAN_TEMPORARIES = 4


class Pass(NamedTuple):
    """A pass over examples in blocks: over those of a step, or over a whole set for its cost.

    Attributes
    ----------
    m, block_size : int
        Number of examples, and examples per block.
    bytes_ahead : int
        Bytes of one example in the sources that are read ahead.
    gathered : bool
        Whether X of a block is a copy, as in a shuffled batch.
    relaid : bool
        Whether X of a block is copied to another layout first.
    """

    m: int
    block_size: int
    bytes_ahead: int = 0
    gathered: bool = False
    relaid: bool = False

    @property
    def blocks(self) -> int:
        """Number of blocks, the ragged one included."""
        return math.ceil(self.m / self.block_size)


class Values(NamedTuple):
    """The conversions of a value of X or Y in a block.

    Attributes
    ----------
    given, working : dtype
        Dtype of X, and the working dtype.
    standardized : bool
        Whether X is standardized.
    """

    given: npt.DTypeLike
    working: npt.DTypeLike
    standardized: bool = False

    @property
    def itemsize(self) -> int:
        """Bytes of a value in the working dtype."""
        return np.dtype(self.working).itemsize

    @property
    def changed(self) -> bool:
        """Whether the value is standardized or converted to another dtype."""
        return self.standardized or np.dtype(self.given) != np.dtype(self.working)

    def converted(self, *, relaid: bool) -> int:
        """Bytes of its copy, converted or in another layout, which stays while the block is computed."""
        return self.itemsize if self.changed or relaid else 0

    def preparing(self, *, relaid: bool) -> int:
        """Bytes while the block is prepared, the larger of two steps.

        Standardizing: the value converted, less its mean, and divided by its scale. Then the change
        of layout: its result before and after.
        """
        twice = 2 * self.itemsize if self.changed and relaid else 0
        meanwhile = itemsize_meanwhile(self.given, self.working)
        return max(twice, 3 * meanwhile if self.standardized else 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """The memory of a training in bytes, beyond the data as given.

    Attributes
    ----------
    block_size, blocks, threads : int
        Examples per block, number of blocks, and threads with work: blocks computed at once, or parts
        of the products of a single block.
    block_bytes : int
        Arrays of one block of a step: X if it is copied, Z, A and their derivatives; or those of
        standardizing X, if they are larger.
    parameter_bytes : int
        Parameters, gradients not yet added, the optimizer's state, and the temporaries of an update.
    data_bytes : int
        X and Y as copied to the working library; 0 if they are used without a copy, or copied in
        blocks.
    host_peak_bytes, device_peak_bytes : int
        Peak on the host and on the GPU, `data_bytes` included: of checking X and Y, of the steps, or
        of the passes for costs, whichever is largest.
    """

    block_size: int
    blocks: int
    threads: int
    block_bytes: int
    parameter_bytes: int
    data_bytes: int
    host_peak_bytes: int
    device_peak_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.blocks} block{'s' if self.blocks != 1 else ''} of {self.block_size} examples, "
            f"{self.threads} thread{'s' if self.threads != 1 else ''}; "
            f"peak beyond the data as given: {format_bytes(self.host_peak_bytes)} on the host"
            + (
                f", {format_bytes(self.device_peak_bytes)} on the device"
                if self.device_peak_bytes
                else ""
            )
        )


def format_bytes(count: float) -> str:
    """Bytes as text, in binary units.

    >>> format_bytes(1536), format_bytes(10), format_bytes(3 * 2**30)
    ('1.5 KiB', '10 B', '3.0 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _parts(sizes: Sequence[int], m: int, ensemble: Ensemble | None) -> int:
    """Threads that the products of a single block can use."""
    layers = list(pairwise(sizes))
    found = max(part_count(n, n_prev, m) for n_prev, n in layers)
    if ensemble is None or not ensemble.shares_layers:
        return found
    # Between the first and the last layer of an ensemble a product is of all members' columns.
    shared = (part_count(n, n_prev, ensemble.members * m) for n_prev, n in layers[1:-1])
    return max(found, *shared) if len(layers) > 2 else found


def _counts(
    sizes: Sequence[int],
    embeddings: Sequence[Embedding],
    encoding: NumberEncoding | None,
    ensemble: Ensemble | None,
) -> tuple[int, int, int]:
    """Members, entries of theta, and entries of the sums that a block contributes to its gradient."""
    of_rows = embedding_parameters(embeddings) + encoded_parameters(encoding)
    if ensemble is None:
        theta = parameter_count(sizes) + of_rows
        return 1, theta, theta
    k, copies = ensemble.members, ensemble.copies(len(sizes) - 1)
    of_rows *= 1 if ensemble.shares_layers else k
    theta = parameter_count(sizes, copies) + of_rows + k * sizes[0]
    # A sum of the first layer for each member.
    return k, theta, parameter_count(sizes, (k, *copies[1:])) + of_rows


def _example_bytes(
    sizes: Sequence[int],
    X: Values,
    Y: Values | None,
    temporaries: int,
    of: Pass,
    *,
    n_x: int,
    dropout: bool,
    ensemble: Ensemble | None = None,
) -> int:
    """Bytes of an example in a block: Z and A of every layer, temporaries, X (n_x values) and outputs."""
    at_once = 1 if ensemble is None else ensemble.at_once
    hidden = at_once * sum(sizes[1:])
    outputs = _OUTPUT_TEMPORARIES * sizes[-1]
    widest = at_once * max(sizes[1:-1], default=0)
    if ensemble is not None:
        # A of the first and last hidden layer by member and together; the mean of outputs.
        hidden += at_once * sum((*sizes[1:2], *sizes[-2:-1])) // 2
        outputs = ensemble.members * (outputs + _MEAN_TEMPORARIES * sizes[-1])
    layers = X.itemsize * (2 * hidden + temporaries * widest + outputs)
    # A before dropout is kept, too, and its mask takes a byte.
    dropped = (X.itemsize + 1) * hidden if dropout else 0
    copied = np.dtype(X.given).itemsize if of.gathered else 0
    converted, preparing = X.converted(relaid=of.relaid), X.preparing(relaid=of.relaid)
    # Y is standardized before any layer, or beside Z[L] when all others are freed.
    targets = 0 if Y is None else (X.itemsize + Y.preparing(relaid=False)) * sizes[-1]
    computing = converted * n_x + layers + dropped
    return copied * n_x + max(computing, preparing * n_x, converted * n_x + targets)


class _Widened(NamedTuple):
    """Bytes of an example that A[0] takes where it is not X: held while layers are computed, and most meanwhile."""

    n_x: int
    held: int = 0
    forward: int = 0
    backward: int = 0


def _widened(
    n_0: int,
    itemsize: int,
    embeddings: Sequence[Embedding],
    encoding: NumberEncoding | None,
    ensemble: Ensemble | None,
) -> _Widened:
    """Of rows of A[0] that embeddings and an encoding of numbers make."""
    k = 1 if ensemble is None else ensemble.at_once
    embedded, encoded = embedded_rows(embeddings), encoded_rows(encoding)
    n_x = n_0 - embedded - encoded + len(embeddings)
    if not embeddings and encoding is None:
        return _Widened(n_x)
    # What is taken from embeddings, A[0] made of it, its other layout and its derivative; codes.
    held = itemsize * (2 * n_0 + 2 * k * embedded) + 24 * len(embeddings)
    if encoding is None:
        return _Widened(n_x, held)
    if not encoding.hidden:
        # The numbers, not clipped and side by side, and the pieces, before and after they are bounded.
        return _Widened(n_x, held, itemsize * (3 * n_x + 2 * encoded))
    # Z and cos(Z) for the backward pass; there sin(Z), its factor, and their product.
    cosines = encoding.numbers * encoding.hidden
    held += itemsize * (2 * cosines + n_x + 2 * k * encoded)
    return _Widened(n_x, held, itemsize * cosines, itemsize * 3 * cosines)


def make_plan(
    sizes: Sequence[int],
    step: Pass,
    *costs: Pass,
    X: Values,
    threads: int,
    Y: Values | None = None,
    many_temporaries: bool = False,
    dropout: bool = False,
    optimizer_vectors: int = 2,
    step_stays: bool = False,
    embeddings: Sequence[Embedding] = (),
    encoding: NumberEncoding | None = None,
    ensemble: Ensemble | None = None,
    on_device: bool = False,
    data_bytes: int = 0,
    held_bytes: int = 0,
    held_on_device: int = 0,
    check_bytes: int = 0,
) -> Plan:
    """Memory of a training, from shapes alone.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, n_0 included.
    step, costs : Pass
        The pass of an update, and the passes for costs.
    X, Y : Values
        The conversions of X and, where it is standardized, of Y.
    threads : int
        Most blocks computed at once.
    many_temporaries, dropout : bool
        Whether a hidden activation is other than relu and identity, or mixed; whether there is dropout.
    optimizer_vectors : int
        Vectors of the optimizer's state.
    step_stays : bool
        Whether the arrays of a step are kept for the next one, as by a CUDA graph.
    embeddings : sequence of Embedding
        Of the last rows of X.
    encoding : NumberEncoding, optional
        Of the rows that hold numbers.
    ensemble : Ensemble, optional
        Of several networks of these sizes.
    on_device : bool
        Whether the backend computes on a GPU.
    data_bytes : int
        X and Y as copied to the working library.
    held_bytes, held_on_device : int
        Other data kept on the host, and on the GPU.
    check_bytes : int
        Peak on the host of checking X and Y.
    """
    k, theta, sums = _counts(sizes, embeddings, encoding, ensemble)
    at_once = min(threads, step.blocks)
    waiting = at_once + math.ceil(math.log2(step.blocks)) + 1 if step.blocks > 1 else 2
    parameter_bytes = X.itemsize * (sums * waiting + theta * (optimizer_vectors + 5))
    if k > 1:
        parameter_bytes += X.itemsize * sums  # V of the first layers

    forward, in_all = _MOST_TEMPORARIES if many_temporaries else _FEW_TEMPORARIES
    Y = Y if Y and Y.standardized else None
    wide = _widened(sizes[0], X.itemsize, embeddings, encoding, ensemble)
    of_all: Any = {"n_x": wide.n_x, "ensemble": ensemble}
    in_layers = _example_bytes(sizes, X, Y, in_all, step, dropout=dropout, **of_all)
    in_step = wide.held + max(in_layers, wide.forward, wide.backward)
    of_step = in_step * step.block_size * at_once + _ahead(step, threads)
    of_costs = 0
    for each in costs:
        in_layers = _example_bytes(sizes, X, Y, forward, each, dropout=False, **of_all)
        in_cost = wide.held + max(in_layers, wide.forward)
        computing = in_cost * each.block_size * min(threads, each.blocks)
        of_costs = max(of_costs, computing + _ahead(each, threads))
    passes = of_step + of_costs if step_stays else max(of_step, of_costs)
    peak = data_bytes + parameter_bytes + passes
    # A block in flight is in page-locked memory and on the device, and one more is being read.
    in_flight = max(
        _ahead(each, threads) + each.bytes_ahead * each.block_size for each in (step, *costs)
    )
    return Plan(
        block_size=step.block_size,
        blocks=step.blocks,
        threads=at_once if step.blocks > 1 else min(threads, _parts(sizes, step.m, ensemble)),
        block_bytes=in_step * step.block_size,
        parameter_bytes=parameter_bytes,
        data_bytes=data_bytes,
        host_peak_bytes=held_bytes + max(check_bytes, in_flight if on_device else peak),
        device_peak_bytes=peak + held_on_device if on_device else 0,
    )


def _ahead(each: Pass, threads: int) -> int:
    """Bytes of the blocks of a pass that are read ahead."""
    return each.bytes_ahead * each.block_size * blocks_in_flight(min(threads, each.blocks))
