"""The precision of matrix products: that of the dtype, TF32 or bfloat16, never chosen silently.

float32 and float64 compute in the dtype itself, with TF32 off even where a library has it on, as
JAX has on a GPU. tf32 keeps arrays in float32 and rounds the operands of matrix products to 10
bits of mantissa. bfloat16 keeps parameters, their updates and all sums over blocks in float32, and
computes the block itself in arrays of bfloat16, 7 bits of mantissa.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from dnn_xp.backends.record import Backend
from dnn_xp.common.errors import Argument, ArgumentValueError, Pass, Text

PRECISIONS = ("float32", "float64", "tf32", "bfloat16")


def with_precision(backend: Backend, precision: str) -> Backend:
    """The same backend, in whose `active` context products are computed in `precision`.

    Raises
    ------
    ArgumentValueError
        Where the library or device has no such products.
    """
    switch = _TF32.get(backend.library) if backend.device_name != "cpu" else None
    if precision == "tf32" and switch is None:
        raise ArgumentValueError(
            "precision",
            f"'tf32' on {backend.device_name} with {backend.library}",
            "another one here: TF32 is a mode of CUDA GPUs",
            ("leave ", Argument("precision"), " out, or ", Pass("device", "cuda")),
        )
    if precision == "bfloat16" and not backend.bfloat16:
        way: Text = ("pass X and Y as PyTorch tensors or JAX arrays, or ", Pass("device", "cuda"))
        if backend.library == "cupy":
            way = ("install nvmath-python and ml_dtypes, which compute with it",)
        raise ArgumentValueError(
            "precision",
            f"'bfloat16' with {backend.library}",
            f"another one here: {backend.library} alone cannot compute in bfloat16",
            ("leave ", Argument("precision"), " out, or ", *way),
        )
    if switch is None:
        return backend

    @contextmanager
    def active() -> Iterator[None]:
        with backend.active(), switch(precision == "tf32"):
            yield

    return backend._replace(active=active)


@contextmanager
def _cupy_tf32(on: bool) -> Iterator[None]:
    import cupy
    from cupy._core import _routines_linalg as linalg  # CuPy's own switch; CUPY_TF32 is read once

    before = linalg.get_compute_type(cupy.dtype("float32"))
    linalg.set_compute_type(
        cupy.dtype("float32"), linalg.COMPUTE_TYPE_TF32 if on else linalg.COMPUTE_TYPE_FP32
    )
    try:
        yield
    finally:
        linalg.set_compute_type(cupy.dtype("float32"), before)


@contextmanager
def _torch_tf32(on: bool) -> Iterator[None]:
    import torch

    with warnings.catch_warnings():
        # 2.9 moved the switch to fp32_precision, and 3 may take this one away.
        warnings.simplefilter("ignore", DeprecationWarning)
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = on
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


@contextmanager
def _jax_tf32(on: bool) -> Iterator[None]:
    import jax

    with jax.default_matmul_precision("tensorfloat32" if on else "float32"):
        yield


_TF32: dict[str, Callable[[bool], AbstractContextManager[None]]] = {
    "cupy": _cupy_tf32,
    "torch": _torch_tf32,
    "jax": _jax_tf32,
}
