"""Options for checkpoints. They do not identify a training: it may be resumed with others."""

# ruff: noqa: RUF009 - option() is a field, which dataclasses take
from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dnn_xp.common.checks import check_bool, check_int
from dnn_xp.common.errors import Argument, ArgumentTypeError, ArgumentValueError, Pass
from dnn_xp.common.messages import describe
from dnn_xp.training.options import option, optional
from dnn_xp.training.specification import Specification

_EVERY = "30s"
_KEEP = 3
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h)")


def check_folder(name: str, value: Any) -> str:
    """The path of a folder, which need not be there yet."""
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise ArgumentTypeError(name, describe(value), "the path of a folder")
    path = Path(os.fspath(value))
    if path.exists() and not path.is_dir():
        raise ArgumentValueError(name, f"{str(path)!r}, which is no folder", "the path of a folder")
    return str(path)


def check_every(name: str, value: Any) -> int | str:
    """A number of iterations or epochs, or a time such as "30s"."""
    if isinstance(value, str):
        if value.isdecimal():
            return check_int(name, int(value), at_least=1)
        found = _TIME.fullmatch(value)
        if found is None or float(found[1]) == 0.0:
            wanted = (
                'a number of iterations (epochs of mini-batches), or a time such as "30s" or "5min"'
            )
            raise ArgumentValueError(name, repr(value), wanted)
        return value
    return check_int(name, value, at_least=1, remedy='a time is written with its unit: "30s"')


def seconds_of(every: str) -> float:
    """The seconds of a time that was checked.

    >>> seconds_of("5min")
    300.0
    """
    found = _TIME.fullmatch(every)
    assert found is not None
    return float(found[1]) * _SECONDS[found[2]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Keeping(Specification):
    """A specification, and how its training is kept."""

    checkpoint: str | os.PathLike[str] | None = option(
        None,
        optional(check_folder),
        "path, optional",
        "folder for checkpoints, from which a training that was stopped goes on",
        "See docs/checkpoints.md. Ctrl-C and SIGTERM then end the training after the update that "
        "is being computed, with a last checkpoint.",
    )
    checkpoint_every: int | str = option(
        _EVERY,
        check_every,
        "int or str",
        "a number of iterations (epochs of mini-batches), or a time such as 30s or 5min",
        "Written beside the arithmetic. Those of mini-batches hold the end of an epoch.",
    )
    keep: int = option(
        _KEEP,
        partial(check_int, at_least=1),
        "int",
        "checkpoints to keep, the newest ones",
        text="int",
    )
    resume: bool = option(
        False,
        check_bool,
        "bool",
        "go on from the newest checkpoint in the folder, if there is one",
        "The result has the bits of a training that was never stopped. Data and options have to be "
        "those of the checkpoint, apart from those that :func:`dnn_xp.resume` names.",
        flag=False,
    )

    def _check_together(self) -> None:
        super()._check_together()
        if self.checkpoint is not None:
            return
        for name, default in (("checkpoint_every", _EVERY), ("keep", _KEEP), ("resume", False)):
            given = getattr(self, name)
            if given != default:
                raise ArgumentValueError(
                    name,
                    repr(given),
                    ("left out unless ", Argument("checkpoint"), " is given"),
                    (Pass("checkpoint", "DIR"),),
                )
