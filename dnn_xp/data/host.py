"""Library, device and dtype of arrays, and their copies on the host."""

from __future__ import annotations

from typing import Any

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from dnn_xp.formulas.types import Array, Namespace


def is_array(obj: Any) -> bool:
    """Whether obj is an in-memory array that an array-API namespace can compute with."""
    if isinstance(obj, np.ndarray):
        return not isinstance(obj, np.memmap)
    return bool(compat.is_array_api_obj(obj)) and not compat.is_dask_array(obj)


def namespace(array: Array) -> Namespace:
    """The array-API namespace of an array."""
    return compat.array_namespace(array)


def library(array: Array) -> str:
    """The array's library: "numpy", "torch", "jax", "cupy", "array_api_strict"."""
    name: str = namespace(array).__name__
    return name.removeprefix("array_api_compat.").partition(".")[0]


def device(array: Array) -> Any:
    """The array's device, as its library names it."""
    return compat.device(array)


def positions_for(array: Array, indices: npt.NDArray[np.int64], m: int) -> Array:
    """Indices below m in the array's library and on its device, for its `take`."""
    # int32 where it is enough: JAX has no int64 unless asked for it.
    host = indices.astype(np.int32) if m < 2**31 else indices
    positions: Array = namespace(array).asarray(host, device=device(array))
    return positions


def numpy_dtype(dtype: Any) -> np.dtype[Any]:
    """NumPy's dtype of the same name as a library's dtype; float32 for bfloat16.

    NumPy has no bfloat16: sources convert its blocks to float32.

    Raises
    ------
    TypeError
        When there is no such dtype in NumPy.
    """
    if str(dtype).endswith("bfloat16"):
        return np.dtype(np.float32)
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        found = np.dtype(str(dtype).rsplit(".", maxsplit=1)[-1])
    return found


def native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in this machine's byte order."""
    same: np.dtype[Any] = dtype.newbyteorder("=")
    return same


def working_dtype(dtype: Any) -> str:
    """The dtype in which the engine computes with values of `dtype`.

    float32 and float64 keep theirs. Everything else (integers, bool, float16, bfloat16,
    longdouble) becomes float32.

    Parameters
    ----------
    dtype : dtype of any library, or its name

    Returns
    -------
    str
        "float32" or "float64".

    Examples
    --------
    >>> working_dtype("float64"), working_dtype("int64"), working_dtype(">f4")
    ('float64', 'float32', 'float32')
    """
    return "float64" if native(numpy_dtype(dtype)) == np.dtype(np.float64) else "float32"


def to_host(array: Array) -> npt.NDArray[Any]:
    """The array's values as a NumPy array, shared where the library can share them."""
    if isinstance(array, np.ndarray):
        return np.asarray(array)
    if compat.is_torch_array(array):
        return np.asarray(array.detach().cpu().numpy())
    if compat.is_cupy_array(array):
        return np.asarray(array.get())
    if not compat.is_jax_array(array):
        # NumPy reads the values of array-api-strict on its default device only.
        info = namespace(array).__array_namespace_info__()
        array = compat.to_device(array, info.default_device())
    return np.asarray(array)
