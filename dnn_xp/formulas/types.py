"""Types in the formulas' signatures: arrays and the namespaces that hold their functions."""

from __future__ import annotations

from typing import Any, TypeAlias

# The array-API standard has no typing protocol that NumPy, CuPy, PyTorch and JAX all satisfy yet,
# so these names tell readers what is meant and check nothing.
Array: TypeAlias = Any
Namespace: TypeAlias = Any
