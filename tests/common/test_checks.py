"""Checks take what has one meaning, and answer everything else with one kind of error."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from dnn_xp.common.checks import (
    check_bool,
    check_callable,
    check_choice,
    check_examples,
    check_float,
    check_int,
    check_sequence,
    check_truth,
)
from dnn_xp.common.errors import ArgumentError
from dnn_xp.common.messages import describe

NAMES = ("columns", "rows", None)
CHECKS: dict[str, Callable[[Any], Any]] = {
    "float": lambda value: check_float("it", value, above=0.0, at_most=1.0),
    "int": lambda value: check_int("it", value, at_least=0, at_most=9),
    "bool": lambda value: check_bool("it", value),
    "choice": lambda value: check_choice("it", value, NAMES),
    "examples": lambda value: check_examples(value, argument="it"),
    "sequence": lambda value: check_sequence("it", value, wanted="a list"),
    "callable": lambda value: check_callable("it", value),
}


class Unfriendly:
    """Compares to arrays, has no truth value and no hash."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> Any:
        return np.zeros(2)

    def __bool__(self) -> bool:
        raise ValueError("the truth value is ambiguous")


# What no check takes, as long as it is not of the check's own kind.
STRANGE = {
    "array": np.zeros((2, 2)),
    "0-d": np.array(0.5),
    "10**400": 10**400,
    "10**5000": 10**5000,
    "-10**400": -(10**400),
    "fraction": Fraction(10**400, 3),
    "decimal": Decimal("0.5"),
    "complex": 1j,
    "nan": math.nan,
    "inf": -math.inf,
    "nan32": np.float32("nan"),
    "text": "flaot",
    "bytes": b"ab",
    "bytearray": bytearray(b"ab"),
    "memoryview": memoryview(b"ab"),
    "dict": {},
    "set": {3},
    "frozenset": frozenset({3}),
    "iterator": iter([3]),
    "object": object(),
    "ellipsis": ...,
    "unfriendly": Unfriendly(),
    "matrix of text": np.array([["rows", "rows"]]),
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", STRANGE)
def test_strange_values_end_in_an_argument_error(check: str, name: str) -> None:
    value = STRANGE[name]
    with pytest.raises(ArgumentError) as caught:
        CHECKS[check](value)
    error = caught.value
    assert error.argument == "it"
    assert error.got == describe(value)
    assert error.wanted
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("check", "value", "wanted"),
    [
        ("float", 1, 1.0),
        ("float", np.float32(0.5), 0.5),
        ("float", np.int8(1), 1.0),
        ("float", Fraction(1, 2), 0.5),
        ("int", 0, 0),
        ("int", 9, 9),
        ("int", np.uint8(3), 3),
        ("bool", np.True_, True),
        ("bool", False, False),
        ("choice", "rows", "rows"),
        ("choice", None, None),
        ("choice", np.str_("rows"), "rows"),
        ("examples", "rows", True),
        ("examples", "columns", False),
        ("sequence", [], ()),
        ("sequence", (1, "a"), (1, "a")),
        ("sequence", range(2), (0, 1)),
        ("sequence", np.array([4, 5]), (4, 5)),
    ],
)
def test_what_is_taken_comes_out_plain(check: str, value: Any, wanted: Any) -> None:
    found = CHECKS[check](value)
    assert found == wanted
    if check in ("float", "int", "bool"):
        assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("call", "builtin", "argument", "got", "wanted"),
    [
        (lambda: check_float("l2", 0, above=0.0), ValueError, "l2", "0", "a finite number > 0"),
        (
            lambda: check_float("p", 2.0, at_least=0.0, below=1.0),
            ValueError,
            "p",
            "2.0",
            "a finite number >= 0 and < 1",
        ),
        (lambda: check_float("p", True), ValueError, "p", "True", "a finite number"),
        (lambda: check_float("p", "a"), ValueError, "p", "'a'", "a finite number"),
        (lambda: check_int("n", 2.0, at_least=1), ValueError, "n", "2.0", "a whole number >= 1"),
        (lambda: check_int("n", True, at_least=0), ValueError, "n", "True", "a whole number >= 0"),
        (
            lambda: check_int("n", 4, at_least=1, at_most=3),
            ValueError,
            "n",
            "4",
            "a whole number >= 1 and <= 3",
        ),
        (lambda: check_bool("quick", 1), TypeError, "quick", "1", "True or False"),
        (lambda: check_bool("quick", "no"), TypeError, "quick", "'no'", "True or False"),
        (
            lambda: check_truth("callbacks[0]'s answer", np.zeros(2)),
            TypeError,
            "callbacks[0]'s answer",
            "a numpy.ndarray of shape (2,) and dtype float64",
            "True, False or None",
        ),
        (
            lambda: check_choice("cost", [], ("a", "b")),
            ValueError,
            "cost",
            "a list of length 0",
            "one of 'a', 'b'",
        ),
        (
            lambda: check_sequence("hidden", b"ab", wanted="a list of sizes"),
            TypeError,
            "hidden",
            "a bytes of length 2",
            "a list of sizes",
        ),
        (
            lambda: check_sequence("hidden", [1, 2, 3], wanted="2 sizes", length=2),
            ValueError,
            "hidden",
            "a list of length 3",
            "2 sizes",
        ),
        (lambda: check_callable("f", 3), TypeError, "f", "3", "callable"),
    ],
)
def test_the_parts_of_each_error(
    call: Callable[[], object],
    builtin: type[Exception],
    argument: str,
    got: str,
    wanted: str,
) -> None:
    with pytest.raises(builtin) as caught:
        call()
    error = caught.value
    assert isinstance(error, ArgumentError)
    assert (error.argument, error.got, error.wanted) == (argument, got, wanted)


def test_the_nearest_name_is_the_remedy() -> None:
    for given, remedy in {"Row": "did you mean 'rows'?", "x": "", 3: ""}.items():
        with pytest.raises(ArgumentError) as caught:
            check_choice("examples", given, ("columns", "rows"))
        assert caught.value.remedy == remedy


@pytest.mark.parametrize("value", [True, 1, "yes", None, 0, [], np.array(1), np.bool_(0)])
def test_truth_is_what_python_says(value: Any) -> None:
    assert check_truth("answer", value) is bool(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.float64(0.5), "0.5"),
        (np.str_("a"), "'a'"),
        pytest.param(10**5000, "an integer of about 5000 digits", id="10**5000"),
        ("a" * 200, "'" + "a" * 59 + "..." + "a" * 16 + "'"),
        (int, "<class 'int'>"),
        (len, "a builtin_function_or_method"),
    ],
)
def test_what_came_is_described(value: Any, said: str) -> None:
    assert describe(value) == said
