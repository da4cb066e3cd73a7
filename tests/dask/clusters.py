"""Local clusters of separate processes, and what happens to their workers."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from distributed import Client, LocalCluster
from trainings import figures

import dnn_xp


@contextmanager
def cluster(workers: int = 2, **how: Any) -> Iterator[Client]:
    """A client of worker processes, each with a nanny that starts it again."""
    given = {"threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50} | how
    with LocalCluster(n_workers=workers, **given) as made, Client(made) as client:
        yield client


class Killer:
    """Kills random workers at random moments with SIGKILL, as long as it is entered."""

    def __init__(self, client: Client, seed: int, every: tuple[float, float]) -> None:
        self._client, self._every, self.killed = client, every, 0
        self._random, self._over = random.Random(seed), threading.Event()
        self._thread = threading.Thread(target=self._kill, daemon=True)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _kill(self) -> None:
        while not self._over.wait(self._random.uniform(*self._every)):
            try:
                found = sorted(self._client.run(os.getpid, on_error="ignore").values())
                if len(found) > 1:
                    os.kill(self._random.choice(found), signal.SIGKILL)
                    self.killed += 1
            except (OSError, ValueError):  # another one was just dying
                time.sleep(0.05)


def same(model: dnn_xp.Model, expected: dnn_xp.Model) -> None:
    """Assert the same parameters, history and reason to stop, bit by bit."""
    got, wanted = figures(model), figures(expected)
    assert "cluster" in got.pop("settings")
    del wanted["settings"]
    assert got == wanted


def examples(m: int = 6000, n: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """X (n, m) and two classes."""
    rng = np.random.default_rng(11)
    X = rng.standard_normal((n, m)).astype(np.float32)
    return X, (X[0] * X[1] + 0.3 * rng.standard_normal(m) > 0).astype(int)
