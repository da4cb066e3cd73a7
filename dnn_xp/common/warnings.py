"""Warnings of the library that belong to no room."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from dnn_xp.common.errors import PYTHON, Text, Worded, Words, render

_PACKAGE = str(Path(__file__).resolve().parent.parent)


class DataWarning(Worded, UserWarning):
    """The data were taken in a way that may not be what was meant; the message says how to have the other.

    Parameters
    ----------
    text : Text
        The message, in parts where it names arguments.
    """

    def __init__(self, text: Text) -> None:
        super().__init__(text)
        self.text = text

    def sentence(self, words: Words = PYTHON) -> str:
        """The message in the words of one interface."""
        return render(self.text, words)


def warn_of(text: Text) -> None:
    """A DataWarning, at the line outside of dnn_xp that called."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(DataWarning(text), stacklevel=level)
