"""Which library and device compute, and the record that says so."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import array_api_compat as compat

from dnn_xp.backends.cuda.backend import cupy_backend, why_not_cuda
from dnn_xp.backends.cuda.crossover import gpu_pays
from dnn_xp.backends.jax import jax_backend
from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.backends.record import Backend
from dnn_xp.backends.torch import torch_backend
from dnn_xp.common.errors import (
    PYTHON,
    Argument,
    ArgumentError,
    ArgumentValueError,
    Pass,
    Worded,
    Words,
)
from dnn_xp.common.messages import describe, nearest
from dnn_xp.formulas.types import Array

# Backends of further array-API libraries: name of the library -> (device of an array -> backend).
OTHERS: dict[str, Callable[[Any], Backend]] = {}


class DeviceFallbackWarning(Worded, UserWarning):
    """CUDA was asked for and cannot be used: falling back to the CPU, with the same result."""

    def __init__(self, device: str, problem: str) -> None:
        super().__init__(device, problem)
        self.device = device
        self.problem = problem

    def sentence(self, words: Words = PYTHON) -> str:
        """The device, why it cannot be used, and how to make this an error."""
        device = words.argument(Argument("device", self.device))
        error = words.argument(Argument("fallback", False))
        return (
            f"{device} cannot be used: {self.problem}. Falling back to the CPU, with the same "
            f"result; {error} makes this an error"
        )


class DeviceError(ArgumentError, RuntimeError):
    """CUDA was asked for without a fallback, and cannot be used."""


class DeviceRecord(NamedTuple):
    """Where a model was computed, what had been asked for, and why they differ.

    Attributes
    ----------
    requested : str
        The `device` argument, "None" when it was left out.
    device, library, version, dtype : str
        What was used.
    reason : str
        Why this device.
    precision : str
        What products were computed in; "" where that is `dtype`.
    block_size, blocks, threads : int
        Examples per block, blocks and threads, of the last training data.
    blas : str
        What multiplied matrices besides the library's own BLAS; "" where nothing did.
    """

    requested: str
    device: str
    library: str
    version: str
    reason: str
    dtype: str = ""
    block_size: int = 0
    blocks: int = 0
    threads: int = 1
    precision: str = ""
    blas: str = ""

    def __str__(self) -> str:
        blocks = (
            f", {self.blocks} block{'s' if self.blocks != 1 else ''} of {self.block_size} examples"
        )
        threads = f", {self.threads} thread{'s' if self.threads != 1 else ''}"
        return (
            f"{self.device} with {self.library} {self.version}"
            f"{', ' + self.dtype if self.dtype else ''}"
            f"{', ' + self.blas if self.blas else ''}"
            f"{', products in ' + self.precision if self.precision else ''}{blocks if self.blocks else ''}{threads}"
            f" (asked for: {self.requested}; {self.reason})"
        )


def backend_named(library: str, device_name: str = "cpu") -> Backend:
    """The backend of a library: CuPy and PyTorch on the named device, the others on their own default."""
    index = int(device_name.partition(":")[2] or 0)
    makers: dict[str, Callable[[], Backend]] = {
        "numpy": numpy_backend,
        "cupy": lambda: cupy_backend(index),
        "torch": lambda: torch_backend(device_name),
        "jax": jax_backend,
    }
    return makers[library]() if library in makers else OTHERS[library](None)


def backend_for_array(array: Array) -> Backend:
    """The backend of an array's library, on the array's device."""
    return _where_the_array_is(array) or numpy_backend()


def _where_the_array_is(array: Array | None) -> Backend | None:
    """The same, and None for NumPy: to make its backend may load a BLAS that was not asked for."""
    if array is None:
        return None
    if compat.is_torch_array(array):
        return torch_backend(array.device)
    if compat.is_jax_array(array):
        return jax_backend(_jax_device(array))
    if compat.is_cupy_array(array):
        return cupy_backend(array.device.id)
    other = OTHERS.get(type(array).__module__.partition(".")[0])
    return None if other is None else other(array.device)


def _jax_device(array: Array) -> Any:
    # None, the default device, for a traced or sharded array, which has no device or several.
    devices: set[Any] = getattr(array, "devices", set)()
    return next(iter(devices)) if len(devices) == 1 else None


def compiled(backend: Backend) -> Backend:
    """The same backend with the step of a block compiled: PyTorch. JAX always compiles."""
    if backend.library == "torch":
        return torch_backend(backend.device_name, compiled=True)
    if backend.library == "jax":
        return backend
    raise ArgumentValueError(
        "compile",
        f"True with {backend.library}",
        "False unless X and Y are PyTorch tensors (torch.compile)",
        ("leave ", Argument("compile"), " out"),
    )


def choose_backend(
    device: str | None,
    array: Array | None,
    *,
    fallback: bool = True,
    step_operations: float = 0.0,
    blas: str = "auto",
) -> tuple[Backend, DeviceRecord]:
    """Backend for the `device` argument of the public functions, given the array X (None for files).

    `step_operations` is the arithmetic of one gradient step, from which "auto" chooses the device
    for host arrays. Without it "auto" is the CPU.
    """
    device = check_device("device", device)
    requested = str(device)
    if device is None or device == "auto":
        backend, reason = _where_the_array_is(array), "the arrays were already there"
        if backend is None:
            backend, reason = _cuda_where_it_pays(step_operations, blas)
    elif device == "cpu":
        backend, reason = numpy_backend(blas), "as asked"
    else:
        backend, reason = _cuda_or_cpu(device, blas, fallback=fallback)
    if backend.note:
        reason = f"{reason}; {backend.note}"
    return backend, DeviceRecord(
        requested,
        backend.device_name,
        backend.library,
        backend.version,
        reason,
        blas=backend.blas,
    )


def _cuda_where_it_pays(step_operations: float, blas: str) -> tuple[Backend, str]:
    pays, reason = gpu_pays(step_operations)
    if not pays:
        return numpy_backend(blas), reason
    # CuPy is imported only here: that takes seconds, longer than a small training.
    problem = why_not_cuda(0)
    if problem is None:
        return cupy_backend(0), reason
    # No warning: the user did not ask for CUDA.
    return numpy_backend(blas), f"{reason}, but CUDA cannot be used: {problem}"


def level_of_user() -> int:
    """Stack level of the line that called this package, counted from the caller of this function."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "dnn_xp":
        level, frame = level + 1, frame.f_back
    return level


def check_device(argument: str, device: object) -> str | None:
    """The device's name or None; ArgumentValueError unless it is "auto", "cpu", "cuda" or "cuda:N".

    Whether the device can be used is not checked here.
    """
    if device is None:
        return None
    if isinstance(device, str) and re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        return device
    meant = None
    if isinstance(device, str):
        meant = "cuda" if device == "gpu" else nearest(device, ("auto", "cpu", "cuda"))
    raise ArgumentValueError(
        argument,
        describe(device),
        "'auto', 'cpu', 'cuda', 'cuda:N' or left out",
        f"did you mean {meant!r}?" if meant else "",
    )


def _cuda_or_cpu(device: str, blas: str, *, fallback: bool) -> tuple[Backend, str]:
    index = int(device.partition(":")[2] or 0)
    problem = why_not_cuda(index)
    if problem is None:
        return cupy_backend(index), "as asked"
    if not fallback:
        raise DeviceError(
            "device",
            f"{device!r}, which cannot be used: {problem}",
            "a device that can be used",
            (Pass("device", "cpu"), ", or ", Pass("fallback", True), " to fall back to the CPU"),
        )
    warning = DeviceFallbackWarning(device, problem)
    warnings.warn(warning, stacklevel=level_of_user())
    return numpy_backend(blas), f"fell back to the CPU: {problem}"
