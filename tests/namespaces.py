"""The array libraries that tests run on, and how their arrays are made and compared."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np
import pytest
from strict_backend import strict_backend

from dnn_xp.backends.choice import OTHERS

OTHERS["array_api_strict"] = strict_backend


@dataclass(frozen=True)
class Library:
    """One namespace, on one device of it, with or without arrays that refuse to be written to."""

    name: str
    xp: Any
    device: Any = None
    readonly: bool = False
    float64: bool = True

    def array(self, values: Any, dtype: str = "float32") -> Any:
        """The values as an array of this library, with the dtype of this name."""
        host = np.array(values, dtype=dtype)
        if self.xp is np:
            host.setflags(write=not self.readonly)
            return host
        return self.xp.asarray(host, device=self.device)

    def numpy(self, array: Any) -> np.ndarray:
        """A NumPy copy of an array of this library."""
        if array_api_compat.is_torch_array(array):
            return np.array(array.detach().cpu().numpy())
        if array_api_compat.is_cupy_array(array):
            return np.array(array.get())
        if self.name.startswith("array_api_strict"):
            return np.array(np.from_dlpack(array.to_device(self.xp.Device("CPU_DEVICE"))))
        return np.array(array)

    def assert_matches(
        self, actual: Any, expected: Any, *, dtype: str = "float32", ulps: float = 16
    ) -> None:
        """Value, shape, dtype, namespace and device.

        The tolerance is `ulps` units in the last place of dtype, of each entry or of 1, whichever
        is larger.
        """
        expected = np.asarray(expected)
        assert array_api_compat.array_namespace(actual) is array_api_compat.array_namespace(
            self.array([0.0])
        )
        assert tuple(actual.shape) == expected.shape
        assert actual.dtype == getattr(self.xp, dtype)
        if self.device is not None:
            assert array_api_compat.device(actual) == self.device
        tolerance = 0.0 if dtype in ("bool", "int32") else ulps * float(np.finfo(dtype).eps)
        np.testing.assert_allclose(
            self.numpy(actual).astype(expected.dtype),
            expected,
            rtol=tolerance,
            atol=tolerance,
            equal_nan=True,
        )

    @contextlib.contextmanager
    def unchanged(self, *arrays: Any) -> Iterator[None]:
        """Fails when the block writes to one of the arrays."""
        before = [self.numpy(array) for array in arrays]
        yield
        for array, copy in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(self.numpy(array), copy)


def _numpy() -> Library:
    return Library("numpy", np)


def _numpy_readonly() -> Library:
    return Library("numpy-readonly", np, readonly=True)


def _strict(device: str) -> Library:
    xp = importlib.import_module("array_api_strict")
    return Library(
        f"array_api_strict-{device}",
        xp,
        device=xp.Device(device),
        float64=device not in ("no_float64", "no_x64"),
    )


def _jax() -> Library:
    return Library("jax", importlib.import_module("jax.numpy"))


def _torch() -> Library:
    importlib.import_module("torch")
    return Library("torch", importlib.import_module("array_api_compat.torch"))


def _cupy() -> Library:
    xp = importlib.import_module("array_api_compat.cupy")
    # Importing CuPy works without a GPU; computing does not.
    float(xp.sum(xp.asarray([1.0])))
    return Library("cupy", xp)


STRICT_DEVICES = ("CPU_DEVICE", "device1", "device2", "no_float64", "no_x64")

LIBRARIES: dict[str, Callable[[], Library]] = {
    "numpy": _numpy,
    "numpy-readonly": _numpy_readonly,
    **{
        f"array_api_strict-{device}": (lambda device=device: _strict(device))
        for device in STRICT_DEVICES
    },
    "jax": _jax,
    "torch": _torch,
    "cupy": _cupy,
}


def usable(name: str) -> Any:
    """The namespace that users of a library import; an error where it cannot compute."""
    if name == "cupy":
        _cupy()
    return importlib.import_module({"jax": "jax.numpy"}.get(name, name))


def require(name: str, load: Callable[[], Any]) -> Any:
    """What load returns; where it fails, a skip, or a failure if DNN_XP_REQUIRE lists the name."""
    try:
        return load()
    except Exception as error:
        reason = f"{name} is not usable here: {error!r}"
        if name.partition("-")[0] in os.environ.get("DNN_XP_REQUIRE", "").split(","):
            pytest.fail(f"{reason}, and DNN_XP_REQUIRE asks for it")
        pytest.skip(reason, allow_module_level=True)
