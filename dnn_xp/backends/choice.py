"""Which library and device compute, and the record that says so."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NamedTuple

import array_api_compat as compat

from dnn_xp.backends.cuda.backend import cupy_backend, why_not_cuda
from dnn_xp.backends.cuda.crossover import gpu_pays
from dnn_xp.backends.jax import jax_backend
from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.backends.record import Backend
from dnn_xp.backends.strict import strict_backend
from dnn_xp.backends.torch import torch_backend
from dnn_xp.formulas.types import Array


class DeviceFallbackWarning(UserWarning):
    """CUDA was asked for and cannot be used; the CPU goes on with the same result."""


class DeviceRecord(NamedTuple):
    """Where a model was computed, what had been asked for, and why they differ when they do.

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
        How the engine cut the examples; `block_size` covers the last training data seen.
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

    def __str__(self) -> str:
        blocks = (
            f", {self.blocks} block{'s' if self.blocks != 1 else ''} of {self.block_size} examples"
        )
        threads = f", {self.threads} thread{'s' if self.threads != 1 else ''}"
        return (
            f"{self.device} with {self.library} {self.version}"
            f"{', ' + self.dtype if self.dtype else ''}"
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
        "array_api_strict": strict_backend,
    }
    return makers[library]()


def backend_for_array(array: Array) -> Backend:
    """The backend in which an array already lives."""
    if compat.is_torch_array(array):
        return torch_backend(array.device)
    if compat.is_jax_array(array):
        return jax_backend(_jax_device(array))
    if compat.is_cupy_array(array):
        return cupy_backend(array.device.id)
    if type(array).__module__.split(".")[0] == "array_api_strict":
        return strict_backend(array.device)
    return numpy_backend()


def _jax_device(array: Array) -> Any:
    # A traced or sharded array has several devices or none; the default device serves then.
    devices: set[Any] = getattr(array, "devices", set)()
    return next(iter(devices)) if len(devices) == 1 else None


def compiled(backend: Backend) -> Backend:
    """The same backend with the step of a block compiled, where that is a choice: PyTorch."""
    if backend.library == "torch":
        return torch_backend(backend.device_name, compiled=True)
    if backend.library == "jax":
        return backend
    msg = (
        f"compile=True is for PyTorch tensors (torch.compile); {backend.library} runs the formulas "
        "as they are written. Leave it out"
    )
    raise ValueError(msg)


def choose_backend(
    device: str | None,
    array: Array | None,
    *,
    fallback: bool = True,
    step_operations: float = 0.0,
) -> tuple[Backend, DeviceRecord]:
    """Backend for the `device` argument of the public functions, given the array X (None for files).

    `step_operations` is the arithmetic of one gradient step, by which "auto" decides over host
    arrays; who has no step to take leaves it out and stays on the CPU.
    """
    requested = str(device)
    if device is None or device == "auto":
        backend = numpy_backend() if array is None else backend_for_array(array)
        if backend.library == "numpy":
            backend, reason = _cuda_where_it_pays(step_operations)
        else:
            reason = "the arrays were already there"
    elif device == "cpu":
        backend, reason = numpy_backend(), "as asked"
    else:
        backend, reason = _cuda_or_cpu(device, fallback=fallback)
    if backend.note:
        reason = f"{reason}; {backend.note}"
    return backend, DeviceRecord(
        requested, backend.device_name, backend.library, backend.version, reason
    )


def _cuda_where_it_pays(step_operations: float) -> tuple[Backend, str]:
    pays, reason = gpu_pays(step_operations)
    if not pays:
        return numpy_backend(), reason
    # Only now: importing CuPy takes seconds, which a small training does not have.
    problem = why_not_cuda(0)
    if problem is None:
        return cupy_backend(0), reason
    # No warning: nobody asked for CUDA.
    return numpy_backend(), f"{reason}, but CUDA cannot be used: {problem}"


def _level_of_user() -> int:
    """Stack level of the line that called this package, counted from the function that asks."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "dnn_xp":
        level, frame = level + 1, frame.f_back
    return level


def check_device(name: str, device: Any) -> str | None:
    """The `device` argument, if it is one; whether the device can be used is another question."""
    if device in (None, "auto", "cpu") or re.fullmatch(r"cuda(:\d+)?", str(device)):
        return None if device is None else str(device)
    meant = {"gpu": "cuda"}.get(str(device)) or "".join(
        get_close_matches(str(device), ("auto", "cpu", "cuda"), n=1)
    )
    hint = f": did you mean {meant!r}?" if meant else "."
    msg = (
        f"{name}={device!r} is unknown{hint} "
        "Choose one of None, 'auto', 'cpu', 'cuda', 'cuda:0', 'cuda:1', ..."
    )
    raise ValueError(msg)


def _cuda_or_cpu(device: str, *, fallback: bool) -> tuple[Backend, str]:
    check_device("device", device)
    index = int(str(device).partition(":")[2] or 0)
    problem = why_not_cuda(index)
    if problem is None:
        return cupy_backend(index), "as asked"
    if not fallback:
        msg = f"device={device!r} cannot be used: {problem}. Use device='cpu', or fallback=True to go on with the CPU"
        raise RuntimeError(msg)
    warnings.warn(
        f"device={device!r} cannot be used: {problem}. The CPU goes on with the same result; "
        "fallback=False makes this an error",
        DeviceFallbackWarning,
        stacklevel=_level_of_user(),
    )
    return numpy_backend(), f"fell back to the CPU: {problem}"
