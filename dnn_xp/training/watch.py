"""What a loop calls at its updates, and what may take states from it: two interfaces."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from dnn_xp.formulas.types import Array
from dnn_xp.training.state import State

# Where a training goes on after a report: theta, the optimizer's arrays, iteration, epoch and, of
# L-BFGS, numbers.
After = (
    tuple[Array, tuple[Array, ...], int, int]
    | tuple[Array, tuple[Array, ...], int, int, tuple[float, ...]]
)


class Watch(Protocol):
    """Takes states during a training, and may ask it to stop."""

    @property
    def requested(self) -> bool:
        """Whether the training is to return from the next update."""

    def due(self, progress: int) -> bool:
        """Whether a state is wanted after so many iterations, or epochs of mini-batches."""

    def take(self, state: State) -> None:
        """Take a state."""

    def end(self, state: State) -> None:
        """Take the last state from which a longer training goes on."""


class Noting(Protocol):
    """What a loop calls at its updates."""

    @property
    def rng(self) -> np.random.Generator:
        """The generator of shuffles and dropout masks."""

    @property
    def watched(self) -> bool:
        """Whether `passed` is to be called."""

    @property
    def batch_costs(self) -> list[float]:
        """The mean cost of each epoch's batches."""

    def note(
        self,
        iteration: int,
        theta: Array,
        J: Array | float,
        learning_rate: float,
        after: After,
        *,
        last: bool,
        stops: bool = False,
        used: Array | None = None,
    ) -> bool:
        """Take a report; whether to return.

        `last` says that the training ends with it, and `stops` that a longer one does, too; `used` are
        the parameters that J is the cost of, theta when left out.
        """

    def passed(
        self, theta: Array, J: Array | float | None = None, after: After | None = None
    ) -> bool:
        """Take note of an update without a report; whether to return.

        `J` is the cost at theta, where it is known; `after` is where the training goes on, None
        within an epoch.
        """
