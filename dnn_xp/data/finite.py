"""NaN and infinity: looked for once, block by block, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from dnn_xp.data.host import namespace, to_host
from dnn_xp.data.sources.base import Source
from dnn_xp.formulas.types import Array

# Values of a block of the passes that check X and Y and take the mean of X.
VALUES_OF_A_BLOCK = 1 << 18


def examples_of_a_block(n: int, *, values: int = VALUES_OF_A_BLOCK) -> int:
    """Examples of n features that have about that many values."""
    return max(1, values // n)


def block_ranges(source: Source, *, values: int = VALUES_OF_A_BLOCK) -> Iterable[tuple[int, int]]:
    """(start, stop) of blocks of about that many values."""
    step = examples_of_a_block(source.n, values=values)
    return ((start, min(start + step, source.m)) for start in range(0, source.m, step))


def block_is_finite(block: Array) -> bool:
    """Whether a block of floats may be taken as free of NaN and infinity, by its sum alone.

    A sum that contains NaN or infinity is never finite. The other way round a large sum may
    overflow: then False comes although all is well, and the values have to be looked at.
    """
    with np.errstate(all="ignore"):
        return math.isfinite(float(namespace(block).sum(block)))


def check_finite(
    source: Source,
    argument: str,
    *,
    blocks: Iterable[tuple[int, int]] | None = None,
    within: str | None = None,
) -> None:
    """Raise when the source holds NaN or infinity, with how many and where the first one is.

    Parameters
    ----------
    source : Source
        (n, m); integers and bool pass unread.
    argument : str
        What the error calls it.
    blocks : iterable of (start, stop), optional
        The blocks to read it in; of about `VALUES_OF_A_BLOCK` values each when not given.
    within : str, optional
        The dtype it is computed in: finite values that would be infinite there are refused, too.

    Raises
    ------
    ValueError
        With the counts, and the first position in the order of the examples.
    """
    if source.dtype.kind != "f":
        return
    nans = infinities = 0
    first: tuple[int, int] | None = None
    narrowed = within == "float32" and source.dtype == np.float64
    too_far = ""
    for start, stop in block_ranges(source) if blocks is None else blocks:
        block = source.block(start, stop)
        if narrowed and not too_far:
            too_far = _beyond_float32(block, start)
        if block_is_finite(block):
            continue
        values = to_host(block)
        bad = ~np.isfinite(values)
        if first is None and bad.any():
            # Examples in order, and within an example its features
            example, feature = divmod(int(np.argmax(bad.T)), source.n)
            first = (start + example, feature)
        here = int(np.count_nonzero(np.isnan(values)))
        nans += here
        infinities += int(np.count_nonzero(bad)) - here
    if first is None and too_far:
        raise ValueError(f"{argument} holds {too_far}")
    if first is None:
        return
    place = f"example {first[0]}" + (f", feature {first[1]}" if source.n > 1 else "")
    raise ValueError(
        f"{argument} holds {nans} NaN and {infinities} infinite values; the first is at {place} "
        "(counted from 0). Finite numbers are wanted: drop these examples or fill the gaps in "
        "(for instance with sklearn.impute.SimpleImputer)."
    )


def check_outputs(Z: Array, dtype: str) -> None:
    """Raise where outputs Z (n_L, m) of a model in that dtype are not finite, though X is.

    Raises
    ------
    ValueError
        With how many examples, and the first of them.
    """
    if block_is_finite(Z):
        return
    (bad,) = np.nonzero(~np.isfinite(to_host(Z)).all(axis=0))
    if len(bad) == 0:
        return
    raise ValueError(
        f"X holds values for which this model's outputs overflow {dtype}: {len(bad)} of "
        f"{Z.shape[1]} examples, the first is example {bad[0]} (counted from 0). {_way_out(dtype)}"
    )


def check_cost(cost: float, dtype: str) -> None:
    """Raise ValueError where the cost of a model in that dtype is not finite, though X and Y are."""
    if not math.isfinite(cost):
        raise ValueError(
            f"the cost on these examples is {cost}: X or Y holds values for which this model "
            f"overflows {dtype}. {_way_out(dtype)}"
        )


def _way_out(dtype: str) -> str:
    wider = "" if dtype == "float64" else ", or train with dtype='float64'"
    return f"Look for values far beyond those of the training{wider}."


def _beyond_float32(block: Array, start: int) -> str:
    """The first finite value of a block that float32 cannot hold, in words; "" where there is none."""
    largest, xp = float(np.finfo(np.float32).max), namespace(block)
    # NaN compares as False, and the values are looked at.
    if float(xp.max(xp.abs(block))) <= largest:
        return ""
    values = to_host(block)
    far = np.isfinite(values) & (np.abs(values) > largest)
    if not far.any():
        return ""
    example, feature = divmod(int(np.argmax(far.T)), len(values))
    return (
        f"{values[feature, example]:.3g} at example {start + example}, feature "
        f"{feature} (counted from 0), which float32, the dtype of this model, cannot hold. Scale "
        "the features, or train with dtype='float64'"
    )
