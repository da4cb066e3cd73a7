"""The figures of a training as plain tuples, and why it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any


class StopReason(Enum):
    """Why a training ended."""

    COMPLETED = "completed"  # all iterations or epochs were done
    PATIENCE = "patience"  # the watched cost had not fallen for `patience` reports
    CALLBACK = "callback"  # a callback asked for it
    INTERRUPTED = "interrupted"  # Ctrl-C
    # Of L-BFGS, under the names of `dnn_xp.formulas.lbfgs.LBFGSStop`, which says them in words
    GRADIENT = "gradient"
    DECREASE = "decrease"
    NO_DECREASE = "no decrease"
    NOT_FINITE = "not finite"


@dataclass(frozen=True, slots=True)
class History:
    """Figures at each report of a training; entry i of every tuple belongs to iterations[i].

    Attributes
    ----------
    iterations : tuple of int
        Parameter updates done so far; 0 is the start.
    costs : tuple of float
        The exact cost on all training examples at the parameters of that moment, penalties
        included.
    validation_costs : tuple of float
        The cost on the validation examples, without penalties; empty without validation data. It is
        finite at the start; later it is infinite where the outputs of these examples overflow.
    metrics : dict of str to tuple of float
        "validation_accuracy" or "validation_r2"; empty without validation data.
    learning_rates : tuple of float
        The rate of the update that follows.
    seconds : tuple of float
        Time since the start of the training, reporting included.
    batch_costs : tuple of float
        With ``batch_costs=True``, for each epoch the mean of its batches' costs, each at the
        parameters before that batch's update (with dropout, of the thinned network): what other
        libraries show as the loss, and not the exact cost. Empty otherwise.
    halvings : tuple of int
        With ``on_divergence="halve"``, the iterations to which the training went back, each time to
        go on with half the learning rate.
    """

    iterations: tuple[int, ...] = ()
    costs: tuple[float, ...] = ()
    validation_costs: tuple[float, ...] = ()
    metrics: dict[str, tuple[float, ...]] = field(default_factory=dict)
    learning_rates: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    batch_costs: tuple[float, ...] = ()
    halvings: tuple[int, ...] = ()

    def __repr__(self) -> str:
        if not self.iterations:
            return "History(nothing reported)"
        return (
            f"History({len(self.iterations)} reports, iterations {self.iterations[0]} to {self.iterations[-1]}, "
            f"cost {self.costs[0]:.6g} to {self.costs[-1]:.6g}, {self.seconds[-1]:.2f} s)"
        )


class PendingHistory(History):
    """A History that is made when it is first read, so that callbacks that ignore it cost nothing.

    Parameters
    ----------
    make : callable
        It gives the History.
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], History]) -> None:
        object.__setattr__(self, "_make", make)

    def __getattr__(self, name: str) -> Any:
        # Called only for what has no value yet.
        if name not in self.__dataclass_fields__:
            raise AttributeError(f"a History has no {name!r}")
        made = self._make()
        for each in fields(History):
            object.__setattr__(self, each.name, getattr(made, each.name))
        object.__setattr__(self, "_make", None)
        return getattr(self, name)

    def _plain(self) -> History:
        return History(**{each.name: getattr(self, each.name) for each in fields(History)})

    def __eq__(self, other: object) -> bool:
        return self._plain() == (other._plain() if isinstance(other, PendingHistory) else other)

    __hash__ = None  # type: ignore[assignment]  # as of a History, which holds a dict

    def __reduce__(self) -> tuple[Any, ...]:
        return History, tuple(getattr(self, each.name) for each in fields(History))
