"""The plain default beside scikit-learn's MLP, and targets of any size: ``python -m benchmarks.defaults``.

Every set is split 10 times, 4 : 1, the same way for both. Each library gets the raw arrays and no
option besides the seed; scikit-learn's X is standardized in front of it, as its guide advises. The
error is 1 - accuracy, 1 - R2, or 1 - average precision on the test part, its mean over the splits.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import dnn_xp

SPLITS = 10
# Errors and seconds of each split, by set.
Measured = dict[str, dict[str, list[float]]]


class Set(NamedTuple):
    """A data set: rows of features, targets, and how its error is measured."""

    X: np.ndarray
    y: np.ndarray
    error: str


def sets() -> dict[str, Callable[[], Set]]:
    """The sets by name; each is made when it is called."""
    from sklearn import datasets as bundled

    def loaded(name: str, error: str = "accuracy") -> Callable[[], Set]:
        def load() -> Set:
            X, y = getattr(bundled, f"load_{name}")(return_X_y=True)
            return Set(X, y, error)

        return load

    def regression() -> Set:
        X, y = bundled.make_regression(2000, 20, n_informative=10, noise=20.0, random_state=0)
        return Set(X, 2e5 + 8e4 * (y - y.mean()) / y.std(), "r2")

    def moons() -> Set:
        X, y = bundled.make_moons(1000, noise=0.3, random_state=0)
        return Set(X, y, "accuracy")

    def many() -> Set:
        X, y = bundled.make_classification(20_000, 20, n_informative=10, random_state=0)
        return Set(X, y, "accuracy")

    def rare() -> Set:
        made = bundled.make_classification(
            5000, 20, n_informative=6, weights=[0.99], flip_y=0.0, random_state=0
        )
        return Set(made[0], made[1], "average precision")

    return {
        "breast_cancer": loaded("breast_cancer"),
        "wine": loaded("wine"),
        "digits": loaded("digits"),
        "iris": loaded("iris"),
        "diabetes": loaded("diabetes", "r2"),
        "make_moons": moons,
        "make_classification": many,
        "make_regression": regression,
        "1:99": rare,
    }


def error_of(how: str, y: np.ndarray, found: np.ndarray) -> float:
    """1 - accuracy, 1 - R2 or 1 - average precision; `found` are predictions, or probabilities of class 1."""
    from sklearn import metrics

    measure = {
        "accuracy": metrics.accuracy_score,
        "r2": metrics.r2_score,
        "average precision": metrics.average_precision_score,
    }
    return 1.0 - float(measure[how](y, found))


def ours(
    X: np.ndarray, y: np.ndarray, X_test: np.ndarray, how: str, seed: int, **options: Any
) -> Any:
    """What dnn_xp predicts."""
    model = dnn_xp.train(X, y, examples="rows", seed=seed, **options)
    if how == "average precision":
        return model.predict_proba(X_test, examples="rows")[:, 0]
    return model.predict(X_test, examples="rows")


def theirs(X: np.ndarray, y: np.ndarray, X_test: np.ndarray, how: str, seed: int) -> Any:
    """What scikit-learn's MLP predicts, its X standardized."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = (MLPRegressor if how == "r2" else MLPClassifier)(random_state=seed)
    model = make_pipeline(StandardScaler(), network).fit(X, y)
    return (
        model.predict_proba(X_test)[:, 1] if how == "average precision" else model.predict(X_test)
    )


def measure(
    names: list[str], who: Callable[..., Any], splits: int = SPLITS, **options: Any
) -> Measured:
    """Errors and seconds of each split, by set."""
    from sklearn.model_selection import train_test_split

    found: Measured = {}
    for name in names:
        X, y, how = sets()[name]()
        errors, seconds = [], []
        for seed in range(splits):
            parts = train_test_split(
                X, y, test_size=0.2, random_state=seed, stratify=None if how == "r2" else y
            )
            X_train, X_test, y_train, y_test = parts
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                predicted = who(X_train, y_train, X_test, how, seed, **options)
            seconds.append(time.perf_counter() - start)
            errors.append(error_of(how, y_test, predicted))
        found[name] = {"errors": errors, "seconds": seconds}
        print(f"{name:<20} {np.mean(errors):8.4f} {np.median(seconds):8.3f} s", flush=True)
    return found


def compared(mine: Measured, peers: Measured) -> str:
    """The table of both, as Markdown, with the geometric means of the ratios."""
    lines = [
        "| set | error, dnn_xp | error, scikit-learn | ratio | seconds, dnn_xp | seconds, scikit-learn |",
        "|---|---|---|---|---|---|",
    ]
    ratios: list[float] = []
    times: list[float] = []
    for name in mine:
        a, b = (float(np.mean(of[name]["errors"])) for of in (mine, peers))
        s, t = (float(np.median(of[name]["seconds"])) for of in (mine, peers))
        ratios.append(max(a, 1e-4) / max(b, 1e-4))
        times.append(s / t)
        lines.append(f"| {name} | {a:.4f} | {b:.4f} | {ratios[-1]:.2f} | {s:.2f} | {t:.2f} |")
    mean = [math.exp(float(np.mean(np.log(each)))) for each in (ratios, times)]
    return "\n".join(
        [*lines, f"| geometric mean of the ratios | | | {mean[0]:.3f} | {mean[1]:.2f} | |"]
    )


def main() -> None:
    """Measure both, or one of them, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, default=Path("/tmp/defaults-peers.json"))
    parser.add_argument("--sets", nargs="*", default=list(sets()))
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--only-peers", action="store_true")
    parser.add_argument("--options", default="{}", help="JSON, of dnn_xp.train")
    args = parser.parse_args()
    known = json.loads(args.peers.read_text()) if args.peers.exists() else {}
    missing = [name for name in args.sets if name not in known]
    if missing:
        known |= measure(missing, theirs, args.splits)
        args.peers.write_text(json.dumps(known))
    if not args.only_peers:
        print(compared(measure(args.sets, ours, args.splits, **json.loads(args.options)), known))


if __name__ == "__main__":
    main()
