"""The precision that products are computed in: that of the dtype, TF32 or bfloat16, never chosen silently.

float32 and float64 compute in the dtype itself, with TF32 off even where a library has it on, as
JAX has on a GPU. tf32 leaves arrays in float32 and rounds the operands of matrix products to 10
bits of mantissa. bfloat16 keeps parameters, their updates and all sums over blocks in float32, and
computes the block itself in arrays of bfloat16, 7 bits of mantissa.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from dnn_xp.backends.record import Backend

PRECISIONS = ("float32", "float64", "tf32", "bfloat16")


def with_precision(backend: Backend, precision: str) -> Backend:
    """The same backend, in whose `active` context products are computed in `precision`.

    Raises
    ------
    ValueError
        Where the library or device has no such products.
    """
    switch = _TF32.get(backend.library) if backend.device_name != "cpu" else None
    if precision == "tf32" and switch is None:
        msg = (
            "precision='tf32' is a mode of CUDA GPUs, and this training computes on "
            f"{backend.device_name} with {backend.library}. Leave it out, or bring device='cuda'"
        )
        raise ValueError(msg)
    if precision == "bfloat16" and not backend.bfloat16:
        way_out = (
            "install nvmath-python and ml_dtypes, which do that for it"
            if backend.library == "cupy"
            else "pass X and Y as PyTorch tensors or JAX arrays, or bring device='cuda'"
        )
        msg = (
            f"precision='bfloat16' needs arrays of bfloat16, which {backend.library} alone cannot "
            f"compute with. Leave it out, or {way_out}"
        )
        raise ValueError(msg)
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
