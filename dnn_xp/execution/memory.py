"""The memory that a training takes, from shapes alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.backends.numpy.parts import part_count
from dnn_xp.data.standardize import itemsize_meanwhile
from dnn_xp.execution.engine import blocks_in_flight
from dnn_xp.formulas.embeddings import embedded_rows
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.number_encodings import encoded_rows
from dnn_xp.formulas.parameters import parameter_count

# Temporary arrays of the widest layer, in the forward pass and in both passes: with relu and identity,
# and at most with any other activation. And arrays of the outputs, Y included, with any cost.
_FEW_TEMPORARIES = (1, 4)
_MOST_TEMPORARIES = (6, 11)
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


def _parts(network: Network, m: int) -> int:
    """Threads that the products of a single block can use."""
    layers = list(pairwise(network.sizes))
    found = [part_count(n, n_prev, m) for n_prev, n in layers]
    # Between the first and the last layer a product is of the columns of all members that share layers.
    found += [part_count(n, n_prev, network.at_once * m) for n_prev, n in layers[1:-1]]
    return max(found)


def _sums(network: Network) -> int:
    """Entries of the sums that a block contributes to its gradient."""
    if network.ensemble is None:
        return network.parameter_count
    # A sum of the first layer for each member, and none of s.
    copies = network.members, *network.copies[1:]
    return parameter_count(network.sizes, copies) + network.mixed + network.of_rows


def _example_bytes(
    network: Network, X: Values, Y: Values | None, temporaries: int, of: Pass, *, dropout: bool
) -> int:
    """Bytes of an example in a block: Z and A of every layer, temporaries, X and outputs."""
    sizes, at_once, n_x = network.sizes, network.at_once, network.n_x
    hidden = at_once * sum(sizes[1:])
    outputs = _OUTPUT_TEMPORARIES * sizes[-1]
    widest = at_once * max(sizes[1:-1], default=0)
    if network.ensemble is not None:
        # A of the first and last hidden layer by member and together; the mean of outputs.
        hidden += at_once * sum((*sizes[1:2], *sizes[-2:-1])) // 2
        outputs = network.members * (outputs + _MEAN_TEMPORARIES * sizes[-1])
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

    held: int = 0
    forward: int = 0
    backward: int = 0


def _widened(network: Network, itemsize: int) -> _Widened:
    """Of rows of A[0] that embeddings and an encoding of numbers make."""
    embeddings, encoding = network.embeddings, network.number_encoding
    if not embeddings and encoding is None:
        return _Widened()
    n_0, n_x, k = network.sizes[0], network.n_x, network.at_once
    embedded, encoded = embedded_rows(embeddings), encoded_rows(encoding)
    # What is taken from embeddings, A[0] made of it, its other layout and its derivative; codes.
    held = itemsize * (2 * n_0 + 2 * k * embedded) + 24 * len(embeddings)
    if encoding is None:
        return _Widened(held)
    if not encoding.hidden:
        # The numbers, not clipped and side by side, and the pieces, before and after they are bounded.
        return _Widened(held, itemsize * (3 * n_x + 2 * encoded))
    # Z and cos(Z) for the backward pass; there sin(Z), its factor, and their product.
    cosines = encoding.numbers * encoding.hidden
    held += itemsize * (2 * cosines + n_x + 2 * k * encoded)
    return _Widened(held, itemsize * cosines, itemsize * 3 * cosines)


def make_plan(
    network: Network,
    step: Pass,
    *costs: Pass,
    X: Values,
    threads: int,
    Y: Values | None = None,
    optimizer_vectors: int = 2,
    step_stays: bool = False,
    on_device: bool = False,
    data_bytes: int = 0,
    held_bytes: int = 0,
    held_on_device: int = 0,
    check_bytes: int = 0,
) -> Plan:
    """Memory of a training, from shapes alone.

    Parameters
    ----------
    network : Network
    step, costs : Pass
        The pass of an update, and the passes for costs.
    X, Y : Values
        The conversions of X and, where it is standardized, of Y.
    threads : int
        Most blocks computed at once.
    optimizer_vectors : int
        Vectors of the optimizer's state.
    step_stays : bool
        Whether the arrays of a step are kept for the next one, as by a CUDA graph.
    on_device : bool
        Whether the backend computes on a GPU.
    data_bytes : int
        X and Y as copied to the working library.
    held_bytes, held_on_device : int
        Other data kept on the host, and on the GPU.
    check_bytes : int
        Peak on the host of checking X and Y.
    """
    theta, sums = network.parameter_count, _sums(network)
    at_once = min(threads, step.blocks)
    waiting = at_once + math.ceil(math.log2(step.blocks)) + 1 if step.blocks > 1 else 2
    parameter_bytes = X.itemsize * (sums * waiting + theta * (optimizer_vectors + 5))
    if network.ensemble is not None:
        parameter_bytes += X.itemsize * sums  # V of the first layers

    simple = all(g.name in ("relu", "identity") for g in network.activations[:-1])
    few = simple and not network.parametric
    forward, in_all = _FEW_TEMPORARIES if few else _MOST_TEMPORARIES
    Y = Y if Y and Y.standardized else None
    wide, drops_out = _widened(network, X.itemsize), bool(network.keep_probs)
    in_layers = _example_bytes(network, X, Y, in_all, step, dropout=drops_out)
    in_step = wide.held + max(in_layers, wide.forward, wide.backward)
    of_step = in_step * step.block_size * at_once + _ahead(step, threads)
    of_costs = 0
    for each in costs:
        in_layers = _example_bytes(network, X, Y, forward, each, dropout=False)
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
        threads=at_once if step.blocks > 1 else min(threads, _parts(network, step.m)),
        block_bytes=in_step * step.block_size,
        parameter_bytes=parameter_bytes,
        data_bytes=data_bytes,
        host_peak_bytes=held_bytes + max(check_bytes, in_flight if on_device else peak),
        device_peak_bytes=peak + held_on_device if on_device else 0,
    )


def _ahead(each: Pass, threads: int) -> int:
    """Bytes of the blocks of a pass that are read ahead."""
    return each.bytes_ahead * each.block_size * blocks_in_flight(min(threads, each.blocks))
