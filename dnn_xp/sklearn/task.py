"""What a fit is given and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.data.given import Given
from dnn_xp.data.sources.base import Source
from dnn_xp.data.targets.kinds import Targets
from dnn_xp.model.model import Model
from dnn_xp.sklearn.parameters import Settings
from dnn_xp.sklearn.solvers import Rate
from dnn_xp.sklearn.watching import Watch
from dnn_xp.training.state import State


class HeldOut(NamedTuple):
    """Examples to validate on, with their weights (m,) or None."""

    X: Source
    targets: Targets
    weights: npt.NDArray[Any] | None


@dataclass
class Task:
    """What a fit is given.

    Attributes
    ----------
    settings : Settings
        The estimator's parameters.
    given : Given
        X as a source, and the encoding of its columns.
    targets : Targets
        What y means.
    flat : bool
        Whether y was one-dimensional.
    weights : array (m,), optional
        Of the examples.
    held_out : HeldOut, optional
        Examples to validate on.
    random : RandomState
        What is drawn from.
    watch : Watch
        Figures so far, and the rule to stop.
    theta, start
        Parameters to start from (p,), on the host; how they were found.
    t : int
        Examples that all epochs so far have seen.
    model : Model, optional
        That of the fit before this one, whose network and standardization go on.
    state, rate
        Of the optimizer, where partial_fit goes on.
    once : bool
        Whether one epoch is all, as in partial_fit.
    seed : int
        For the record.
    epoch_ended : callable, optional
        Called with a function that makes the model of the moment; true stops the training.
    """

    settings: Settings
    given: Given
    targets: Targets
    flat: bool
    weights: npt.NDArray[Any] | None
    held_out: HeldOut | None
    random: np.random.RandomState
    watch: Watch
    theta: npt.NDArray[Any]
    start: str = ""
    t: int = 0
    model: Model | None = None
    state: State | None = None
    rate: Rate | None = None
    once: bool = False
    seed: int = 0
    epoch_ended: Callable[[Callable[[], Model]], bool] | None = None


class Fitted(NamedTuple):
    """What a fit gives: the model, where its optimizer is, epochs, examples seen, and the last loss."""

    model: Model
    state: State
    rate: Rate
    epochs: int
    t: int
    loss: float
