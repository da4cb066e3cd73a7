"""What the tests of the shell share: a command's traces, and small data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FEATURES = ("height", "width", "depth")

# A training of a moment that learns the flowers.
QUICK = ("--hidden", "8", "--iterations", "80", "--learning-rate", "0.05", "--quiet")


class Said(NamedTuple):
    """What a command left behind: exit code, stdout, stderr without the progress bar."""

    code: int
    out: str
    err: str


Shell = Callable[..., Said]


class Flowers(NamedTuple):
    """Three kinds that three measurements tell apart, and a number made of them."""

    X: np.ndarray
    kinds: np.ndarray
    petals: np.ndarray


def write_csv(path: str | Path, columns: dict[str, Any]) -> None:
    """A CSV file with these columns."""
    lines = zip(*(np.asarray(each).tolist() for each in columns.values()), strict=True)
    text = [",".join(columns), *(",".join(map(str, line)) for line in lines)]
    Path(path).write_text("\n".join(text) + "\n", encoding="utf-8")


def columns_of(flowers: Flowers) -> dict[str, Any]:
    """The flowers as named columns, kind last."""
    return dict(zip(FEATURES, flowers.X.T, strict=True)) | {"kind": flowers.kinds}


def typed_and_wanted(text: str) -> list[tuple[str, str]]:
    """Pairs of a line that is typed and the indented line that is wanted."""
    lines = text.strip("\n").splitlines()
    return [(typed, wanted.strip()) for typed, wanted in zip(lines[::2], lines[1::2], strict=True)]
