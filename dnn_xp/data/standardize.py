"""Mean and standard deviation of each feature or target, in one exact pass over blocks of examples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import array_api_compat as compat
import numpy as np
import numpy.typing as npt

from dnn_xp.data.finite import reading_ranges
from dnn_xp.data.host import device, namespace, to_host
from dnn_xp.data.sources.base import Source
from dnn_xp.formulas.types import Array, Namespace

# Dtypes whose values float32 rounds.
WIDER_THAN_FLOAT32 = ("float64", "int32", "int64", "uint32", "uint64")


def itemsize_meanwhile(given: npt.DTypeLike, working: npt.DTypeLike) -> int:
    """Bytes of a value while it is standardized: float64 where the working dtype would round it.

    >>> itemsize_meanwhile("int64", "float32"), itemsize_meanwhile("float32", "float32")
    (8, 4)
    """
    rounded = np.dtype(working).name == "float32" and np.dtype(given).name in WIDER_THAN_FLOAT32
    return 8 if rounded else np.dtype(working).itemsize


class Moments(NamedTuple):
    """Count, mean and sum of squared deviations of some examples.

    mean and M2 are float64 NumPy arrays (n, 1). Of weighted examples m is the sum of their weights.
    """

    m: float
    mean: npt.NDArray[np.float64]
    M2: npt.NDArray[np.float64]


def block_moments(block: Array, weights: Array | None = None) -> Moments:
    """The moments of a block (n, len) in float64: two passes with a correction of rounding.

    drift = sum (x - mean0)             mean0 = sum x / len, rounded
    mean  = mean0 + drift / len
    M2    = sum (x - mean0)^2 - drift^2 / len       (Chan, Golub, LeVeque 1983, eq. 1.7)

    With weights (1, len) every term of a sum counts as often as its weight says, and len is their sum.
    Computed on the block's device, with weights on the host; mean and M2 are NumPy arrays.
    """
    n, count = int(block.shape[0]), int(block.shape[1])
    if weights is not None:
        return _weighted_moments(
            to_host(block).astype(np.float64), to_host(weights).astype(np.float64)
        )
    if count == 0:
        return Moments(0, np.zeros((n, 1)), np.zeros((n, 1)))
    values = block if _has_float64(block) else to_host(block)
    xp = namespace(values)
    if isinstance(values, np.ndarray):
        # In one layout: sums over a view of a wider array, or over rows, have other last bits.
        wide: Array = values.astype(np.float64, order="C")
    else:
        wide = xp.astype(values, xp.float64)
    mean = xp.mean(wide, axis=1, keepdims=True)
    deviation = wide - mean
    drift = xp.sum(deviation, axis=1, keepdims=True)
    M2 = xp.sum(deviation * deviation, axis=1, keepdims=True) - drift * drift / count
    return Moments(count, to_host(mean + drift / count), np.maximum(to_host(M2), 0.0))


def _weighted_moments(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> Moments:
    total = float(weights.sum())
    if total == 0.0:
        return Moments(0, np.zeros((values.shape[0], 1)), np.zeros((values.shape[0], 1)))
    mean = np.sum(values * weights, axis=1, keepdims=True) / total
    deviation = values - mean
    drift = np.sum(deviation * weights, axis=1, keepdims=True)
    M2 = np.sum(deviation * deviation * weights, axis=1, keepdims=True) - drift * drift / total
    return Moments(total, mean + drift / total, np.maximum(M2, 0.0))


def _has_float64(block: Array) -> bool:
    """Whether the block's device can compute in float64."""
    if isinstance(block, np.ndarray):
        return True
    # JAX has float64 only where it is enabled.
    if compat.is_jax_array(block):
        return False
    found = namespace(block).__array_namespace_info__().dtypes(device=device(block))
    return "float64" in found


def merge_moments(a: Moments, b: Moments) -> Moments:
    """The moments of the examples of a and b together (Chan, Golub, LeVeque 1983).

        mean = mean_a + delta m_b / m        delta = mean_b - mean_a        m = m_a + m_b
        M2   = M2_a + M2_b + delta^2 m_a m_b / m

    Associative up to rounding, with no examples as its neutral element.
    """
    if a.m == 0 or b.m == 0:
        return b if a.m == 0 else a
    m = a.m + b.m
    delta = b.mean - a.mean
    return Moments(
        m,
        a.mean + delta * (b.m / m),
        a.M2 + b.M2 + delta * delta * (a.m * (b.m / m)),
    )


def moments(source: Source, blocks: Iterable[tuple[int, int]] | None = None) -> Moments:
    """The moments of all examples of a source, which is read once, in blocks.

    Parameters
    ----------
    source : Source
        (n, m).
    blocks : iterable of (start, stop), optional
        The blocks to read; about `VALUES_OF_A_BLOCK` values each when left out.

    Returns
    -------
    Moments
        m, mean and M2, the latter two (n, 1) in float64.
    """
    total = Moments(0, np.zeros((source.n, 1)), np.zeros((source.n, 1)))
    for start, stop in reading_ranges(source) if blocks is None else blocks:
        total = merge_moments(total, block_moments(source.block(start, stop)))
    return total


def finalize_moments(moments: Moments) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The mean and the scale, (n, 1) each: scale = sqrt(M2 / m), and 1 for constant features.

    A feature is constant where its variance is at most the rounding error of a constant,
    eps m var + (eps m mean)^2, which is scikit-learn's bound.

    Examples
    --------
    >>> import numpy as np
    >>> mean, scale = finalize_moments(block_moments(np.array([[1.0, 3.0], [5.0, 5.0]])))
    >>> mean.ravel().tolist(), scale.ravel().tolist()
    ([2.0, 5.0], [1.0, 1.0])
    """
    variance = moments.M2 / (moments.m or 1)
    eps = float(np.finfo(np.float64).eps)
    with np.errstate(over="ignore"):  # no variance that is finite is larger than that
        bound = moments.m * eps * variance + (moments.m * eps * moments.mean) ** 2
    constant = variance <= bound
    scale: npt.NDArray[Any] = np.where(constant, 1.0, np.sqrt(variance))
    return moments.mean, scale


def standardize(X: Array, mean: Array, scale: Array, *, xp: Namespace) -> Array:
    """(X - mean) / scale, with mean and scale (n, 1) in the dtype of X. Elementwise.

    Examples
    --------
    >>> import numpy as np
    >>> standardize(np.array([[1.0, 3.0]]), np.array([[2.0]]), np.array([[0.5]]), xp=np)
    array([[-2.,  2.]])
    """
    return (X - mean) / scale
