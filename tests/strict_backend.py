"""The backend of array-api-strict, which has the functions of the standard and no others."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.backends.record import Backend
from dnn_xp.formulas.types import Array


def strict_backend(device: Any = None) -> Backend:
    """The record of this library on one device."""
    import array_api_strict as xp

    cpu = xp.Device("CPU_DEVICE")
    if device is None:
        device = cpu

    def from_host(array: np.ndarray) -> Array:
        return xp.asarray(array, device=device)

    def to_host(array: Array) -> np.ndarray:
        return np.asarray(array.to_device(cpu))

    return Backend(
        library="array_api_strict",
        version=xp.__version__,
        device_name="cpu" if device == cpu else str(device),
        xp=xp,
        from_host=from_host,
        to_host=to_host,
    )
