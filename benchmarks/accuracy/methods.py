"""What the methods have in common: a method takes a split and returns what is timed."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module

import numpy as np

from benchmarks.accuracy.splits import Split

THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
"""Of every method; set for all libraries of a process before it starts."""
Fit = Callable[[], np.ndarray]
"""Train on the split and predict its test rows; libraries were imported before."""
Method = Callable[[Split], Fit]

PACKAGES = {
    "dnn_xp default": ["dnn_xp"],
    "dnn_xp tuned": ["dnn_xp"],
    "dnn_xp tabular": ["dnn_xp"],
    "dnn_xp tabular x 16": ["dnn_xp"],
    "scikit-learn MLP": ["scikit-learn"],
    "HistGradientBoosting": ["scikit-learn"],
    "LightGBM": ["lightgbm"],
    "RealMLP-TD-S": ["pytabkit", "torch"],
    "RealMLP-TD": ["pytabkit", "torch"],
}
"""The methods, and the packages whose versions are kept with their results."""


def method(name: str) -> Method:
    """The method of this name."""
    if name in PACKAGES:
        room = "ours" if name.startswith("dnn_xp") else "peers"
    else:
        room = "ablation"
    found: dict[str, Method] = import_module(f"benchmarks.accuracy.{room}").METHODS
    return found[name]
