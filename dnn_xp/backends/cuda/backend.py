"""CuPy on CUDA GPUs. CuPy is imported when CUDA is asked for, not with this module."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from types import ModuleType
from typing import Any, cast

import numpy as np

from dnn_xp.backends.cuda.graphs import Replay, graph_runtime, joined
from dnn_xp.backends.cuda.layers import cuda_layers
from dnn_xp.backends.cuda.transfers import transfers
from dnn_xp.backends.record import Backend
from dnn_xp.backends.staging import Stage
from dnn_xp.formulas.types import Array

INSTALL = (
    "pip install 'dnn_xp[cuda12]' or 'dnn_xp[cuda13]', after the CUDA version that nvidia-smi shows"
)


def why_not_cuda(index: int) -> str | None:
    """Reason why CUDA device `index` cannot be used, None when it can.

    Tries a small computation: importing CuPy, and even listing devices, succeeds on machines where
    no kernel can run.
    """
    try:
        import cupy
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
            return f"CuPy is not installed ({INSTALL})"
        return f"CuPy is installed but cannot be imported: {error}"
    return _why_not_device(cupy, index)


def _why_not_device(cupy: ModuleType, index: int) -> str | None:
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy has its own errors for a missing or old driver
        return f"no usable CUDA driver: {error}"
    if index >= count:
        found = (
            "no CUDA device was found"
            if count == 0
            else f"the CUDA devices here are 0 to {count - 1}"
        )
        return f"cuda:{index} was asked for, but {found}"
    try:
        with cupy.cuda.Device(index):
            column = cupy.arange(3, dtype=cupy.float32).reshape(3, 1)
            product = cupy.asnumpy(column.T @ cupy.maximum(column, 1))
    except Exception as error:  # after any failure the device cannot be used
        return f"a small kernel failed on cuda:{index}: {error}"
    if product.tolist() != [[5.0]]:
        return f"a small kernel gave a wrong result on cuda:{index}: {product.tolist()} instead of [[5.0]]"
    return None


def cupy_backend(index: int = 0) -> Backend:
    """CuPy on one device."""
    import array_api_compat.cupy
    import cupy

    def active() -> AbstractContextManager[Any]:
        # A new object each time: two threads cannot enter one Device at once.
        return cast("AbstractContextManager[Any]", cupy.cuda.Device(index))

    def from_host(array: np.ndarray) -> Array:
        with active():
            return cupy.asarray(array)

    def to_host(array: Array) -> np.ndarray:
        return np.asarray(cupy.asnumpy(array))

    def memory_available() -> int:
        with active():
            pool = cupy.get_default_memory_pool()
            free = int(cupy.cuda.runtime.memGetInfo()[0]) + int(pool.free_bytes())
            limit = int(pool.get_limit())
            return min(free, max(0, limit - int(pool.used_bytes()))) if limit else free

    stage = Stage(lambda: transfers(index))

    def release_memory() -> None:
        stage.free_buffers()
        with active():
            cupy.get_default_memory_pool().free_all_blocks()
            cupy.get_default_pinned_memory_pool().free_all_blocks()

    with active():
        layers = cuda_layers(index)
    xp = ModuleType("array_api_compat.cupy")

    def concat(arrays: list[Array], *, axis: int = 0) -> Array:
        if arrays[0].ndim == 1:
            length = sum(array.shape[0] for array in arrays)
            return joined(arrays, cupy.empty((length,), dtype=arrays[0].dtype))
        return cupy.concatenate(arrays, axis=axis)

    xp.__dict__.update(vars(array_api_compat.cupy), matmul=layers.matmul, concat=concat)
    bfloat16 = _bfloat16() if layers.by_cublaslt else None
    if bfloat16 is not None:
        xp.__dict__["bfloat16"] = bfloat16

    return Backend(
        library="cupy",
        version=cupy.__version__,
        device_name=f"cuda:{index}",
        xp=xp,
        from_host=from_host,
        to_host=to_host,
        synchronize=cupy.cuda.Device(index).synchronize,
        release_memory=release_memory,
        memory_available=memory_available,
        block_bytes=1 << 30,
        largest_block=1 << 20,
        lower=layers.lower,
        replay=partial(Replay, runtime=graph_runtime(cupy)) if layers.by_cublaslt else None,
        asynchronous=True,
        bfloat16=bfloat16 is not None,
        note=layers.note,
        active=active,
        stage=stage,
    )


def _bfloat16() -> np.dtype[Any] | None:
    """The NumPy dtype bfloat16 of the package ml_dtypes; None without it."""
    try:
        import ml_dtypes
    except ImportError:
        return None
    bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return bfloat16
