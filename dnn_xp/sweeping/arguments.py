"""What `sweep` is called with: what `train` is, the points, and how they are compared."""

# ruff: noqa: RUF009 - option() is a field, which dataclasses take
from __future__ import annotations

import os
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from dnn_xp.common.checks import check_choice, check_int
from dnn_xp.common.errors import Argument, ArgumentTypeError, ArgumentValueError, Pass
from dnn_xp.common.messages import describe
from dnn_xp.sweeping.points import (
    Point,
    check_distributions,
    check_grid,
    drawn_points,
    points_of_grid,
)
from dnn_xp.training.arguments import TrainArguments
from dnn_xp.training.checkpoints.options import Keeping
from dnn_xp.training.options import checks_of, option, optional

_POINTS = 20


def _check_path(name: str, value: Any) -> Path:
    if not isinstance(value, (str, os.PathLike)):
        raise ArgumentTypeError(name, describe(value), "the path of a file")
    path = Path(value)
    if path.is_dir() or not path.parent.is_dir():
        raise ArgumentValueError(
            name, repr(str(path)), "the path of a file in a folder that is there"
        )
    return path


@dataclass(frozen=True, eq=False)
class SweepArguments(TrainArguments):
    """What `sweep` is called with."""

    grid: Any = option(
        None,
        optional(check_grid),
        "dict of lists, or list of such dicts",
        "the values of each option that varies; every combination is a point",
        "{'learning_rate': [0.1, 0.01], 'hidden': [(32,), (64, 32)]}.",
        flag=False,
    )
    _: KW_ONLY
    validation: Any = option(
        0.2,
        TrainArguments.__dataclass_fields__["validation"].metadata["option"].check,
        "float or pair (X, Y)",
        "fraction of the examples to compare the points on, or such examples",
        "The same examples for all points, drawn as by :func:`dnn_xp.train`.",
        text="float",
    )
    distributions: Any = option(
        None,
        optional(check_distributions),
        "dict, optional",
        "in the place of a grid: what each option that varies is drawn from",
        "Frozen distributions of scipy.stats, :func:`dnn_xp.log_uniform`, functions of a NumPy "
        "Generator, or lists.",
        flag=False,
    )
    points: int | None = option(
        None,
        optional(partial(check_int, at_least=1)),
        "int, optional",
        f"with distributions: how many points are drawn; {_POINTS} when left out",
        flag=False,
    )
    eta: int | None = option(
        None,
        optional(partial(check_int, at_least=2)),
        "int, optional",
        "successive halving: of each rung of trainings, the best 1/eta go on, eta times as long",
        "The last rung is as long as `iterations` or `epochs` say. When left out, all points train "
        "to their end.",
        flag=False,
    )
    shortest: int | None = option(
        None,
        optional(partial(check_int, at_least=1)),
        "int, optional",
        "with eta: the least iterations (full batch) or epochs (mini-batches) of the first rung",
        "When left out, there are as many rungs as leave one point for the last.",
        flag=False,
    )
    by: str = option(
        "cost",
        partial(check_choice, allowed=("cost", "score")),
        '{"cost", "score"}',
        "what is compared on the validation examples: their cost, or accuracy or R2",
        "At the parameters that a training keeps.",
        flag=False,
    )
    file: Any = option(
        None,
        optional(_check_path),
        "path, optional",
        "where each result is written as soon as it is there; a sweep whose file is there goes on",
        "Data, points and options must be those of the file.",
        flag=False,
    )
    warm_start: None = field(init=False, default=None)
    callbacks: tuple[()] = field(init=False, default=())
    # `file` keeps a sweep.
    checkpoint: None = field(init=False, default=None)
    checkpoint_every: int | str = field(init=False, default=Keeping.checkpoint_every)
    keep: int = field(init=False, default=Keeping.keep)
    resume: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Check the options of the sweep, then those of the trainings."""
        own: Any = SweepArguments
        for name, check in checks_of(own):
            if name in ("grid", "distributions", "points", "eta", "shortest", "by", "file"):
                self._set(**{name: check(name, getattr(self, name))})
        super().__post_init__()
        if self.layers is not None:
            raise ArgumentTypeError("initialization", "arrays", "a name, where points are compared")
        if self.validation is None and self.validation_pair is None:
            raise ArgumentValueError(
                "validation",
                "None",
                "a fraction of the examples or a pair (X, Y), on which points are compared",
                (Pass("validation", 0.2),),
            )
        if (self.grid is None) == (self.distributions is None):
            raise ArgumentValueError(
                "grid",
                "None" if self.grid is None else ("a value with ", Argument("distributions")),
                ("given, or ", Argument("distributions"), " in its place"),
            )
        for name, needed in (("points", "distributions"), ("shortest", "eta")):
            if getattr(self, name) is not None and getattr(self, needed) is None:
                got = str(getattr(self, name))
                raise ArgumentValueError(
                    name, got, ("left out where ", Argument(needed), " is not given")
                )

    def listed(self) -> tuple[Point, ...]:
        """The points, each with its specification, which is checked."""
        base = replace(self.specification, verbose=False)
        if self.grid is not None:
            return points_of_grid(base, self.grid)
        return drawn_points(base, self.distributions, self.points or _POINTS)
