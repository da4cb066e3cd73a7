"""Ctrl-C while the command dnn-xp starts: one line, as later, and no traceback.

The imports of the package take a quarter of a second, before any code of the command runs. So this
module is the package's first import; if the process is the command, it sets what an uncaught
KeyboardInterrupt prints. The process still ends by the signal, as the shell expects.
"""

from __future__ import annotations

import sys
from pathlib import PurePath
from types import TracebackType


def is_the_command(typed: list[str]) -> bool:
    """Whether a process that was started so is ``dnn-xp`` or ``python -m dnn_xp``.

    >>> is_the_command(["python", "-X", "utf8", "-m", "dnn_xp", "train"])
    True
    >>> is_the_command(["python", "/usr/bin/dnn-xp", "train"])
    True
    >>> is_the_command(["python", "-m", "pytest", "-m", "dnn_xp"])
    False
    """
    words = typed[1:]
    while words and words[0].startswith("-") and words[0] != "-m":
        words = words[2 if words[0] in ("-X", "-W") else 1 :]
    if words[:1] == ["-m"]:
        return words[1:2] == ["dnn_xp"]
    return bool(words) and PurePath(words[0]).stem == "dnn-xp"


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("dnn-xp: interrupted", file=sys.stderr, flush=True)
    else:
        sys.__excepthook__(kind, error, trace)


if is_the_command(sys.orig_argv):
    sys.excepthook = _hook
