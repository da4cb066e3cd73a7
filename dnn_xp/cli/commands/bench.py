"""dnn-xp bench: a full-batch gradient on this machine, checked, and timed beside plain NumPy."""

from __future__ import annotations

import os
import platform
import statistics
import time
from argparse import Namespace
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import threadpoolctl

import dnn_xp
from dnn_xp.cli.wording import tell
from dnn_xp.common.checks import check_float
from dnn_xp.common.differences import central_differences, relative_difference
from dnn_xp.common.text_tables import text_table
from dnn_xp.execution.engine import Engine
from dnn_xp.training.arguments import TrainArguments
from dnn_xp.training.placed import Shared
from dnn_xp.training.train import begin, placed

SIZES = (28, 64, 32, 1)
EXAMPLES = 100_000
_CHECKED = 200

Array = npt.NDArray[Any]


def run(args: Namespace) -> int:
    """Check both gradients, time them in turns, and print the figures."""
    seconds = check_float("--seconds", args.seconds, above=0.0)
    checks = _checks()
    options = {"device": args.device, "fallback": args.fallback, "threads": args.threads}
    X, Y = _data(EXAMPLES, np.float32)
    given = TrainArguments(X, Y, hidden=SIZES[1:-1], standardize=False, l2=0.0, seed=1, **options)
    begun = begin(given)
    run = begun.run
    with run.backend.active(), Engine(run.threads):
        shared = Shared(None, None, *begun.prepared.placed(run.backend, for_batches=False))
    gradients: dict[str, Array] = {}

    def ours() -> float:
        # An engine limits BLAS to one thread as long as it is there, so it is there for this alone.
        with placed(begun, shared) as (data, state):
            objective, backend = data.objective, data.objective.backend
            objective.cost_and_gradient(state.theta, data.examples)
            backend.synchronize()
            start = time.perf_counter()
            _, gradient = objective.cost_and_gradient(state.theta, data.examples)
            backend.synchronize()
            taken = time.perf_counter() - start
            gradients["dnn_xp"] = np.asarray(backend.to_host(gradient), dtype=np.float64)
        return taken

    theta, labels = begun.theta.astype(X.dtype), Y[None, :].astype(X.dtype)

    def plain() -> float:
        plain_gradient(theta, X, labels)
        start = time.perf_counter()
        _, gradient = plain_gradient(theta, X, labels)
        taken = time.perf_counter() - start
        gradients["plain NumPy"] = gradient.astype(np.float64)
        return taken

    times = _in_turns({"dnn_xp": ours, "plain NumPy": plain}, seconds)
    apart = relative_difference(*gradients.values())
    _print(checks, apart, times, str(run.record))
    return 0


def _print(
    checks: dict[str, float], apart: float, times: dict[str, list[float]], where: str
) -> None:
    medians = {name: statistics.median(each) for name, each in times.items()}
    rows = [
        (
            name,
            *(f"{1e3 * each:.2f}" for each in (medians[name], min(taken), max(taken))),
            str(len(taken)),
        )
        for name, taken in times.items()
    ]
    network = "-".join(map(str, SIZES))
    ratio = medians["plain NumPy"] / medians["dnn_xp"]
    facts = [
        ("cpu", f"{cpu()}, {os.cpu_count()} logical"),
        ("software", f"dnn_xp {dnn_xp.__version__}, NumPy {np.__version__}, {_blas()}"),
        ("device", where),
        ("problem", f"{network}, {EXAMPLES:,} examples, float32, one full-batch gradient"),
        *(
            (f"checked: {name}", f"{each:.1e} from finite differences (float64)")
            for name, each in checks.items()
        ),
        ("checked: both", f"{apart:.1e} apart (float32)"),
    ]
    tell(text_table(facts))
    tell("")
    tell(text_table(rows, head=("", "median ms", "fastest", "slowest", "times"), right=range(1, 5)))
    tell(f"\nplain NumPy takes {ratio:.2f} times as long, on this machine at this moment")


def _data(m: int, dtype: npt.DTypeLike) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((SIZES[0], m)).astype(dtype)
    return X, (X[0] * X[1] + X[2] > 0).astype(np.int64)


def _checks() -> dict[str, float]:
    """How far each gradient is from finite differences, relatively, on a few examples in float64."""
    X, Y = _data(_CHECKED, np.float64)
    how: dict[str, Any] = {"hidden": SIZES[1:-1], "seed": 1, "activation": "relu"}
    ours = dnn_xp.gradient_check(X, Y, **how).relative_difference
    theta = begin(TrainArguments(X, Y, hidden=SIZES[1:-1], seed=1)).theta
    chosen = np.random.default_rng(2).choice(len(theta), 60, replace=False)
    numeric = central_differences(
        lambda at: plain_gradient(at, X, Y[None, :])[0], theta, epsilon=1e-6, entries=chosen
    )
    _, gradient = plain_gradient(theta, X, Y[None, :])
    return {
        "dnn_xp": float(ours),
        "plain NumPy": relative_difference(gradient[chosen], numeric[chosen]),
    }


def plain_gradient(theta: Array, X: Array, Y: Array) -> tuple[float, Array]:
    """J and its gradient, as the course writes them on whole arrays: relu, sigmoid, cross-entropy."""
    m, layers, A, start = X.shape[1], [], [X], 0
    for n_prev, n in pairwise(SIZES):
        W = theta[start : start + n * n_prev].reshape(n, n_prev)
        start += n * n_prev
        layers.append((W, theta[start : start + n].reshape(n, 1)))
        start += n
    Z: list[Array] = []
    for number, (W, b) in enumerate(layers, start=1):
        Z.append(W @ A[-1] + b)
        A.append(np.maximum(Z[-1], 0) if number < len(layers) else 1 / (1 + np.exp(-Z[-1])))
    J = float(np.mean(np.logaddexp(0, Z[-1]) - Y * Z[-1]))
    parts: list[Array] = []
    dZ = A[-1] - Y
    for number in range(len(layers) - 1, -1, -1):
        parts += [(dZ.sum(axis=1) / m).ravel(), (dZ @ A[number].T / m).ravel()]
        if number:
            dZ = (layers[number][0].T @ dZ) * (Z[number - 1] > 0)
    return J, np.concatenate(parts[::-1])


def _in_turns(functions: dict[str, Callable[[], float]], seconds: float) -> dict[str, list[float]]:
    """Times of each, one after the other, so that a busy moment meets both; three at least."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, times.values())) < 3:
        for name, function in functions.items():
            times[name].append(function())
    return times


def cpu() -> str:
    """The name of the CPU."""
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "unknown"


def _blas() -> str:
    found = [each for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"]
    if not found:
        return "BLAS unknown"
    return ", ".join(
        dict.fromkeys(
            f"{each['internal_api']} {each['version'] or ''} ({each.get('architecture', '?')})"
            for each in found
        )
    )
