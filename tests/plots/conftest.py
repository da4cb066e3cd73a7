"""No window is opened, and every figure is closed after its test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import dnn_xp


@pytest.fixture(autouse=True)
def _figures() -> Iterator[None]:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield
    pyplot.close("all")


@pytest.fixture(scope="session", name="X")
def examples() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((3, 300))


@pytest.fixture(scope="session")
def two(X: np.ndarray) -> dnn_xp.Model:
    """Two classes, learned so far that some answers are wrong."""
    return dnn_xp.train(X, X[0] * X[1] > 0, hidden=[4], iterations=30, validation=0.2)


@pytest.fixture(scope="session")
def kinds(X: np.ndarray) -> np.ndarray:
    """Three classes with names."""
    return np.array(["low", "middle", "top"])[np.digitize(X[0] + 0.5 * X[1], [-0.5, 0.8])]


@pytest.fixture(scope="session")
def three(X: np.ndarray, kinds: np.ndarray) -> dnn_xp.Model:
    return dnn_xp.train(X, kinds, hidden=[4], iterations=8)


@pytest.fixture(scope="session")
def labels(X: np.ndarray) -> np.ndarray:
    """Two labels that an example may have both of."""
    return (X[:2] > 0).astype(int)


@pytest.fixture(scope="session")
def multilabel(X: np.ndarray, labels: np.ndarray) -> dnn_xp.Model:
    return dnn_xp.train(X, labels, hidden=[4], iterations=20)


@pytest.fixture(scope="session")
def values(X: np.ndarray) -> dnn_xp.Model:
    return dnn_xp.train(X, 100.0 + X[0] * X[1], hidden=[4], iterations=30)
