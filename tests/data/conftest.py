"""Arrays of every library that is installed, from NumPy arrays."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def _numpy(values: Any) -> Any:
    return np.asarray(values)


def _read_only(values: Any) -> Any:
    array = np.array(values)
    array.flags.writeable = False
    return array


def _strict(values: Any) -> Any:
    return importlib.import_module("array_api_strict").asarray(np.asarray(values))


def _strict_device(values: Any) -> Any:
    strict = importlib.import_module("array_api_strict")
    return strict.asarray(np.asarray(values), device=strict.Device("device1"))


def _torch(values: Any) -> Any:
    return importlib.import_module("torch").tensor(np.asarray(values))


def _jax(values: Any) -> Any:
    return importlib.import_module("jax.numpy").asarray(np.asarray(values))


def _cupy(values: Any) -> Any:
    return importlib.import_module("cupy").asarray(np.asarray(values))


MAKERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "numpy": ("numpy", _numpy),
    "read_only": ("numpy", _read_only),
    "strict": ("array_api_strict", _strict),
    "strict_device1": ("array_api_strict", _strict_device),
    "torch": ("torch", _torch),
    "jax": ("jax", _jax),
    "cupy": ("cupy", _cupy),
}


@pytest.fixture(params=list(MAKERS))
def bring(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Make an array of one library from a NumPy array."""
    package, maker = MAKERS[request.param]
    pytest.importorskip(package)
    return maker
