"""Figures as lines of JSON in a file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from dnn_xp.trackers.protocol import Tracker


class JsonLines(Tracker):
    """Appends one JSON object a report to a file; a line is written at once, and by itself valid.

    Parameters
    ----------
    path : str or path
        The file. Lines are added to one that exists.

    Raises
    ------
    OSError
        When the file cannot be opened for writing: now, before the training.

    Notes
    -----
    ``{"step": 10, "cost": 0.41, "learning_rate": 0.01, "seconds": 0.02}``. JSON has no NaN and no
    infinity: they are written as null.

    Examples
    --------
    >>> import numpy as np, dnn_xp, json, pathlib, tempfile
    >>> from dnn_xp.trackers import JsonLines
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "run.jsonl")
    ...     model = dnn_xp.train(X, X[0] > 0, iterations=3, callbacks=[JsonLines(path)])
    ...     lines = [json.loads(line) for line in path.read_text().splitlines()]
    >>> [line["step"] for line in lines], lines[-1]["cost"] == model.history.costs[-1]
    ([0, 1, 2, 3], True)
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        # Absolute: the program may change its folder meanwhile.
        self.path = Path(path).absolute()
        self.path.open("a", encoding="utf-8").close()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Append a line."""
        finite = {
            name: float(value) if math.isfinite(value) else None for name, value in values.items()
        }
        line = json.dumps({"step": int(step), **finite}, allow_nan=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
