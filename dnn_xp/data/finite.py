"""Checks for NaN, infinity and overflow, block by block in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from dnn_xp.common.errors import Argument, ArgumentValueError, Text
from dnn_xp.data.host import namespace, to_host
from dnn_xp.data.sources.base import Source
from dnn_xp.formulas.types import Array

# Values per block in the passes that check X and Y and compute the mean of X.
VALUES_OF_A_BLOCK = 1 << 18


def examples_of_a_block(n: int, *, values: int = VALUES_OF_A_BLOCK) -> int:
    """Examples per block: about `values` values at n features each."""
    return max(1, values // n)


def reading_ranges(source: Source, *, values: int = VALUES_OF_A_BLOCK) -> Iterable[tuple[int, int]]:
    """(start, stop) of the blocks, of about `values` values each, in which a check reads a source."""
    step = examples_of_a_block(source.n, values=values)
    return ((start, min(start + step, source.m)) for start in range(0, source.m, step))


def block_is_finite(block: Array) -> bool:
    """Whether the sum of a block of floats is finite, and with it every value of the block.

    A sum over NaN or infinity is never finite. The sum of finite values may overflow, so the caller
    checks each value where this is False.
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
    """Raise where the source holds NaN or infinity, with the counts and the first position.

    Parameters
    ----------
    source : Source
        (n, m); integers and bool are not read.
    argument : str
        Its name in the error.
    blocks : iterable of (start, stop), optional
        The blocks to read; about `VALUES_OF_A_BLOCK` values each when left out.
    within : str, optional
        The working dtype: finite values that overflow there are refused too.

    Raises
    ------
    ArgumentValueError
    """
    if source.dtype.kind != "f":
        return
    nans = infinities = 0
    first: tuple[int, int] | None = None
    narrowed = within == "float32" and source.dtype == np.float64
    too_far: tuple[Text, Text, Text] | None = None
    for start, stop in reading_ranges(source) if blocks is None else blocks:
        block = source.block(start, stop)
        if narrowed and too_far is None:
            too_far = _beyond_float32(block, start)
        if block_is_finite(block):
            continue
        values = to_host(block)
        bad = ~np.isfinite(values)
        if first is None and bad.any():
            # In the order of the examples, and of the features within an example.
            example, feature = divmod(int(np.argmax(bad.T)), source.n)
            first = (start + example, feature)
        here = int(np.count_nonzero(np.isnan(values)))
        nans += here
        infinities += int(np.count_nonzero(bad)) - here
    if first is None and too_far is not None:
        raise ArgumentValueError(argument, *too_far)
    if first is None:
        return
    place = f"example {first[0]}" + (f", feature {first[1]}" if source.n > 1 else "")
    raise ArgumentValueError(
        argument,
        f"{nans} NaN and {infinities} infinite values, the first at {place} (counted from 0)",
        "finite numbers",
        "drop these examples, or fill the gaps in (for instance with sklearn.impute.SimpleImputer)",
    )


def check_outputs(Z: Array, dtype: str) -> None:
    """Raise ArgumentValueError where outputs Z (n_L, m) of a model are not finite though X is."""
    if block_is_finite(Z):
        return
    (bad,) = np.nonzero(~np.isfinite(to_host(Z)).all(axis=0))
    if len(bad) == 0:
        return
    raise ArgumentValueError(
        "X",
        f"values whose outputs overflow in {len(bad)} of {Z.shape[1]} examples, the first example "
        f"{bad[0]} (counted from 0)",
        f"values for which this model's outputs are finite in {dtype}",
        _way_out(dtype),
    )


def check_cost(cost: float, dtype: str, argument: str = "X and Y") -> None:
    """Raise ArgumentValueError where the cost of a model is not finite though X and Y are."""
    if not math.isfinite(cost):
        raise ArgumentValueError(
            argument,
            f"a cost of {cost}",
            f"values for which this model's cost is finite in {dtype}",
            _way_out(dtype),
        )


def _way_out(dtype: str) -> Text:
    look = "look for values far beyond those of the training"
    return look if dtype == "float64" else (f"{look}, or train with ", Argument("dtype", "float64"))


def _beyond_float32(block: Array, start: int) -> tuple[Text, Text, Text] | None:
    """(got, wanted, remedy) for the first finite value that overflows float32; None without one."""
    largest, xp = float(np.finfo(np.float32).max), namespace(block)
    # A maximum of NaN compares as False, so that each value is checked.
    if float(xp.max(xp.abs(block))) <= largest:
        return None
    values = to_host(block)
    far = np.isfinite(values) & (np.abs(values) > largest)
    if not far.any():
        return None
    example, feature = divmod(int(np.argmax(far.T)), len(values))
    place = f"example {start + example}, feature {feature} (counted from 0)"
    return (
        f"{values[feature, example]:.3g} at {place}",
        "within the range of float32, the dtype of this model",
        ("scale the features, or train with ", Argument("dtype", "float64")),
    )
