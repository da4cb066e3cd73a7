"""What the rest of the package needs to know of an array library, and nothing more."""

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
    """Compile of a library that runs formulas as they are written."""
    return function


def as_written(network: Network) -> tuple[Network, Layers]:
    """Lowering of a library that has no way of its own to run a layer."""
    return network, REFERENCE_LAYERS


def as_given(block: Array, *, columns: bool) -> Array:
    """Layout of a library whose results do not depend on it, or that says nothing of it."""
    return block


def nothing() -> None:
    """Synchronise of a library whose calls return when the work is done."""


class Backend(NamedTuple):
    """An array library on one device.

    Attributes
    ----------
    library, version : str
        "numpy", "cupy", "torch", "jax" or "array_api_strict", and its version.
    device_name : str
        "cpu" or "cuda:0", as users write it.
    xp : namespace
        The array-API namespace the formulas are called with.
    from_host, to_host : callable
        A NumPy array to this device (own dtype kept) and back.
    lower : callable
        The same network with formulas that the library has fused, and the library's ways to run the
        steps of a layer; formulas as written where there are none.
    canonical : callable
        A block of examples (n, k) in the layout that bits are promised for; with ``columns=True``
        the layout is the same whether examples lie as rows or as columns.
    compile : callable
        Turns the function of one block into a faster one of the same value (jit); the identity
        where there is none.
    replay : callable, optional
        Turns a step ``(arrays, numbers) -> arrays`` into one that is issued at once.
    asynchronous : bool
        Whether asking for a value means waiting for all work issued before it.
    synchronize : callable
        Waits for the work issued so far; used where time is taken.
    release_memory : callable
        Gives memory that is kept for reuse back to the device; called when it ran out.
    memory_available : callable
        Free bytes on the device, or None when unknown.
    python_threads : bool
        Whether blocks of examples may be computed on several Python threads at once.
    bfloat16 : bool
        Whether blocks may be computed in arrays of bfloat16.
    note : str
        What a user may want to know of how this library computes here.
    active : callable
        Context in which the library computes on this device.
    stage : callable, optional
        Makes what puts the blocks of one source on the device while earlier ones are computed,
        given how many are on their way at once; where there is none, `from_host` does.
    largest_block : int
        Examples of a block at most.
    block_bytes : int
        Size of one layer's activations of one block that suits the device, see
        :mod:`dnn_xp.execution.block_size`.
    """

    library: str
    version: str
    device_name: str
    xp: Namespace
    from_host: Callable[[np.ndarray], Array]
    to_host: Callable[[Array], np.ndarray]
    lower: Callable[[Network], tuple[Network, Layers]] = as_written
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
    active: Callable[[], AbstractContextManager[Any]] = nullcontext
    stage: Callable[[int], Staging] | None = None
