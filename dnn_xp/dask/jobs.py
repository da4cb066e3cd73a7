"""The objective of a training on a worker: what is sent of it, and what is made of that."""

from __future__ import annotations

import hashlib
import pickle
import threading
from typing import Any, NamedTuple

from dnn_xp.backends.choice import choose_backend, compiled
from dnn_xp.backends.precision import with_precision
from dnn_xp.backends.record import Backend
from dnn_xp.execution.objective import Objective
from dnn_xp.formulas.network import Network


class Device(NamedTuple):
    """Where each worker computes, as `choose_backend` takes it."""

    device: str
    fallback: bool = True
    blas: str = "auto"
    compile: bool = False

    def backend(self, precision: str) -> Backend:
        """What it is on this worker."""
        backend, _ = choose_backend(self.device, None, fallback=self.fallback, blas=self.blas)
        backend = compiled(backend) if self.compile else backend
        return with_precision(backend, precision)


# Of the arguments of an Objective, those that only the one who asks for sums needs.
OF_THE_CLIENT = frozenset({"block_size", "penalties"})


class Job(NamedTuple):
    """What a worker needs to know of a training besides the data.

    Attributes
    ----------
    device : Device
    network : Network
    how : dict
        All other arguments of the client's Objective, but for `OF_THE_CLIENT`.
    """

    device: Device
    network: Network
    how: dict[str, Any]

    def objective(self) -> Objective:
        """The objective of this worker; its blocks are counted by whoever asks for sums."""
        backend = self.device.backend(self.how.get("precision", ""))
        return Objective(self.network, backend, block_size=lambda m: m, **self.how)


_objectives: dict[str, Objective] = {}
_making = threading.Lock()


def objective_of(job: bytes) -> Objective:
    """The objective of a pickled Job, made once a process."""
    name = hashlib.sha256(job).hexdigest()
    with _making:
        if name not in _objectives:
            while len(_objectives) >= 8:
                del _objectives[next(iter(_objectives))]
            made: Job = pickle.loads(job)
            _objectives[name] = made.objective()
        return _objectives[name]
