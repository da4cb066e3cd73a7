"""What is timed: the same piece of work, done by ours and by each peer."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from benchmarks.shapes import Array, Parameters

Gradients = list[tuple[Array, Array]]

# Between candidates, the worker threads of the last one stop spinning for work: OpenBLAS lets them
# for 2^26 cycles, which is some 30 ms.
REST = 0.1


class NotAvailable(Exception):  # noqa: N818 - a candidate that is not here is no error
    """A candidate cannot run on this machine; the message says why."""


class Work(NamedTuple):
    """A function to time, and what has to be open around it, such as a pool of threads.

    A function that does more than what is to be timed returns the seconds of the part that counts.
    """

    run: Callable[[], Any]
    session: Callable[[], AbstractContextManager[Any]] = nullcontext


@dataclass(frozen=True)
class Step:
    """One exact full-batch gradient, ready to be taken again and again.

    Attributes
    ----------
    run
        Does the work and returns when it is finished. Its result stays in the candidate's arrays.
    convert
        Turns that result into (cost, [(dW, db), ...]) of NumPy arrays; never timed.
    note
        What was chosen for this problem, such as a block size.
    session
        What a training holds open around its steps; not timed.
    """

    run: Callable[[], Any]
    convert: Callable[[Any], tuple[float, Gradients]]
    note: str = ""
    session: Callable[[], AbstractContextManager[Any]] = nullcontext

    @property
    def work(self) -> Work:
        """What is timed."""
        return Work(self.run, self.session)

    def __call__(self) -> tuple[float, Gradients]:
        """Take the step and return it in NumPy arrays."""
        with self.session():
            return self.convert(self.run())


@dataclass(frozen=True)
class Epoch:
    """One epoch of Adam on shuffled mini-batches.

    Attributes
    ----------
    run
        Runs one epoch, the first one from the given parameters; returns its seconds if it does more
        than that.
    parameters
        Returns [(W, b), ...] after the last epoch as NumPy arrays; never timed.
    note
        What the figure includes.
    """

    run: Callable[[], Any]
    parameters: Callable[[], Parameters]
    note: str = ""


class MakeStep(Protocol):
    """What a module of benchmarks.peers offers as `make`."""

    def __call__(self, parameters: Parameters, X: Array, Y: Array, *, tune: bool = True) -> Step:
        """Lay the data out as the candidate likes it; `tune` lets it try its settings."""


class MakeEpoch(Protocol):
    """What a module of benchmarks.epochs offers as `make`."""

    def __call__(
        self, parameters: Parameters, X: Array, Y: Array, *, batch_size: int, seed: int
    ) -> Epoch:
        """Lay the data out as the candidate likes it."""


def load(target: str) -> Any:
    """Return the function that "module:name" stands for.

    Raises
    ------
    NotAvailable
        When a package it needs is not installed.
    """
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(("benchmarks", "dnn_xp")):
            raise  # our own mistake, not a package that is missing
        raise NotAvailable(f"{error.name} is not installed") from error
