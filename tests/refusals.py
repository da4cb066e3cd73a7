"""Expecting an `ArgumentError` by its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dnn_xp.common.errors import ArgumentError, render


def parts_of(error: ArgumentError) -> str:
    """`argument | got | wanted | remedy` in Python's words; without the last where it is empty."""
    parts = (error.argument, *map(render, (error.got, error.wanted, error.remedy)))
    return " | ".join(parts).removesuffix(" | ")


@contextmanager
def refused(kind: type[Exception], parts: str) -> Iterator[None]:
    """The block raises an ArgumentError of this kind with these parts, `...` being any text."""
    with pytest.raises(kind) as caught:
        yield
    assert isinstance(caught.value, ArgumentError), f"no ArgumentError: {caught.value!r}"
    wanted = re.escape(parts).replace(re.escape("..."), ".*")
    said = parts_of(caught.value)
    assert re.fullmatch(wanted, said), f"{parts!r} does not match {said!r}"
