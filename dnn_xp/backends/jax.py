"""JAX, on the device of the arrays that the caller brings; the step of a block is jitted."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.backends.record import Backend
from dnn_xp.common.errors import ArgumentValueError, Pass
from dnn_xp.formulas.types import Array


def jax_backend(device: Any = None) -> Backend:
    """The record of this library on one device."""
    import jax
    import jax.numpy as xp

    if device is None:
        device = jax.devices()[0]

    def from_host(array: np.ndarray) -> Array:
        placed = jax.device_put(array, device)
        # Labels and indices stay what they are in 32 bits, as long as they fit.
        narrowed = placed.dtype != array.dtype
        if narrowed and not (array.dtype.kind in "iu" and np.array_equal(placed, array)):
            raise ArgumentValueError(
                "dtype",
                f"{array.dtype}, which JAX turns into {placed.dtype}",
                "of 32 bits unless JAX's 64-bit types are on",
                (
                    "call jax.config.update('jax_enable_x64', True) first, or ",
                    Pass("dtype", "float32"),
                ),
            )
        return placed

    def memory_available() -> int | None:
        statistics = device.memory_stats() or {}
        limit = statistics.get("bytes_limit")
        return None if limit is None else int(limit) - int(statistics.get("bytes_in_use", 0))

    return Backend(
        library="jax",
        version=jax.__version__,
        device_name="cpu" if device.platform == "cpu" else f"{device.platform}:{device.id}",
        xp=xp,
        from_host=from_host,
        to_host=np.asarray,
        compile=jax.jit,
        memory_available=memory_available,
        bfloat16=True,
        block_bytes=1 << 22,
        largest_block=1 << 16,
    )
