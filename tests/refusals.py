"""Expecting an `ArgumentError` by its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dnn_xp.common.errors import ArgumentError, render


@contextmanager
def refused(
    kind: type[Exception], argument: str, *, got: str, wanted: str, remedy: str = ""
) -> Iterator[None]:
    """The block raises an ArgumentError of this kind with these parts.

    The argument is compared as it is; `got`, `wanted` and `remedy` are patterns for the start of
    the parts in Python's words, and an empty one means that the part is empty.
    """
    with pytest.raises(kind) as caught:
        yield
    error = caught.value
    assert isinstance(error, ArgumentError), f"no ArgumentError: {error!r}"
    assert error.argument == argument, str(error)
    for part, pattern in ((error.got, got), (error.wanted, wanted), (error.remedy, remedy)):
        said = render(part)
        matches = re.match(pattern, said) if pattern else not said
        assert matches, f"{pattern!r} does not match {said!r} of: {error}"
