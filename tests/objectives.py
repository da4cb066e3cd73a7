"""Cost and gradient of an objective beside expected ones, in one library and for one cut into blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from namespaces import require, usable

from dnn_xp.backends.choice import backend_named
from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import ArraySource
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.objective import Objective
from dnn_xp.execution.penalties import Penalties
from dnn_xp.formulas.network import Network


def assert_cost_and_gradient(
    network: Network,
    library: str,
    block: int,
    arrays: tuple[Any, Any, Any],
    expected: tuple[float, Any],
    *,
    rtol: float,
) -> None:
    """Of X (n, m), Y and theta, in float64, with a penalty of 0.3 / (2 m) times the squares."""
    if library != "numpy":
        require(library, lambda: usable(library))
    X, Y, theta = arrays
    backend = backend_named(library)
    examples = Examples(*(ArraySource(backend.from_host(array)) for array in (X, Y)), None)
    objective = Objective(
        network,
        backend,
        dtype="float64",
        block_size=lambda m: block,
        penalties=Penalties(0.3, 0.0, X.shape[1]),
    )
    at = backend.from_host(theta)
    J, gradient = objective.cost_and_gradient(at, examples)
    expected_J, expected_gradient = expected
    assert float(J) == pytest.approx(expected_J, rel=1e-13)
    np.testing.assert_allclose(to_host(gradient), expected_gradient, rtol=rtol, atol=1e-14)
    assert float(objective.cost(at, examples)) == pytest.approx(expected_J)
