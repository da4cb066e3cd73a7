"""Functions that run in a copy of the caller's context, which restores every setting."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")


def in_own_context(function: Callable[P, Result]) -> Callable[P, Result]:
    """The same function, run in a copy of the caller's context.

    NumPy keeps np.errstate and the size of its buffer in the context. If Ctrl-C interrupts a `with`
    statement while it restores them, they stay changed in the copy only.
    """

    @wraps(function)
    def isolated(*args: P.args, **kwargs: P.kwargs) -> Result:
        return copy_context().run(function, *args, **kwargs)

    return isolated
