"""Where a training is: a record of arrays and numbers, which bytes can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np
from safetensors.numpy import load, save

from dnn_xp.backends.record import Backend
from dnn_xp.formulas.types import Array
from dnn_xp.model.history import History, StopReason


class Report(NamedTuple):
    """The figures of one report; `validation_cost` and `score` are NaN without validation examples."""

    iteration: int
    cost: float
    learning_rate: float
    seconds: float
    validation_cost: float
    score: float


# The newest report and those before it: a list that states share instead of copying.
Reports = tuple[Report, Any] | None


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Where a training is, between two reports. It does not change: `advance` gives a new one.

    Mini-batches are reported between epochs, so the place in an epoch is always its beginning.

    Attributes
    ----------
    theta : array (p,)
        Where the next update starts.
    optimizer : tuple of arrays
        The optimizer's own state.
    random : str
        State of the generator of shuffles and dropout masks, as JSON.
    iteration, epoch : int
        Updates and epochs that are done.
    numbers : tuple of float
        What the optimizer keeps besides arrays.
    seconds : float
        Time that it took so far.
    reports : nested pairs
        The newest report and the reports before it.
    last : array (p,), optional
        theta at the newest report.
    best : array (p,), optional
        theta at the report of the lowest watched cost; kept with patience only.
    best_cost, best_iteration
        Of that report.
    since_best : int
        Reports after it.
    batch_costs : tuple of float
        The mean cost of the batches of each epoch, where that was asked for.
    stopped : StopReason, optional
        Why the training ended, if it did.
    """

    theta: Array
    optimizer: tuple[Array, ...]
    random: str
    iteration: int = 0
    epoch: int = 0
    numbers: tuple[float, ...] = ()
    seconds: float = 0.0
    reports: Reports = None
    last: Array | None = None
    best: Array | None = None
    best_cost: float = float("inf")
    best_iteration: int = 0
    since_best: int = 0
    batch_costs: tuple[float, ...] = ()
    stopped: StopReason | None = None

    @property
    def finished(self) -> bool:
        """Whether the training has ended."""
        return self.stopped is not None

    @property
    def report(self) -> Report:
        """The newest report."""
        if self.reports is None:
            raise ValueError("this state has no report yet; advance it first")
        return self.reports[0]

    def listed(self) -> list[Report]:
        """All reports, the oldest first."""
        found, rest = [], self.reports
        while rest is not None:
            report, rest = rest
            found.append(report)
        return found[::-1]

    def history(self, metric: str) -> History:
        """All reports as a History; `metric` is the name of their scores."""
        reports = self.listed()
        columns = list(zip(*reports, strict=True)) or [()] * len(Report._fields)
        iterations, costs, rates, seconds, validation_costs, scores = columns
        validated = bool(reports) and not np.isnan(scores[0])
        return History(
            iterations=iterations,
            costs=costs,
            validation_costs=validation_costs if validated else (),
            metrics={f"validation_{metric}": scores} if validated else {},
            learning_rates=rates,
            seconds=seconds,
            batch_costs=self.batch_costs,
        )

    def to_bytes(self, backend: Backend) -> bytes:
        """The state in the safetensors format, its arrays copied from the backend."""
        arrays = {name: getattr(self, name) for name in ("theta", "last", "best")}
        arrays |= {f"optimizer.{place}": each for place, each in enumerate(self.optimizer)}
        tensors = {
            name: backend.to_host(array) for name, array in arrays.items() if array is not None
        }
        tensors["reports"] = np.asarray(self.listed(), dtype=np.float64)
        plain = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in (*arrays, "optimizer", "reports", "stopped")
        }
        plain["stopped"] = None if self.stopped is None else self.stopped.value
        tensors["record"] = np.frombuffer(json.dumps(plain).encode(), dtype=np.uint8)
        # safetensors writes the buffer of an array whatever its strides.
        return save({name: np.ascontiguousarray(array) for name, array in tensors.items()})

    @classmethod
    def from_bytes(cls, data: bytes, backend: Backend) -> Self:
        """The inverse of `to_bytes`, its arrays copied to the backend."""
        tensors = load(data)
        plain = json.loads(tensors.pop("record").tobytes())
        stopped = plain.pop("stopped")
        for name in ("numbers", "batch_costs"):
            plain[name] = tuple(plain[name])
        reports: Reports = None
        for iteration, *figures in tensors.pop("reports").tolist():
            reports = (Report(int(iteration), *figures), reports)
        arrays = {name: backend.from_host(array) for name, array in tensors.items()}
        count = sum(name.startswith("optimizer.") for name in arrays)
        optimizer = tuple(arrays.pop(f"optimizer.{place}") for place in range(count))
        return cls(
            optimizer=optimizer,
            reports=reports,
            stopped=None if stopped is None else StopReason(stopped),
            **arrays,
            **plain,
        )

    def ended(self, reason: StopReason) -> Self:
        """The same state of a training that ended here."""
        return replace(self, stopped=reason)


def as_json(random: Mapping[str, Any]) -> str:
    """The state of a bit generator as JSON."""
    return json.dumps(random, default=lambda array: array.tolist())


def generator(random: str) -> np.random.Generator:
    """The generator of a state."""
    state = json.loads(random)
    bits = getattr(np.random, state["bit_generator"])(0)
    bits.state = state
    return np.random.Generator(bits)
