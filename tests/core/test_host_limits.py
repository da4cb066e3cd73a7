"""Threads that cannot start are fewer threads; a training that cannot fit into memory is refused first."""

from __future__ import annotations

import _thread
import subprocess
import sys
import threading

import numpy as np
import pytest

import dnn_xp
from dnn_xp.execution import host_memory
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.host_memory import NotEnoughMemoryError


@pytest.fixture
def data(rng):
    X = rng.standard_normal((6, 1000)).astype("float32")
    return X, X[0] > X[1]


@pytest.fixture(params=["none starts", "one starts", "no thread to start them"])
def started(request, monkeypatch):
    """Helpers that the system starts, before it refuses: "can't start new thread"."""
    start, left = threading.Thread.start, {"one starts": 1}.get(request.param, 0)

    def refuse(*arguments):
        raise RuntimeError("can't start new thread")

    def start_some(thread):
        nonlocal left
        if thread.name.startswith("dnn_xp"):
            left -= 1
            if left < 0:
                refuse()
        start(thread)

    count = left
    if request.param == "no thread to start them":
        monkeypatch.setattr(_thread, "start_new_thread", refuse)
    else:
        monkeypatch.setattr(threading.Thread, "start", start_some)
    return count


def test_threads_that_cannot_start_are_fewer_threads(data, started, monkeypatch):
    how = {"hidden": [8], "iterations": 3, "block_size": 100}
    model = dnn_xp.train(*data, threads=4, **how)
    monkeypatch.undo()
    assert model.record.threads == 1 + started
    alone = dnn_xp.train(*data, threads=1, **how)
    assert model.theta.tobytes() == alone.theta.tobytes()


def test_without_a_reading_thread_blocks_are_read_by_those_that_compute(started):
    with Engine(3) as engine:
        read = lambda start, stop: (np.arange(start, stop),)  # noqa: E731
        total = engine.fold(lambda block: (block.sum(),), read, 100, 7, read_ahead=True)
    assert total == (4950,)


# Memory


def test_a_training_larger_than_this_machine_is_refused_before_anything_is_drawn(data, monkeypatch):
    def draw(*arguments, **more):
        raise AssertionError("drawn")

    monkeypatch.setattr("dnn_xp.training.train.initial_parameters", draw)
    monkeypatch.setattr("dnn_xp.training.gradient_check.initial_parameters", draw)
    for function in (dnn_xp.train, dnn_xp.gradient_check):
        with pytest.raises(
            NotEnoughMemoryError,
            match=r"needs up to [\d.]+ TiB on the host, .* for 8000000001 parameters; "
            r"this machine's memory is [\d.]+ GiB\. Make hidden layers smaller\.$",
        ):
            function(*data, hidden=[10**9])
    assert issubclass(NotEnoughMemoryError, MemoryError)


def test_the_smallest_limit_is_named(data, monkeypatch):
    monkeypatch.setattr(host_memory, "_control_group_limits", lambda: iter([2000, 1000]))
    monkeypatch.setattr(host_memory, "_address_space_left", lambda: 500)
    with pytest.raises(NotEnoughMemoryError, match=r"address space .*is 500 B"):
        dnn_xp.train(*data)
    monkeypatch.setattr(host_memory, "_address_space_left", lambda: None)
    with pytest.raises(NotEnoughMemoryError, match=r"control group is 1000 B"):
        dnn_xp.train(*data)


def test_blocks_that_do_not_fit_are_the_way_out_where_parameters_do(data, monkeypatch):
    monkeypatch.setattr(host_memory, "_address_space_left", lambda: 100_000)
    with pytest.raises(NotEnoughMemoryError, match="Pass a smaller block_size"):
        dnn_xp.train(*data, hidden=[8], block_size=1000, standardize=False)
    how = {"block_size": 16, "threads": 1, "iterations": 1, "standardize": False}
    assert dnn_xp.train(*data, hidden=[8], **how).theta.size == 65


def test_limits_of_control_groups_are_read_up_to_the_root(tmp_path, monkeypatch):
    groups, proc = tmp_path / "cgroup", tmp_path / "proc"
    for folder, limit in (("", "max"), ("outer", "3000"), ("outer/inner", "5000")):
        (groups / folder).mkdir(parents=True, exist_ok=True)
        (groups / folder / "memory.max").write_text(limit + "\n")
    (proc / "self").mkdir(parents=True)
    (proc / "self/cgroup").write_text("1:name=systemd:/x\n0::/outer/inner\n")
    monkeypatch.setattr(host_memory, "_CGROUPS", groups)
    monkeypatch.setattr(host_memory, "_PROC", proc)
    assert list(host_memory._control_group_limits()) == [5000, 3000]
    (proc / "self/cgroup").unlink()
    assert list(host_memory._control_group_limits()) == []
    assert host_memory._kilobytes("meminfo", "SwapTotal") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space on Linux")
def test_a_limit_of_the_address_space_is_heeded():
    code = """
import resource, numpy as np, dnn_xp
from dnn_xp.execution.host_memory import NotEnoughMemoryError
limit = 4 << 30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
X = np.ones((28, 100))
try:
    dnn_xp.train(X, np.arange(100) % 2, hidden=[30_000_000], threads=1)
except NotEnoughMemoryError as error:
    print(error)
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100
    )
    assert "the address space left to this process (ulimit -v) is" in run.stdout
