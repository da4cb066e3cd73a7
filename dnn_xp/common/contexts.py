"""Settings of a context that end with it, however it ends."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")


def in_own_context(function: Callable[P, Result]) -> Callable[P, Result]:
    """The same function, run in a copy of the caller's context.

    NumPy keeps np.errstate and the size of its buffer in the context. A `with` statement that Ctrl-C
    interrupts while it restores them leaves them changed; the copy is given up as a whole.
    """

    @wraps(function)
    def isolated(*args: P.args, **kwargs: P.kwargs) -> Result:
        return copy_context().run(function, *args, **kwargs)

    return isolated
