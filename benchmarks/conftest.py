"""Options and fixtures of the pytest-benchmark suite."""

from __future__ import annotations

import os
from typing import Any

import pytest

from benchmarks import machine, ours
from benchmarks.shapes import scaled


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--scale", type=float, default=1.0, help="share of the examples")
    parser.addoption("--busy", type=float, default=0.0, help="cores other programs keep busy")


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(
    config: pytest.Config, machine_info: dict[str, Any]
) -> None:
    """Describe the machine as the other results do; leave out the host's name."""
    machine_info.clear()
    machine_info |= {
        "machine": machine.describe(),
        "settings": {name: config.getoption(f"--{name}") for name in ("scale", "busy")},
    }


@pytest.fixture(scope="session")
def scale(request: pytest.FixtureRequest) -> float:
    """Return the share of the examples to measure."""
    value: float = request.config.getoption("--scale")
    return value


@pytest.fixture(scope="session", params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """Return each device that works here."""
    name: str = request.param
    why = ours.why_not(name)
    if why is not None:
        if "cupy" in os.environ.get("DNN_XP_REQUIRE", "").split(","):
            pytest.fail(f"DNN_XP_REQUIRE wants CuPy, but: {why}")
        pytest.skip(why)
    return name


def _examples() -> list[int]:
    """Return 1e3 ... 1e6; DNN_XP_BENCH_LARGE=1 adds 1e7, which takes gigabytes."""
    last = 7 if os.environ.get("DNN_XP_BENCH_LARGE") == "1" else 6
    return [10**power for power in range(3, last + 1)]


@pytest.fixture(scope="session", params=_examples(), ids=lambda m: f"m=1e{len(str(m)) - 1}")
def m(request: pytest.FixtureRequest, scale: float) -> int:
    """Return each number of examples, times the scale."""
    return scaled(request.param, scale)
