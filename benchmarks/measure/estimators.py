"""Whole fits: DNNClassifier beside MLPClassifier, with the same parameters and random_state.

Both start from the same parameters and see the batches in the same order, so the losses and scores have
to agree; a fit whose figures do not is reported as a mismatch, without a ratio. Every comparison is
interleaved in one process: ours, theirs, theirs, ours, ... Each takes the threads that it takes by
itself.
"""

from __future__ import annotations

import gc
import statistics
import time
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.candidate import REST
from benchmarks.measure import Options, say
from benchmarks.results import save
from benchmarks.shapes import scaled

EXAMPLES = (1_000, 10_000, 100_000, 1_000_000)
FEATURES = 28
ROUNDS = 5
SECONDS = 60.0  # no round of a comparison is begun after as long, once three are done
TOLERANCE = {"float64": 1e-3, "float32": 1e-2}  # of the loss, relative
SCORE_TOLERANCE = 0.01
TESTED = 20_000


class Case(NamedTuple):
    """Parameters of both classes, and the epochs that a fit takes at each number of examples."""

    name: str
    parameters: dict[str, Any]
    epochs: tuple[int, ...]
    dtype: str = "float64"


CASES = (
    Case("adam, batches of 200 (the defaults)", {}, (50, 20, 5, 1)),
    Case("adam, batches of 200, float32", {}, (50, 20, 5, 1), "float32"),
    Case(
        "adam, batches of 4,096, float32, 3 layers",
        {"batch_size": 4096, "hidden_layer_sizes": (100, 100, 100)},
        (50, 20, 5, 1),
        "float32",
    ),
    Case("adam, all examples", {"batch_size": 1_000_000}, (200, 100, 20, 5)),
    Case("adam, all examples, float32", {"batch_size": 1_000_000}, (200, 100, 20, 5), "float32"),
    Case("lbfgs", {"solver": "lbfgs"}, (100, 50, 20, 5)),
    Case("lbfgs, float32", {"solver": "lbfgs"}, (100, 50, 20, 5), "float32"),
)


def data(m: int, dtype: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """X (m, FEATURES) and labels of a rule that is not linear, with noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((m, FEATURES)).astype(dtype)
    scores = X[:, 0] * X[:, 1] + X[:, 2] + 0.5 * rng.standard_normal(m)
    return X, (scores > 0).astype(np.int64)


def estimators(case: Case, m: int, epochs: int) -> tuple[Any, Any]:
    """Ours and theirs, not fitted, which take as many epochs: nothing stops them before."""
    from sklearn.neural_network import MLPClassifier

    from dnn_xp.sklearn import DNNClassifier

    parameters = {"hidden_layer_sizes": (100,), **case.parameters}
    parameters |= {"max_iter": epochs, "tol": 0.0, "n_iter_no_change": np.inf, "random_state": 0}
    if "batch_size" in parameters:
        parameters["batch_size"] = min(parameters["batch_size"], m)
    return DNNClassifier(**parameters, device="cpu"), MLPClassifier(**parameters)


def rounds(
    ours: Any, theirs: Any, X: Any, y: Any, options: Options
) -> Iterator[tuple[float, float]]:
    """Seconds of a fit of both, a pair a round; who is first changes."""
    began, done = time.perf_counter(), 0
    most, bound = options.rounds or ROUNDS, options.seconds or SECONDS
    while done < most and (done < 3 or time.perf_counter() - began < bound):
        seconds = {}
        for each in (ours, theirs) if done % 2 == 0 else (theirs, ours):
            gc.collect()
            time.sleep(REST)
            start = time.perf_counter()
            each.fit(X, y)
            seconds[id(each)] = time.perf_counter() - start
        yield seconds[id(ours)], seconds[id(theirs)]
        done += 1


def compare(case: Case, m: int, epochs: int, options: Options) -> dict[str, Any]:
    """One case at one number of examples: times, ratio, losses and scores."""
    X, y = data(m + TESTED, case.dtype)
    X, X_test, y, y_test = X[:m], X[m:], y[:m], y[m:]
    ours, theirs = estimators(case, m, epochs)
    pairs = list(rounds(ours, theirs, X, y, options))
    of_ours, of_theirs = zip(*pairs, strict=True)
    row: dict[str, Any] = {
        "case": case.name,
        "m": m,
        "epochs": epochs,
        "ours_seconds": statistics.median(of_ours),
        "theirs_seconds": statistics.median(of_theirs),
        "ratio": statistics.median(b / a for a, b in pairs),
        "ratio_of_best": min(of_theirs) / min(of_ours),
        "rounds": len(pairs),
        "ours_loss": float(ours.loss_),
        "theirs_loss": float(theirs.loss_),
        "ours_score": float(ours.score(X_test, y_test)),
        "theirs_score": float(theirs.score(X_test, y_test)),
        "epochs_done": [int(ours.n_iter_), int(theirs.n_iter_)],
    }
    # Line searches of their own: within their noise.
    tolerance = 0.05 if case.name.startswith("lbfgs") else TOLERANCE[case.dtype]
    row["same"] = (
        abs(row["ours_loss"] - row["theirs_loss"]) <= tolerance * row["theirs_loss"] + 1e-4
        and abs(row["ours_score"] - row["theirs_score"]) <= SCORE_TOLERANCE
        and (ours.n_iter_ == theirs.n_iter_ or ours.solver == "lbfgs")
    )
    return row


def measure(options: Options) -> None:
    """Time every case at every number of examples."""
    rows = []
    warnings.simplefilter("ignore")  # a fit of few epochs has not converged
    for case in CASES:
        say(case.name)
        for m, epochs in zip(EXAMPLES, case.epochs, strict=True):
            row = compare(case, scaled(m, options.scale), epochs, options)
            rows.append(row)
            said = f"{row['ratio']:.2f} (fastest rounds {row['ratio_of_best']:.2f})"
            say(
                f"  m = {row['m']:,}, {epochs} epochs: ours {row['ours_seconds']:.3f} s, theirs "
                f"{row['theirs_seconds']:.3f} s, {said if row['same'] else 'MISMATCH'}; loss "
                f"{row['ours_loss']:.6f} and {row['theirs_loss']:.6f}, score "
                f"{row['ours_score']:.4f} and {row['theirs_score']:.4f}"
            )
            save("estimators", rows, folder=options.folder, **options.conditions)
