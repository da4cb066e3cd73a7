"""The record of an array library: the functions and facts that the rest of the package uses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.backends.cuda.graphs import Replay, Step
from dnn_xp.backends.staging import Staging
from dnn_xp.formulas.layers import REFERENCE_LAYERS, Layers
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.types import Array, Namespace

Function = Callable[..., Any]


def unchanged(function: Function) -> Function:
    """The `compile` of a library without a compiler."""
    return function


def unfused(network: Network) -> tuple[Network, Layers]:
    """The `lower` of a library that runs the formulas of a layer as written."""
    return network, REFERENCE_LAYERS


def as_given(block: Array, *, orientation: str | None) -> Array:
    """The `canonical` of a library that promises no bits for a layout."""
    return block


def nothing() -> None:
    """The `synchronize` of a library whose calls return when the work is done."""


class Backend(NamedTuple):
    """An array library on one device.

    Attributes
    ----------
    library, version : str
        "numpy", "cupy", "torch", "jax" or "array_api_strict", and its version.
    device_name : str
        "cpu" or "cuda:0", as in the argument `device`.
    xp : namespace
        The array-API namespace the formulas are called with.
    from_host, to_host : callable
        Copy a NumPy array to this device, dtype kept, and back.
    lower : callable
        From a network to the same network, its elementwise formulas fused where the library can,
        and the functions that run the steps of a layer.
    canonical : callable
        Copies a block of examples (n, k) to the layout that equal bits are promised for, unless it
        has it: examples as "columns" or as "rows", or, with ``orientation=None``, whichever it has.
    compile : callable
        Compiles the function of one block (jit); the identity where there is no compiler.
    replay : callable, optional
        Turns a step ``(arrays, scalars) -> arrays`` into one that is launched at once.
    asynchronous : bool
        Whether reading a value waits for all work issued before it.
    synchronize : callable
        Waits for the work issued so far; for timing.
    release_memory : callable
        Frees memory that is pooled for reuse; called after a MemoryError.
    memory_available : callable
        Free bytes on the device, or None when unknown.
    python_threads : bool
        Whether blocks of examples may be computed on several Python threads at once.
    bfloat16 : bool
        Whether blocks may be computed in arrays of bfloat16.
    note : str
        How this library computes here, for the model's record; "" where there is nothing to say.
    blas : str
        BLAS used besides the library's own; "" where there is none.
    active : callable
        Makes the context in which the library computes on this device.
    stage : callable, optional
        Makes the function that copies the blocks of one source to the device while earlier ones are
        computed, given how many are in flight at once; `from_host` where there is none.
    largest_block : int
        Most examples of a block.
    block_bytes : int
        Bytes of one layer's activations in one block, see
        :mod:`dnn_xp.execution.block_size`.
    """

    library: str
    version: str
    device_name: str
    xp: Namespace
    from_host: Callable[[np.ndarray], Array]
    to_host: Callable[[Array], np.ndarray]
    lower: Callable[[Network], tuple[Network, Layers]] = unfused
    canonical: Callable[..., Array] = as_given
    compile: Callable[[Function], Function] = unchanged
    replay: Callable[[Step], Replay] | None = None
    asynchronous: bool = False
    synchronize: Callable[[], None] = nothing
    release_memory: Callable[[], None] = nothing
    memory_available: Callable[[], int | None] = lambda: None
    python_threads: bool = False
    block_bytes: int = 1 << 20
    largest_block: int = 1 << 14
    bfloat16: bool = False
    note: str = ""
    blas: str = ""
    active: Callable[[], AbstractContextManager[Any]] = nullcontext
    stage: Callable[[int], Staging] | None = None
