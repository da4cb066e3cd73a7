"""How much memory a training takes, known from shapes alone, before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.backends.numpy.parts import part_count
from dnn_xp.data.standardize import itemsize_meanwhile
from dnn_xp.execution.engine import blocks_in_flight
from dnn_xp.formulas.network import parameter_count

# Arrays that are made on the way through the widest layer and let go, forward and in all: by relu and
# identity, whose formulas are short, and at most by any other activation. And of the outputs, Y
# among them, by any cost.
_TEMPORARIES = (1, 4)
_MOST_TEMPORARIES = (5, 9)
_OF_OUTPUTS = 6


class Pass(NamedTuple):
    """Examples that are summed in blocks: those of a step, or a whole set for its cost.

    Attributes
    ----------
    m, block_size : int
        How many they are, and how many a block has.
    bytes_ahead : int
        Bytes of one example in what is read ahead; 0 where nothing is.
    gathered : bool
        Whether X of a block is a copy, as of the examples of a shuffled batch.
    relaid : bool
        Whether X of a block is copied into another layout before it is computed with.
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
    """What becomes of a value of X or Y on its way into a block.

    Attributes
    ----------
    given, working : dtype
        As it is given, and as it is computed with.
    standardized : bool
        Whether a mean is taken away and a scale divided by.
    """

    given: npt.DTypeLike
    working: npt.DTypeLike
    standardized: bool = False

    @property
    def itemsize(self) -> int:
        """Bytes of a value that is computed with."""
        return np.dtype(self.working).itemsize

    @property
    def changed(self) -> bool:
        """Whether it is computed with as another one than it is given."""
        return self.standardized or np.dtype(self.given) != np.dtype(self.working)

    def kept(self, *, relaid: bool) -> int:
        """Bytes of it besides the data while a block is computed."""
        return self.itemsize if self.changed or relaid else 0

    def at_first(self, *, relaid: bool) -> int:
        """The same before any layer: as it is standardized in, less its mean, divided by its scale.

        And as it is laid out anew, from what became of it.
        """
        twice = 2 * self.itemsize if self.changed and relaid else 0
        meanwhile = itemsize_meanwhile(self.given, self.working)
        return max(twice, 3 * meanwhile if self.standardized else 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training will take, in bytes, beyond the data itself.

    Attributes
    ----------
    block_size, blocks, threads : int
        How the examples are cut, and how many threads there is work for: blocks computed at once,
        or parts of the products of a single block.
    block_bytes : int
        Arrays of one block of a step: its X where it is copied, Z, A and their derivatives; or those
        that standardizing X takes, where they are larger.
    parameter_bytes : int
        Parameters, gradients waiting to be added, the optimizer's state and the temporaries of an
        update.
    data_bytes : int
        X and Y in the working library, when they have to be placed there (0 when they are used
        where they are, or come block by block).
    host_peak_bytes, device_peak_bytes : int
        Peak on the host and on the GPU, `data_bytes` included where it lies: of checking X and Y, of
        the steps, or of the passes that give costs, whichever takes most.
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
    """Bytes for people.

    >>> format_bytes(1536), format_bytes(10), format_bytes(3 * 2**30)
    ('1.5 KiB', '10 B', '3.0 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _parts(sizes: Sequence[int], m: int) -> int:
    """Threads that the products of all examples in one block can use."""
    return max(part_count(n, n_prev, m) for n_prev, n in pairwise(sizes))


def _example_bytes(
    sizes: Sequence[int],
    X: Values,
    Y: Values | None,
    temporaries: int,
    of: Pass,
    *,
    drops_out: bool,
) -> int:
    """Bytes of an example in a block: Z and A of every layer, temporaries of the widest, X and outputs."""
    hidden = sum(sizes[1:])
    layers = X.itemsize * (2 * hidden + temporaries * max(sizes[1:]) + _OF_OUTPUTS * sizes[-1])
    # A is kept as it was dropped from, too, and the mask takes a byte.
    dropped = (X.itemsize + 1) * hidden if drops_out else 0
    copied = np.dtype(X.given).itemsize if of.gathered else 0
    kept, at_first = X.kept(relaid=of.relaid), X.at_first(relaid=of.relaid)
    # Y is standardized before any layer, or beside Z[L] when all others are gone.
    targets = 0 if Y is None else (X.itemsize + Y.at_first(relaid=False)) * sizes[-1]
    computing = kept * sizes[0] + layers + dropped
    return copied * sizes[0] + max(computing, at_first * sizes[0], kept * sizes[0] + targets)


def make_plan(
    sizes: Sequence[int],
    step: Pass,
    *costs: Pass,
    X: Values,
    threads: int,
    Y: Values | None = None,
    elaborate: bool = False,
    drops_out: bool = False,
    optimizer_vectors: int = 2,
    step_stays: bool = False,
    on_device: bool = False,
    data_bytes: int = 0,
    held_bytes: int = 0,
    held_on_device: int = 0,
    intake_bytes: int = 0,
) -> Plan:
    """Memory of a training, from shapes alone.

    Parameters
    ----------
    sizes : sequence of int
        Layers.
    step, costs : Pass
        The examples of an update, and sets of examples whose cost takes a pass of its own.
    X, Y : Values
        What becomes of X and, where it is standardized, of Y.
    threads : int
        Blocks computed at once where there are so many.
    elaborate, drops_out : bool
        Whether a hidden activation is another one than relu and identity; whether there is dropout.
    optimizer_vectors : int
        Of the size of the parameters.
    step_stays : bool
        Whether the arrays of a step stay from one to the next, as those of a CUDA graph do.
    on_device : bool
        Whether it is computed on a GPU.
    data_bytes : int
        X and Y where they had to be placed.
    held_bytes, held_on_device : int
        What stays on the host, or on the GPU, besides.
    intake_bytes : int
        What checking X and Y takes on the host before anything is computed.
    """
    theta = X.itemsize * parameter_count(sizes)
    at_once = min(threads, step.blocks)
    waiting = at_once + math.ceil(math.log2(step.blocks)) + 1 if step.blocks > 1 else 2
    parameter_bytes = theta * (waiting + optimizer_vectors + 5)

    forward, in_all = _MOST_TEMPORARIES if elaborate else _TEMPORARIES
    Y = Y if Y and Y.standardized else None
    in_step = _example_bytes(sizes, X, Y, in_all, step, drops_out=drops_out)
    of_step = in_step * step.block_size * at_once + _ahead(step, threads)
    of_costs = 0
    for each in costs:
        in_cost = _example_bytes(sizes, X, Y, forward, each, drops_out=False)
        computing = in_cost * each.block_size * min(threads, each.blocks)
        of_costs = max(of_costs, computing + _ahead(each, threads))
    passes = of_step + of_costs if step_stays else max(of_step, of_costs)
    peak = data_bytes + parameter_bytes + passes
    # On the way to a device a block is in page-locked memory and there, and one more is being read.
    on_the_way = max(
        _ahead(each, threads) + each.bytes_ahead * each.block_size for each in (step, *costs)
    )
    return Plan(
        block_size=step.block_size,
        blocks=step.blocks,
        threads=at_once if step.blocks > 1 else min(threads, _parts(sizes, step.m)),
        block_bytes=in_step * step.block_size,
        parameter_bytes=parameter_bytes,
        data_bytes=data_bytes,
        host_peak_bytes=held_bytes + max(intake_bytes, on_the_way if on_device else peak),
        device_peak_bytes=peak + held_on_device if on_device else 0,
    )


def _ahead(each: Pass, threads: int) -> int:
    """Bytes of the blocks of a pass that are read ahead."""
    return each.bytes_ahead * each.block_size * blocks_in_flight(min(threads, each.blocks))
