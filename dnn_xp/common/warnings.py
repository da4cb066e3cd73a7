"""The warning about data that can be understood in two ways."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from dnn_xp.common.errors import PYTHON, Text, Worded, Words, render

_PACKAGE = str(Path(__file__).resolve().parent.parent)


class DataWarning(Worded, UserWarning):
    """The data can be understood in two ways; the message says which was chosen and how to get the other.

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
    """Warn with a DataWarning, at the line outside dnn_xp that called."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(DataWarning(text), stacklevel=level)
