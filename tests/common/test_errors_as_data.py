"""Errors hold their parts, make Python's sentence of them, and stay ValueErrors and TypeErrors."""

from __future__ import annotations

import copy
import pickle

import pytest

from dnn_xp.common.errors import (
    Argument,
    ArgumentError,
    ArgumentTypeError,
    ArgumentValueError,
    Pass,
    Words,
    render,
)

LOUD = Words(lambda each: each.name.upper(), lambda each: f"SET {each.name.upper()}")


def test_the_sentence_in_both_words() -> None:
    error = ArgumentValueError(
        "batch_size",
        "31",
        ("at most 30 where ", Argument("cost", "huber"), " is given"),
        (Pass("epochs", 3), ", or leave ", Argument("batch_size"), " out"),
    )
    assert str(error) == (
        "batch_size must be at most 30 where cost='huber' is given; got 31. "
        "Pass epochs=3, or leave batch_size out."
    )
    assert error.sentence(LOUD) == (
        "BATCH_SIZE must be at most 30 where COST is given; got 31. SET EPOCHS, or leave "
        "BATCH_SIZE out."
    )


@pytest.mark.parametrize(
    ("remedy", "end"),
    [
        ("", "got 3"),
        ("leave it out", "got 3. Leave it out."),
        ("did you mean 4?", "got 3. Did you mean 4?"),
        ((Argument("epochs"), " counts passes"), "got 3. epochs counts passes."),
        (Argument("device", None).name, "got 3. Device."),
    ],
)
def test_how_a_remedy_follows(remedy: str, end: str) -> None:
    assert str(ArgumentValueError("k", "3", "4", remedy)).endswith(end)


def test_none_is_a_value_that_can_be_named() -> None:
    assert render((Argument("device", None), " ", Argument("device"))) == "device=None device"


@pytest.mark.parametrize(
    ("kind", "builtin"), [(ArgumentValueError, ValueError), (ArgumentTypeError, TypeError)]
)
def test_an_error_is_the_builtin_one_and_travels(
    kind: type[ArgumentError], builtin: type[Exception]
) -> None:
    error = kind("l2", "-1", "a finite number >= 0", ("pass ", Argument("l1")))
    assert isinstance(error, builtin)
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is kind
        assert vars(other) == vars(error)
        assert str(other) == str(error)
