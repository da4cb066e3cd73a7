"""A small problem to sweep over."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def data():
    rng = np.random.default_rng(11)
    X = rng.standard_normal((4, 240))
    return X, (X[0] * X[1] + 0.2 * rng.standard_normal(240) > 0).astype(int)
