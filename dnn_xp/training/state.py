"""The state of a training: a record of arrays and numbers that goes to and from bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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


Tensors = dict[str, np.ndarray]
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
        The optimizer's own state, and the average of theta where that was asked for.
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
        The parameters of the newest report: theta there, or its average.
    best : array (p,), optional
        Those of the report of the lowest watched cost; kept with patience or keep_best only.
    best_cost, best_iteration
        Of that report.
    since_best : int
        Reports after it.
    batch_costs : tuple of float
        The mean cost of the batches of each epoch, where that was asked for.
    start_cost : float
        The cost of the first report; NaN before it.
    halvings : tuple of int
        The iterations from which the training went on with half the learning rate.
    notes : tuple of str
        What a model of this training has to say of it, such as a change of the device.
    good : State, optional
        Where to go back to when the cost becomes NaN or infinite; kept with
        ``on_divergence="halve"`` only.
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
    start_cost: float = float("nan")
    halvings: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    good: State | None = None
    stopped: StopReason | None = None

    @property
    def finished(self) -> bool:
        """Whether the training has ended."""
        return self.stopped is not None

    @property
    def rate_factor(self) -> float:
        """What the learning rate is multiplied by: 1/2 to the power of the halvings."""
        return float(0.5 ** len(self.halvings))

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
            halvings=self.halvings,
        )

    def on_host(self, to_host: Callable[[Array], np.ndarray]) -> Self:
        """The same state with its arrays on the host."""
        copied: dict[str, Any] = {
            name: None if array is None else to_host(array)
            for name, array in (("theta", self.theta), ("last", self.last), ("best", self.best))
        }
        return replace(
            self,
            **copied,
            optimizer=tuple(map(to_host, self.optimizer)),
            good=None if self.good is None else self.good.on_host(to_host),
        )

    def tensors(self, reports: Callable[[State], np.ndarray] | None = None) -> Tensors:
        """A state on the host as contiguous arrays; `reports` may make the table of reports at less cost."""
        arrays = {name: getattr(self, name) for name in ("theta", "last", "best")}
        arrays |= {f"optimizer.{place}": each for place, each in enumerate(self.optimizer)}
        tensors = {name: array for name, array in arrays.items() if array is not None}
        tensors["reports"] = (reports or reports_of)(self)
        plain = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in (*arrays, "optimizer", "reports", "good", "stopped")
        }
        plain["stopped"] = None if self.stopped is None else self.stopped.value
        tensors["record"] = np.frombuffer(json.dumps(plain).encode(), dtype=np.uint8)
        good = {} if self.good is None else self.good.tensors()
        tensors |= {f"good.{name}": array for name, array in good.items()}
        # safetensors writes the buffer of an array whatever its strides.
        return {name: np.asarray(array, order="C") for name, array in tensors.items()}

    @classmethod
    def from_tensors(cls, tensors: Tensors, backend: Backend) -> Self:
        """The inverse of `tensors`, its arrays copied to the backend."""
        tensors = dict(tensors)
        prefix = "good."
        kept = {
            name.removeprefix(prefix): tensors.pop(name)
            for name in list(tensors)
            if name.startswith(prefix)
        }
        plain = json.loads(tensors.pop("record").tobytes())
        stopped = plain.pop("stopped")
        for name in ("numbers", "batch_costs", "halvings", "notes"):
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
            good=cls.from_tensors(kept, backend) if kept else None,
            stopped=None if stopped is None else StopReason(stopped),
            **arrays,
            **plain,
        )

    def to_bytes(self, backend: Backend) -> bytes:
        """The state in the safetensors format, its arrays copied from the backend."""
        return save(self.on_host(backend.to_host).tensors())

    @classmethod
    def from_bytes(cls, data: bytes, backend: Backend) -> Self:
        """The inverse of `to_bytes`, its arrays copied to the backend."""
        return cls.from_tensors(load(data), backend)

    def ended(self, reason: StopReason) -> Self:
        """The same state of a training that ended here."""
        return replace(self, stopped=reason)


def reports_of(state: State) -> np.ndarray:
    """(reports, figures) float64: all reports of a state, the oldest first."""
    return np.asarray(state.listed(), dtype=np.float64)


def as_json(random: Mapping[str, Any]) -> str:
    """The state of a bit generator as JSON."""
    return json.dumps(random, default=lambda array: array.tolist())


def generator(random: str) -> np.random.Generator:
    """The generator of a state."""
    state = json.loads(random)
    bits = getattr(np.random, state["bit_generator"])(0)
    bits.state = state
    return np.random.Generator(bits)
