"""Labels and values held as Python objects: one rule for lists, Series and arrays."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.data.columns import is_missing

_LARGEST_INT = 2**63 - 1


def objects_as_array(values: npt.NDArray[Any], argument: str) -> npt.NDArray[Any]:
    """An array of objects as text, bytes, bool, integers or floats of the same shape.

    Numbers of all kinds (Python's, NumPy's, Decimal, Fraction) are taken where that is exact: whole
    ones as int64, others as float64 with all digits they were written with.

    Raises
    ------
    ValueError
        Where labels are missing (None, NaN, NaT, pandas.NA); for numbers that float64 cannot hold.
    TypeError
        For text among numbers, and for other objects.

    Examples
    --------
    >>> from decimal import Decimal
    >>> objects_as_array(np.array([1, 2.5, Decimal("0.1")], dtype=object), "Y")
    array([1. , 2.5, 0.1])
    >>> objects_as_array(np.array([b"a", b"b"], dtype=object), "Y")
    array([b'a', b'b'], dtype='|S1')
    """
    entries = values.ravel().tolist()
    refuse_missing_labels(entries, argument)
    made = _alike(entries, argument)
    return made.reshape(values.shape)


def refuse_missing_labels(entries: Sequence[Any], argument: str) -> None:
    """A ValueError where some entries are None, NaN, NaT or pandas.NA, with how many and the first."""
    gaps = [j for j, entry in enumerate(entries) if is_missing(entry)]
    if gaps:
        raise ArgumentValueError(
            argument,
            f"{len(gaps)} missing, the first at example {gaps[0]} (counted from 0)",
            "labels or values without missing ones",
            "drop these examples, or give them a label of their own",
        )


def _alike(entries: Sequence[Any], argument: str) -> npt.NDArray[Any]:
    if all(isinstance(entry, str) for entry in entries):
        return np.asarray(entries, dtype=str)
    if all(isinstance(entry, bytes) for entry in entries):
        return np.asarray(entries, dtype=bytes)
    if all(isinstance(entry, (bool, np.bool_)) for entry in entries):
        return np.asarray(entries, dtype=bool)
    if all(_is_number(entry) for entry in entries):
        return _numbers(entries, argument)
    kinds = sorted({type(entry).__name__ for entry in entries})
    text = any(isinstance(entry, str) for entry in entries)
    way = (
        f"make all of them text, for instance [str(y) for y in {argument}]"
        if text
        else "turn each into a label (text or a whole number) or a value (a float)"
    )
    raise ArgumentTypeError(
        argument,
        f"objects of the types {', '.join(kinds)}",
        "all text, all bytes, or all numbers",
        way,
    )


def _is_number(entry: object) -> bool:
    return isinstance(entry, (numbers.Real, Decimal)) and not isinstance(entry, (bool, np.bool_))


def _numbers(entries: Sequence[Any], argument: str) -> npt.NDArray[Any]:
    whole = all(isinstance(entry, numbers.Integral) for entry in entries)
    if whole and all(abs(int(entry)) <= _LARGEST_INT for entry in entries):
        return np.asarray(entries, dtype=np.int64)
    for j, entry in enumerate(entries):
        if not _is_exact(entry):
            raise ArgumentValueError(
                argument,
                f"{entry!r} at example {j} (counted from 0)",
                "numbers that float64 holds exactly",
                "round them, or pass them as text to have classes",
            )
    return np.asarray([float(entry) for entry in entries])


def _is_exact(entry: Any) -> bool:
    """Whether float64 keeps all the digits that a number is written with."""
    try:
        value = float(entry)
    except OverflowError:
        return False
    if isinstance(entry, Decimal) and entry.is_finite():
        return Decimal(repr(value)) == entry
    if isinstance(entry, numbers.Integral):
        return int(value) == int(entry)
    return isinstance(entry, Fraction) or value == entry or value != value
