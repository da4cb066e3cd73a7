"""The fixtures of all tests: each array library in turn, and oracles that may be missing."""

from __future__ import annotations

import gc
import importlib
import os
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from namespaces import LIBRARIES, Library, require

from dnn_xp.execution.memory import Plan
from dnn_xp.training.memory import plan_memory

# JAX reads this when it is imported; the tests in float64 need it.
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# SciPy reads this when it is imported; scikit-learn's dispatch on array libraries needs it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

# A shell starts background jobs with SIGINT ignored, and the processes that tests start inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A first call may compile, so a deadline would fail at random.
# Fixed draws make a failure repeatable.
settings.register_profile("dnn_xp", deadline=None, max_examples=30, derandomize=True)
settings.load_profile("dnn_xp")


@pytest.fixture(scope="session", params=list(LIBRARIES))
def library(request: pytest.FixtureRequest) -> Library:
    """Each array library in turn: its namespace, and how to make and compare its arrays."""
    return require(request.param, LIBRARIES[request.param])


@pytest.fixture(scope="session")
def xp(library: Library) -> Any:
    """The namespace of `library`."""
    return library.xp


@pytest.fixture(scope="session")
def jax() -> Any:
    """JAX as an oracle."""
    return require("jax", lambda: importlib.import_module("jax"))


@pytest.fixture(scope="session")
def torch() -> Any:
    """PyTorch as an oracle."""
    return require("torch", lambda: importlib.import_module("torch"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240229)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What is not let go by the last who holds it stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans of all trainings from now on."""
    made: list[Plan] = []

    def planned(*given: Any, **how: Any) -> Plan:
        made.append(plan_memory(*given, **how))
        return made[-1]

    monkeypatch.setattr("dnn_xp.training.run.plan_memory", planned)
    return made
