"""Trainings at once, in forked, spawned and joblib's processes: the bits of serial ones."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import dnn_xp

rng = np.random.default_rng(0)
X = rng.standard_normal((5, 3000)).astype(np.float32)
Y = X[0] * X[1] > 0
HOW: tuple[dict[str, Any], ...] = (
    {"iterations": 6, "threads": 2, "block_size": 200},
    {"iterations": 6, "optimizer": "lbfgs", "threads": 3, "block_size": 200},
    {"epochs": 2, "batch_size": 500, "threads": 2, "block_size": 100, "keep_prob": 0.8},
    {"iterations": 6, "threads": 1, "dtype": "float64", "standardize": True},
)


def bits(number: int) -> bytes:
    """Theta and predictions of one of the trainings."""
    model = dnn_xp.train(X, Y, hidden=[8, 4], seed=number, **HOW[number % len(HOW)])
    return model.theta.tobytes() + np.asarray(model.predict_proba(X, threads=2)).tobytes()


@pytest.fixture(scope="module")
def serial() -> list[bytes]:
    return [bits(number) for number in range(len(HOW))]


def settings() -> Any:
    import threadpoolctl

    threads = [each["num_threads"] for each in threadpoolctl.threadpool_info()]
    return threads, np.geterr(), np.getbufsize()


def test_trainings_of_several_threads_at_once(serial: list[bytes]) -> None:
    before = settings()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(bits, list(range(len(HOW))) * 4))
    assert found == serial * 4
    assert settings() == before
    assert not [each.name for each in threading.enumerate() if each.name.startswith("dnn_xp")]


@pytest.mark.skipif(sys.platform != "linux", reason="fork is not safe elsewhere")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning", "ignore:.*fork.*:RuntimeWarning")
def test_a_fork_after_use(serial: list[bytes]) -> None:
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(bits, range(len(HOW)))) == serial


@pytest.mark.skipif(sys.platform != "linux", reason="fork is not safe elsewhere")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning", "ignore:.*fork.*:RuntimeWarning")
def test_a_fork_in_the_middle_of_a_training(serial: list[bytes]) -> None:
    """The threads of the engine are not there in the child: it must not wait for them."""
    found = []

    def fork(iteration: int, cost: float, model: dnn_xp.Model) -> None:
        if iteration == 2:
            with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
                found.append(pool.submit(bits, 0).result(timeout=60))

    before = settings()
    model = dnn_xp.train(X, Y, hidden=[8, 4], seed=0, callbacks=[fork], **HOW[0])
    assert found == [serial[0]]
    assert serial[0].startswith(model.theta.tobytes())
    assert settings() == before


def test_spawned_processes(serial: list[bytes]) -> None:
    model = dnn_xp.train(X, Y, hidden=[8, 4], seed=0, **HOW[0])
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(bits, range(2))) == serial[:2]
        # A model travels, too.
        assert pool.submit(model.predict, X).result().tolist() == model.predict(X).tolist()


def test_joblibs_processes(serial: list[bytes]) -> None:
    joblib = pytest.importorskip("joblib")
    found = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(bits)(k) for k in range(4))
    assert found == serial


# A worker that fails


@pytest.mark.parametrize("error", [ValueError, MemoryError, KeyError])
@pytest.mark.parametrize("call", [1, 7, 20])
def test_a_thread_that_fails_ends_the_training_and_nothing_else(
    error: Any, call: int, monkeypatch: Any
) -> None:
    from dnn_xp.execution.block_functions import BlockFunctions

    before, calls = settings(), iter(range(1, 1000))
    original = BlockFunctions.cost_and_gradients

    def failing(self: Any, *given: Any) -> Any:
        if next(calls) >= call:
            raise error("no more")
        return original(self, *given)

    monkeypatch.setattr(BlockFunctions, "cost_and_gradients", failing)
    monkeypatch.setattr("dnn_xp.execution.objective.warnings.warn", lambda *given, **how: None)
    with pytest.raises(error, match="no more"):
        dnn_xp.train(X, Y, hidden=[8, 4], **HOW[0])
    monkeypatch.undo()
    assert settings() == before
    assert not [each.name for each in threading.enumerate() if each.name.startswith("dnn_xp")]


def test_memory_that_runs_out_on_the_host_makes_smaller_blocks(monkeypatch: Any) -> None:
    from dnn_xp.execution.block_functions import BlockFunctions

    original = BlockFunctions.cost_and_gradients

    def of_few(self: Any, parameters: Any, block: Any) -> Any:
        if block.X.shape[1] > 120:
            raise MemoryError
        return original(self, parameters, block)

    monkeypatch.setattr(BlockFunctions, "cost_and_gradients", of_few)
    with pytest.warns(dnn_xp.BlockSizeWarning, match="with blocks of 100"):
        model = dnn_xp.train(X, Y, hidden=[8, 4], **HOW[0])
    assert model.record is not None
    assert model.record.block_size == 100
