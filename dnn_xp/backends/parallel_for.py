"""What runs the parts of one array operation on several threads, where the caller has threads to spare.

An engine sets it around the function of a block that is alone; the library of that block may use it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeAlias

# Calls a function with 0, 1, ..., count - 1, on as many threads as there are.
ParallelFor: TypeAlias = Callable[[Callable[[int], None], int], None]
parallel_for: ContextVar[ParallelFor | None] = ContextVar("parallel_for", default=None)
