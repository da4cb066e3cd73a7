"""Warnings of the library that belong to no room."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

_PACKAGE = str(Path(__file__).resolve().parent.parent)


class DataWarning(UserWarning):
    """The data were taken in a way that may not be what was meant; the message says how to have the other."""


def warn_of(text: str, category: type[Warning] = DataWarning) -> None:
    """Warn, at the line outside of dnn_xp that called."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level - 1 if level > 2 else 2)
