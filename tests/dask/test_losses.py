"""Workers that die, a scheduler that dies, Ctrl-C; workers that lack what they need."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest
from as_cuda import serve_as_cuda
from clusters import Killer, cluster, examples, same
from distributed import Client, LocalCluster
from refusals import refused

import dnn_xp
import dnn_xp.dask
from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.dask.cache import ChunkCache
from dnn_xp.dask.cluster import ClusterError, ranges_of
from dnn_xp.data.sources.base import ArraySource
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.tree import total

X, Y = examples()
SMALL = {"hidden": [8, 4], "iterations": 60, "block_size": 512}


@pytest.fixture
def threads():
    """Workers that are threads of this process."""
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as made,
        Client(made) as client,
    ):
        yield client


@pytest.fixture
def npy(tmp_path):
    np.save(tmp_path / "X.npy", X)
    return tmp_path / "X.npy"


@pytest.mark.bits
def test_workers_that_are_killed(npy):
    with cluster(3) as client:
        killed = 0
        for seed, given in enumerate((npy, X)):
            with Killer(client, seed, (0.1, 0.6)) as killer:
                model = dnn_xp.dask.train(client, given, Y, **SMALL)
            killed += killer.killed
            same(model, dnn_xp.train(given, Y, **SMALL))
        assert killed > 0


@pytest.mark.bits
def test_a_scheduler_that_is_gone(npy, tmp_path):
    how = SMALL | {"checkpoint": tmp_path / "kept", "checkpoint_every": 1}
    made = LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0", silence_logs=50
    )
    client = Client(made)

    def ends(iteration, cost, model):
        if iteration == 20:
            made.close()

    with pytest.raises(ClusterError, match=r"is gone.*resume=True"):
        dnn_xp.dask.train(client, npy, Y, **how, callbacks=[ends])
    client.close()
    with cluster(1) as client:
        model = dnn_xp.dask.train(client, npy, Y, **how, resume=True)
    assert model.history.iterations == dnn_xp.train(npy, Y, **SMALL).history.iterations
    assert (model.theta == dnn_xp.train(npy, Y, **SMALL).theta).all()


def test_an_interrupt_leaves_no_tasks(threads, npy):
    interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))

    def started(iteration, cost, model):
        if iteration == 5:  # before, a signal ends more than the training
            interrupt.start()

    how = SMALL | {"iterations": 100_000, "callbacks": [started]}
    model = dnn_xp.dask.train(threads, npy, Y, **how)
    assert model.stopped is dnn_xp.StopReason.INTERRUPTED
    for _ in range(100):
        left = threads.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
        if not left:
            break
        time.sleep(0.05)
    assert left == 0


@pytest.mark.bits
def test_a_gpu_of_each_worker(threads, npy, monkeypatch):
    backend = numpy_backend("numpy")._replace(library="stand-in", device_name="cuda:0")
    serve_as_cuda(monkeypatch, lambda: backend)
    expected = dnn_xp.train(npy, Y, **SMALL, device="cuda")
    same(dnn_xp.dask.train(threads, npy, Y, **SMALL, device="cuda"), expected)
    with refused(ArgumentValueError, "device | 'cuda:1' | 'cuda' on a cluster | dask-cuda ..."):
        dnn_xp.dask.train(threads, npy, Y, **SMALL, device="cuda:1")


def test_what_workers_lack(threads, npy, monkeypatch):
    monkeypatch.setattr("dnn_xp.dask.checks._version", lambda: "9.9.9")
    with refused(ArgumentValueError, "client | 2 workers with 9.9.9, the first at ... | ... | ..."):
        dnn_xp.dask.train(threads, X, Y, **SMALL)
    monkeypatch.undo()
    of_sources = dnn_xp.dask.examples._pickled

    def pickled_and_gone(source):
        data = of_sources(source)
        npy.rename(npy.with_suffix(".gone"))
        return data

    monkeypatch.setattr("dnn_xp.dask.examples._pickled", pickled_and_gone)
    with refused(
        ArgumentValueError, "X | ... cannot read: FileNotFoundError... | on storage ... | ..."
    ):
        dnn_xp.dask.train(threads, npy, Y, **SMALL)
    monkeypatch.undo()
    monkeypatch.setattr("dnn_xp.dask.checks._needed", lambda run, shared, threads: 1 << 60)
    with refused(ArgumentValueError, "client | ...a memory limit of ... | ... | start workers ..."):
        dnn_xp.dask.train(threads, X, Y, **SMALL)


@pytest.mark.parametrize("threads_of", [[1], [1, 1], [1] * 7, [4, 1, 2], [1] * 40])
@pytest.mark.parametrize("blocks", [1, 2, 5, 37, 1000])
def test_ranges_add_to_the_bits_of_one_sum(blocks, threads_of):
    values = np.random.default_rng(blocks).standard_normal(blocks * 3).astype(np.float32)
    ranges = ranges_of(blocks, threads_of)
    assert [first for first, _ in ranges] == [0, *(last for _, last in ranges[:-1])]
    assert ranges[-1][1] == blocks

    def of_block(block):
        return (np.sum(block, keepdims=True),)

    def read(start, stop):
        return (values[start:stop],)

    with Engine(2) as engine:
        expected = engine.fold(of_block, read, len(values), 3)
        nodes = [engine.nodes(of_block, read, len(values), 3, each) for each in ranges]
    found = total(node for each in reversed(nodes) for node in each)
    assert found[0].tobytes() == expected[0].tobytes()


def test_a_full_cache_keeps_what_it_has():
    cache = ChunkCache()
    for task in range(100):
        cache.begin(1000)
        for k in range(4):
            if cache.get(k) is None:
                cache.put(k, ArraySource(np.zeros((1, 50))))
        if task == 10:
            assert cache.held == 800
    # The first two chunks were read once, the others by each of 100 tasks.
    assert cache.read == 400 * (2 + 2 * 100)
    for _ in range(70):
        cache.begin(1000)
    cache.put(9, ArraySource(np.zeros((1, 100))))
    assert cache.get(9) is not None
    assert cache.held == 800
