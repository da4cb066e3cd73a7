"""What the rest of the package needs to know of an array library, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.backends.staging import Staging
from dnn_xp.formulas.types import Array, Namespace

Function = Callable[..., Any]


def unchanged(function: Function) -> Function:
    """Fuse or compile of a library that runs formulas as they are written."""
    return function


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
    compile : callable
        Turns the function of one block into a faster one of the same value (jit); the identity
        where there is none.
    synchronize : callable
        Waits for the work issued so far; used where time is taken.
    release_memory : callable
        Gives memory that is kept for reuse back to the device; called when it ran out.
    memory_available : callable
        Free bytes on the device, or None when unknown.
    python_threads : bool
        Whether blocks of examples may be computed on several Python threads at once.
    active : callable
        Context in which the library computes on this device.
    stage : callable, optional
        Makes what puts the blocks of one source on the device while earlier ones are computed,
        given how many are on their way at once; where there is none, `from_host` does.
    largest_block : int
        Examples of a block at most.
    block_bytes : int
        Size of one layer's activations of one block that suits the device, see
        :mod:`dnn_xp.planning`.
    """

    library: str
    version: str
    device_name: str
    xp: Namespace
    from_host: Callable[[np.ndarray], Array]
    to_host: Callable[[Array], np.ndarray]
    compile: Callable[[Function], Function] = unchanged
    synchronize: Callable[[], None] = nothing
    release_memory: Callable[[], None] = nothing
    memory_available: Callable[[], int | None] = lambda: None
    python_threads: bool = False
    block_bytes: int = 1 << 20
    largest_block: int = 1 << 14
    active: Callable[[], AbstractContextManager[Any]] = nullcontext
    stage: Callable[[int], Staging] | None = None
