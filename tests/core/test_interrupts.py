"""Ctrl-C at any moment: no deadlock, no thread left, BLAS and NumPy as they were."""

from __future__ import annotations

import contextlib
import dis
import faulthandler
import os
import subprocess
import sys
import threading
import time
from typing import ClassVar

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import dnn_xp
from dnn_xp.backends.choice import backend_named
from dnn_xp.backends.parallel_for import parallel_for
from dnn_xp.execution.engine import Engine

# Python gives up an interruption of a finalizer, as of its own WeakSet, and says so.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def our_threads():
    return [each for each in threading.enumerate() if each.name.startswith("dnn_xp")]


def settings():
    """What an engine changes for the process or the calling thread."""
    blas = [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
    return blas, np.getbufsize(), np.geterr()


@pytest.fixture
def several_blas_threads():
    with threadpool_limits(limits=2, user_api="blas"):
        yield


@pytest.fixture
def no_deadlock():
    """Ends the process with the stacks of all threads."""
    faulthandler.dump_traceback_later(float(os.environ.get("DNN_XP_DEADLOCK", "120")), exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


class Interrupt:
    """Raises KeyboardInterrupt in the calling thread where Python, for the `number`th time, looks for signals.

    That is after a call, a jump backwards, or the first instruction of a function. It is raised
    before the instruction that follows.
    """

    # CPython 3.11 calls trace functions that it has freed, or what has taken their place: no
    # trace function of these tests is ever freed.
    kept: ClassVar[list[object]] = []

    def __init__(self, number):
        self.left = number
        # The instruction before, by the frame's id: a frame held here would hold its variables.
        self.before = {}
        self._on_call, self._on_opcode = self._enter_frame, self._trace
        self.kept.append((self._on_call, self._on_opcode))

    def __enter__(self):
        sys.settrace(self._on_call)
        return self

    def __exit__(self, *error):
        sys.settrace(None)

    def _enter_frame(self, frame, event, argument):
        if frame.f_code is Interrupt.__exit__.__code__:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        self.before[id(frame)] = None
        return self._on_opcode

    def _trace(self, frame, event, argument):
        if event == "opcode":
            before = self.before.get(id(frame))
            self.before[id(frame)] = frame.f_lasti
            name = "" if before is None else dis.opname[frame.f_code.co_code[before]]
            if name.startswith(("CALL", "JUMP_BACKWARD", "RESUME")):
                self.left -= 1
                if self.left == 0:
                    raise KeyboardInterrupt  # which ends the tracing, too
        return self._on_opcode


def interrupted(number, action):
    """Whether there was such a place; the error is gone, and all that it held."""
    interrupt = Interrupt(number)
    with contextlib.suppress(KeyboardInterrupt), interrupt:
        action()
    interrupt.before.clear()
    return interrupt.left <= 0


def assert_nothing_is_left(before):
    # A thread that was being started ends by itself.
    until = time.monotonic() + 20
    while any(each.is_alive() for each in our_threads()) and time.monotonic() < until:
        time.sleep(0.001)
    # CPython goes on to list a thread whose start was interrupted before it began.
    assert [each for each in our_threads() if each.ident is not None] == []
    assert settings() == before
    assert parallel_for.get() is None


def fold_blocks(read_ahead):
    with Engine(3) as engine:
        for _ in range(2):
            engine.fold(
                lambda start: (start,), lambda start, stop: (start,), 4, 1, read_ahead=read_ahead
            )


def share_a_block():
    """A block that is alone, whose parts are computed on three threads."""
    W, X = np.ones((30, 9000), np.float32), np.ones((9000, 200), np.float32)
    with backend_named("numpy").active(), Engine(3) as engine:
        matmul = backend_named("numpy").xp.matmul
        engine.fold(lambda X: (matmul(W, X),), lambda start, stop: (X,), 200, 200)


ACTIONS = {
    "blocks": lambda: fold_blocks(False),
    "read ahead": lambda: fold_blocks(True),
    "parts of a product": share_a_block,
}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_an_engine_interrupted_wherever_python_looks_for_signals(
    action, several_blas_threads, no_deadlock
):
    action()
    before, number = settings(), 1
    while interrupted(number, action):
        assert_nothing_is_left(before)
        number += 1
    assert number > 100


def batches_from_a_file(path, monkeypatch):
    monkeypatch.setattr("dnn_xp.training.batches._SHUFFLE_BYTES", 2800)
    X = np.random.default_rng(0).standard_normal((300, 6)).astype("float32")
    np.save(path, X)
    how = {"examples": "rows", "hidden": [4], "epochs": 1, "batch_size": 100, "threads": 2}
    return lambda: dnn_xp.train(path, X[:, 0] > 0, **how)


@pytest.fixture(scope="module")
def model():
    X = np.random.default_rng(0).standard_normal((6, 3000)).astype("float32")
    return dnn_xp.train(X, X[0] > X[1], hidden=[8], iterations=2, threads=2, block_size=1000)


def test_predict_and_train_interrupted_at_many_places(
    model, several_blas_threads, no_deadlock, rng, tmp_path, monkeypatch
):
    X = rng.standard_normal((6, 3000)).astype("float32")
    given = {"hidden": [8], "iterations": 2, "threads": 2, "block_size": 1000}
    for action in (
        lambda: model.predict(X, threads=2),
        lambda: dnn_xp.train(X, X[0] > X[1], **given),
        batches_from_a_file(tmp_path / "X.npy", monkeypatch),
    ):
        action()
        before, number = settings(), 1
        while interrupted(number, action):
            assert_nothing_is_left(before)
            number += int(rng.integers(1, 400))
        assert number > 500


def test_a_condition_interrupted_while_it_holds_its_lock(monkeypatch, no_deadlock):
    """Where `concurrent.futures.wait` left a future locked, which its thread then waited for."""
    enter = threading.Condition.__enter__
    main = threading.main_thread()

    def interrupted_enter(self):
        entered = enter(self)
        if threading.current_thread() is main:
            raise KeyboardInterrupt
        return entered

    def compute(start):
        if threading.current_thread() is main:
            monkeypatch.setattr(threading.Condition, "__enter__", interrupted_enter)
        else:
            time.sleep(0.05)
        return (start,)

    with Engine(2) as engine:
        with contextlib.suppress(KeyboardInterrupt):
            engine.fold(compute, lambda start, stop: (start,), 2, 1)
        monkeypatch.undo()
    assert our_threads() == []


def test_ctrl_c_counts_more_than_an_error_that_the_caller_may_handle():
    barrier = threading.Barrier(2, timeout=20)

    def fail(start):
        barrier.wait()
        if threading.current_thread() is threading.main_thread():
            time.sleep(0.05)
            raise KeyboardInterrupt
        raise MemoryError

    with pytest.raises(KeyboardInterrupt), Engine(2) as engine:
        engine.fold(fail, lambda start, stop: (start,), 2, 1)


STRESS = """
import os, random, signal, sys, threading, time
import numpy as np, dnn_xp
from threadpoolctl import threadpool_info, threadpool_limits

threadpool_limits(limits=2, user_api="blas")
# A product in parts, small blocks, and blocks from a file.
X = np.random.default_rng(0).standard_normal((6, 4000)).astype("float32")
Y = X[0] > X[1]
np.save(sys.argv[2], np.ascontiguousarray(X.T))
how = dict(hidden=[8], iterations=3, threads=2, block_size=500)
model = dnn_xp.train(X, Y, **how)
actions = [
    lambda: model.predict(X, threads=2),
    lambda: dnn_xp.train(X, Y, **how),
    lambda: dnn_xp.train(sys.argv[2], Y, examples="rows", **how),
]
def state():
    blas = [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
    return blas, np.getbufsize(), np.geterr()
before = state()
rng = random.Random(0)
aim = threading.Lock()
def shoot():
    for _ in range(int(sys.argv[1])):
        aim.acquire()
        time.sleep(rng.random() * 0.01)
        os.kill(os.getpid(), signal.SIGINT)
shots, came = threading.Thread(target=shoot, daemon=True), 0
aim.acquire()
shots.start()
while shots.is_alive():
    action = rng.choice(actions)
    try:
        try:
            aim.release()
            begun = time.monotonic()
            # A finalizer may swallow the signal, which comes within 10 ms; then nothing more comes.
            while time.monotonic() < begun + 2.0:
                stopped = getattr(action(), "stopped", None)
                if stopped is not None and stopped.name == "INTERRUPTED":
                    break
                if not shots.is_alive():
                    break
        except KeyboardInterrupt:
            pass
        came += 1
        assert state() == before, state()
        until = time.monotonic() + 10
        while True:  # threads that were being started end by themselves
            left = [each.name for each in threading.enumerate() if each.name.startswith("dnn_xp")]
            if not left:
                break
            assert time.monotonic() < until, left
            time.sleep(0.0001)
    except KeyboardInterrupt:
        raise SystemExit("the signal came late")
print(came)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_signals_at_random_moments(tmp_path):
    shots = int(os.environ.get("DNN_XP_SIGNALS", "120"))
    run = subprocess.run(
        [sys.executable, "-c", STRESS, str(shots), str(tmp_path / "X.npy")],
        capture_output=True,
        text=True,
        timeout=60 + shots,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) >= shots
