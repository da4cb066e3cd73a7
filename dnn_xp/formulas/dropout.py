"""Inverted dropout with masks that are the same on every library.

    forward    A[l] = A[l] * D[l] / keep_prob          D[l] = 1 with probability keep_prob, else 0
    backward   dA[l] = dA[l] * D[l] / keep_prob

Whether a unit is kept is a hash of (seed, unit, example), not the next number of a generator. So a
block of examples gets the mask that it has within the whole batch, in any order and on any library.
Source: Srivastava et al. 2014.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from dnn_xp.formulas.types import Array, Namespace


class Draw(NamedTuple):
    """What the mask of one layer and update is drawn with, where keep_prob changes from update to update.

    All of it may be traced numbers, so that a compiled step takes any.

    Attributes
    ----------
    seed : int
        As of `dropout_hashes`.
    largest : int
        `largest_kept` of keep_prob.
    keep_prob : float
        Probability with which a unit is kept.
    """

    seed: int
    largest: int
    keep_prob: float


# What the masks of an update are drawn with: a seed for each hidden layer, or a draw.
Seeds: TypeAlias = tuple[int | Draw, ...]


def largest_kept(keep_prob: float) -> int:
    """The largest hash with which a unit is kept: keep_prob of the 2^32 values of int32 are no larger.

    Examples
    --------
    >>> largest_kept(0.5), largest_kept(1.0) == 2**31 - 1
    (-1, True)
    """
    # Signed, so the lowest of the 2^32 values is -2^31 and keep_prob = 1 keeps every one.
    return max(round(keep_prob * 2**32) - 2**31 - 1, -(2**31))


def dropout_mask(seed: int, n: int, examples: Array, *, keep_prob: float, xp: Namespace) -> Array:
    """Boolean (n, B) array that is True with probability keep_prob.

    Parameters
    ----------
    seed : Python int, or 0-d int32 array, from -2^31 to 2^31 - 1; one per layer and update.
    n : units of the layer.
    examples : (1, B) int32 array, the position of each example within the whole batch.
    keep_prob : probability with which a unit is kept, 0 < keep_prob <= 1, in steps of 2^-32.

    Examples
    --------
    >>> import numpy as np
    >>> examples = np.arange(4, dtype=np.int32)[None, :]
    >>> D = dropout_mask(7, 3, examples, keep_prob=0.5, xp=np)
    >>> bool((dropout_mask(7, 3, examples[:, 2:], keep_prob=0.5, xp=np) == D[:, 2:]).all())
    True
    """
    return dropout_hashes(seed, n, examples, xp=xp) <= largest_kept(keep_prob)


def dropout_hashes(seed: int, n: int, examples: Array, *, xp: Namespace) -> Array:
    """Int32 (n, B): a hash of seed, unit and example, any value as likely; see `dropout_mask`.

    Unit and example are hashed each with the seed, and their sum is hashed again. All of it is
    arithmetic modulo 2^32 in int32, with the multipliers and shifts of lowbias32 (C. Wellons,
    hash-prospector, 2018).

    Examples
    --------
    >>> import numpy as np
    >>> dropout_hashes(7, 2, np.zeros((1, 1), dtype=np.int32), xp=np).dtype
    dtype('int32')
    """
    # Inside jax.jit an array has no device, and none has to be named there.
    device = getattr(examples, "device", None)
    units = xp.reshape(xp.arange(n, dtype=xp.int32, device=device), (n, 1))
    # Never 0-d, since NumPy warns of an overflow in scalars but wraps in arrays.
    salt = _mix(xp.zeros_like(examples[:, :1]) + seed)
    pepper = _mix(salt + 1)
    return _scramble(_mix(units + salt) + _mix(examples + pepper))


def dropout_forward(A: Array, D: Array, *, keep_prob: float, xp: Namespace) -> Array:
    """Drop and scale up: ``A D / keep_prob``, whose expected value is A.

    Examples
    --------
    >>> import numpy as np
    >>> D = np.asarray([[True, False]])
    >>> dropout_forward(np.asarray([[1.0, 1.0]]), D, keep_prob=0.5, xp=np)
    array([[2., 0.]])
    """
    return A * xp.astype(D, A.dtype) / keep_prob


def dropout_backward(dA: Array, D: Array, *, keep_prob: float, xp: Namespace) -> Array:
    """Backward of `dropout_forward`: ``dA D / keep_prob``.

    Examples
    --------
    >>> import numpy as np
    >>> D = np.asarray([[True, False]])
    >>> dropout_backward(np.asarray([[3.0, 3.0]]), D, keep_prob=0.5, xp=np)
    array([[6., 0.]])
    """
    return dA * xp.astype(D, dA.dtype) / keep_prob


def _scramble(x: Array) -> Array:
    """lowbias32 without its last step, which leaves the upper half of the bits as it is.

    The masks make an arithmetic shift to the right a logical one. The multipliers are 0x7FEB352D
    and 0x846CA68B as int32.
    """
    x = (x ^ ((x >> 16) & 0xFFFF)) * 0x7FEB352D
    return (x ^ ((x >> 15) & 0x1FFFF)) * (0x846CA68B - 2**32)


def _mix(x: Array) -> Array:
    """lowbias32: an int32 array to an int32 array, one to one."""
    x = _scramble(x)
    return x ^ ((x >> 16) & 0xFFFF)
