"""Checks of arguments: the value in its plain Python type, or an `ArgumentError`.

A check calls nothing of the value before it knows its type, so that arrays (whose truth value is
ambiguous), unhashable lists and integers beyond float's range end in the same error as the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from numbers import Integral, Real
from typing import Any

import numpy as np

from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError, Text
from dnn_xp.common.messages import describe, unknown_name


def check_float(
    argument: str,
    value: object,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    below: float = math.inf,
    remedy: Text = "",
) -> float:
    """The value as a Python float; ArgumentValueError unless it is finite and within the bounds.

    Examples
    --------
    >>> check_float("l2", 1, at_least=0.0)
    1.0
    """
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except (OverflowError, ValueError):
            number = math.inf
        if math.isfinite(number) and above < number < below and at_least <= number <= at_most:
            return number
    bounds = " and ".join(
        f"{relation} {bound:g}"
        for relation, bound in ((">", above), (">=", at_least), ("<=", at_most), ("<", below))
        if math.isfinite(bound)
    )
    wanted = f"a finite number {bounds}".rstrip()
    raise ArgumentValueError(argument, describe(value), wanted, remedy)


def check_int(
    argument: str,
    value: object,
    *,
    at_least: int,
    at_most: int | None = None,
    remedy: Text = "",
) -> int:
    """The value as a Python int; ArgumentValueError unless it is a whole number in the bounds."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        number = int(value)
        if number >= at_least and (at_most is None or number <= at_most):
            return number
    upper = "" if at_most is None else f" and <= {at_most}"
    wanted = f"a whole number >= {at_least}{upper}"
    raise ArgumentValueError(argument, describe(value), wanted, remedy)


def check_bool(argument: str, value: object) -> bool:
    """The value as a Python bool; ArgumentTypeError unless it is True or False of Python or NumPy."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise ArgumentTypeError(argument, describe(value), "True or False")


def check_truth(argument: str, value: object) -> bool:
    """bool(value), for answers of functions; ArgumentTypeError where a value has no truth value."""
    try:
        return bool(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentTypeError(argument, describe(value), "True, False or None") from error


def check_choice(argument: str, value: object, allowed: Iterable[str | None]) -> Any:
    """The value; ArgumentValueError, with the nearest name, unless it is one of those allowed.

    Examples
    --------
    >>> check_choice("examples", "rows", ("columns", "rows"))
    'rows'
    """
    names = tuple(allowed)
    if (value is None or isinstance(value, str)) and value in names:
        return value
    raise unknown_name(argument, value, names)


def check_examples(examples: object, *, argument: str = "examples") -> bool:
    """Whether examples are rows; ArgumentValueError unless they are "columns" or "rows"."""
    return bool(check_choice(argument, examples, ("columns", "rows")) == "rows")


def check_sequence(
    argument: str, value: object, *, wanted: Text, length: int | None = None, remedy: Text = ""
) -> tuple[Any, ...]:
    """The entries of a list, tuple, range or array of one dimension, as a tuple.

    Text, bytes, dicts and sets are refused: their entries are characters, codes, keys, or in no
    order. So are iterators, which could be read once only.

    Raises
    ------
    ArgumentTypeError
        For anything else.
    ArgumentValueError
        For another number of entries than `length`.

    Examples
    --------
    >>> check_sequence("hidden", [64, 32], wanted="a list of layer sizes such as [64, 32]")
    (64, 32)
    """
    refused = (str, bytes, bytearray, memoryview, Mapping, Set)
    shape = getattr(value, "shape", None)
    flat = not isinstance(shape, tuple) or len(shape) == 1
    if not isinstance(value, Collection) or isinstance(value, refused) or not flat:
        raise ArgumentTypeError(argument, describe(value), wanted, remedy)
    entries = tuple(value)
    if length is not None and len(entries) != length:
        raise ArgumentValueError(argument, describe(value), wanted, remedy)
    return entries


def check_callable(
    argument: str, value: object, *, wanted: Text = "callable"
) -> Callable[..., Any]:
    """The value; ArgumentTypeError unless it can be called."""
    if callable(value):
        return value
    raise ArgumentTypeError(argument, describe(value), wanted)
