"""Ours: the default, a plain network tuned on the validation part, the preset for tables, 16 of it."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import numpy as np

import dnn_xp
from benchmarks.accuracy.methods import THREADS, Fit
from benchmarks.accuracy.splits import Split


def train(split: Split, rows: Any = slice(None), **options: Any) -> dnn_xp.Model:
    """One training on these rows of the training part."""
    return dnn_xp.train(
        split.X.iloc[rows], split.y[rows], seed=split.seed, threads=THREADS, **options
    )


def values(model: dnn_xp.Model, split: Split) -> np.ndarray:
    """What a model predicts for the test."""
    return np.asarray(model.predict(split.X_test, threads=THREADS))


def trained(split: Split, **options: Any) -> Fit:
    """Train with these options, on all rows, and predict."""
    return lambda: values(train(split, **options), split)


def selected(split: Split, **options: Any) -> Fit:
    """Train on what is not set aside, select the epoch by what is, and predict."""
    aside = split.set_aside
    validation = (split.X.iloc[aside], split.y[aside])
    return lambda: values(train(split, split.kept, validation=validation, **options), split)


GRID: list[dict[str, Any]] = [
    {"hidden": hidden, "learning_rate": rate, "l2": l2}
    for hidden, rate, l2 in product([[128], [256, 256, 256]], [3e-4, 3e-3], [0, 3])
]
"""Tried by the plain tuned network, each with the batches and the patience of `tuned`."""


def tuned(split: Split) -> Fit:
    """Keep the best of GRID by its error on the validation part, each stopped early by it."""
    kept, aside = split.kept, split.set_aside
    validation = (split.X.iloc[aside], split.y[aside])

    def run() -> np.ndarray:
        found: list[tuple[float, dnn_xp.Model]] = []
        for options in GRID:
            model = train(
                split,
                kept,
                batch_size=128,
                epochs=150,
                validation=validation,
                patience=15,
                **options,
            )
            scores = model.evaluate(*validation, threads=THREADS)
            found.append((scores.accuracy if split.classes else scores.r2, model))
        return values(max(found, key=lambda each: each[0])[1], split)

    return run


METHODS = {
    "dnn_xp default": trained,
    "dnn_xp tuned": tuned,
    "dnn_xp tabular": partial(selected, preset="tabular"),
    "dnn_xp tabular x 16": partial(selected, preset="tabular", ensemble=16),
}
