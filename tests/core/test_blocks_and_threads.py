"""The engine: the same bits whatever the threads, the same sum whatever the blocks, bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

import dnn_xp
from dnn_xp.backends.choice import backend_named
from dnn_xp.backends.numpy import products
from dnn_xp.backends.numpy.settings import UFUNC_BUFFER
from dnn_xp.data.features import as_source
from dnn_xp.data.sources.base import ArraySource
from dnn_xp.execution.block_queue import BlockQueue
from dnn_xp.execution.engine import Engine, block_ranges
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.memory import Pass, Values, make_plan
from dnn_xp.execution.objective import Objective
from dnn_xp.execution.threads import default_threads
from dnn_xp.formulas import ACTIVATIONS, COSTS
from dnn_xp.formulas.network import Network

THREADS = (1, 2, 3, 8)


def our_threads():
    return [each.name for each in threading.enumerate() if each.name.startswith("dnn_xp")]


def blas_threads():
    """Threads of NumPy's own BLAS; SciPy brings another one, and MKL is loaded with one thread."""
    return [
        each["num_threads"]
        for each in threadpool_info()
        if each["internal_api"] == "openblas" and "scipy.libs" not in each["filepath"]
    ]


@pytest.fixture(name="XY", scope="module")
def examples():
    """1003 examples, a number that no block size divides."""
    rng = np.random.default_rng(11)
    X = rng.standard_normal((6, 1003)).astype("float32")
    return X, (X[0] * X[1] + X[2] > 0).astype(int)


# The same bits


@pytest.mark.bits
@pytest.mark.parametrize(
    "how",
    [
        {"block_size": 64},
        {"block_size": 1002},
        {"block_size": 100, "keep_prob": 0.7, "l2": 0.1, "optimizer": "momentum"},
        {"batch_size": 300, "block_size": 70},
        {"batch_size": 64, "keep_prob": 0.5},
        {"block_size": 50, "optimizer": "lbfgs"},
        {"block_size": 90, "standardize": True, "validation": 0.2, "examples": "rows"},
    ],
    ids=["64", "1002", "dropout", "batches", "batches-dropout", "lbfgs", "validation"],
)
def test_threads_change_no_bit(XY, how):
    X, Y = XY
    X = X.T if how.get("examples") == "rows" else X
    length = {"epochs": 3} if "batch_size" in how else {"iterations": 5}
    train = partial(dnn_xp.train, X, Y, hidden=[16, 8], **how, **length)
    first = train(threads=1)
    for threads in (*THREADS, 8):
        model = train(threads=threads)
        assert np.array_equal(model.theta, first.theta)
        assert model.history.costs == first.history.costs
        assert model.history.validation_costs == first.history.validation_costs


@pytest.mark.bits
def test_auto_blocks_change_no_bit_either(rng):
    X = rng.standard_normal((28, 40000)).astype("float32")
    Y = X[0] > X[1]
    models = [dnn_xp.train(X, Y, hidden=[32], iterations=3, threads=n) for n in THREADS]
    assert models[0].record.blocks > 1
    assert all(np.array_equal(model.theta, models[0].theta) for model in models)
    predictions = [models[0].predict_proba(X, threads=n) for n in THREADS]
    assert all(np.array_equal(each, predictions[0]) for each in predictions)
    evaluations = {models[0].evaluate(X, Y, threads=n) for n in THREADS}
    assert len(evaluations) == 1


@pytest.fixture(name="wide", scope="module")
def wide_examples():
    """Fewer examples than units fill a block with, and so many features that products are cut."""
    X = np.random.default_rng(5).standard_normal((9001, 210)).astype("float32")
    return X, (X[0] > X[1]).astype(int)


@pytest.mark.bits
def test_threads_that_share_the_features_change_no_bit(wide, tmp_path):
    X, Y = wide
    np.save(tmp_path / "X.npy", X)
    how = {"hidden": [20, 5], "iterations": 4}
    models = [dnn_xp.train(X, Y, threads=n, **how) for n in THREADS]
    assert [model.record.blocks for model in models] == [1] * len(THREADS)
    assert [model.record.threads for model in models] == [1, 2, 3, 3]
    models += [dnn_xp.train(tmp_path / "X.npy", Y, threads=n, **how) for n in THREADS]
    assert all(np.array_equal(model.theta, models[0].theta) for model in models)
    predictions = [models[0].predict_proba(X, threads=n) for n in THREADS]
    assert all(np.array_equal(each, predictions[0]) for each in predictions)


def test_reading_ahead_changes_no_bit(XY, tmp_path):
    X, Y = XY
    np.save(tmp_path / "X.npy", X.T)
    how = {"hidden": [8], "iterations": 4, "block_size": 90, "examples": "rows"}
    in_memory = dnn_xp.train(np.ascontiguousarray(X.T), Y, **how)
    for threads in THREADS:
        model = dnn_xp.train(tmp_path / "X.npy", Y, threads=threads, **how)
        assert np.array_equal(model.theta, in_memory.theta)
        labels = model.predict(tmp_path / "X.npy", examples="rows", threads=threads)
        assert np.array_equal(labels, in_memory.predict(X))


@pytest.mark.bits
def test_trainings_at_the_same_time_change_no_bit(XY):
    train = partial(dnn_xp.train, *XY, hidden=[8], iterations=10, block_size=100, threads=2)
    alone = train().theta
    with ThreadPoolExecutor(3) as pool:
        together = [future.result().theta for future in [pool.submit(train) for _ in range(3)]]
    assert all(np.array_equal(theta, alone) for theta in together)


# The same sum


@given(m=st.integers(1, 60), block_size=st.integers(1, 70), threads=st.sampled_from(THREADS))
def test_any_blocks_give_the_same_gradient(XY, m, block_size, threads):
    X, Y = (array[..., :m] for array in XY)
    network = Network(
        (6, 4, 1), (ACTIVATIONS["relu"], ACTIVATIONS["sigmoid"]), COSTS["binary_cross_entropy"]
    )
    rows = Examples(ArraySource(X), ArraySource(Y[None, :]), None)
    theta = np.random.default_rng(m).standard_normal(network.parameter_count)

    def at(block_size, threads):
        objective = Objective(
            network, backend_named("numpy"), dtype="float64", block_size=lambda m: block_size
        )
        with Engine(threads) as engine:
            return objective.using(engine).cost_and_gradient(theta, rows)

    J, gradient = at(block_size, threads)
    J_whole, gradient_whole = at(m, 1)
    assert float(J) == pytest.approx(float(J_whole), rel=1e-13)
    np.testing.assert_allclose(gradient, gradient_whole, rtol=1e-12, atol=1e-14)


@given(
    m=st.integers(1, 300),
    block_size=st.integers(1, 320),
    threads=st.sampled_from(THREADS),
    read_ahead=st.booleans(),
)
def test_fold_sums_integers_exactly(m, block_size, threads, read_ahead):
    with Engine(threads) as engine:
        total, count = engine.fold(
            lambda numbers: (sum(numbers), 1),
            lambda start, stop: (range(start, stop),),
            m,
            block_size,
            read_ahead=read_ahead,
        )
    assert total == m * (m - 1) // 2
    assert count == -(-m // block_size)


@given(blocks=st.integers(1, 70), threads=st.sampled_from(THREADS), read_ahead=st.booleans())
def test_fold_adds_along_one_tree(blocks, threads, read_ahead):
    def nested(threads, read_ahead=False):
        with Engine(threads) as engine:
            (text,) = engine.fold(
                lambda start: (str(start),),
                lambda start, stop: (start,),
                blocks,
                1,
                combine=lambda left, right: (f"({left[0]}+{right[0]})",),
                read_ahead=read_ahead,
            )
        return text

    text = nested(threads, read_ahead)
    assert text == nested(1)
    # In the order of the blocks, and no deeper than a binary tree has to be.
    assert text.replace("(", "").replace(")", "") == "+".join(map(str, range(blocks)))
    depth = max(text[:at].count("(") - text[:at].count(")") for at in range(len(text)))
    assert depth <= (blocks - 1).bit_length()


@given(m=st.integers(1, 60), block_size=st.integers(1, 70), threads=st.sampled_from(THREADS))
def test_map_keeps_the_order(m, block_size, threads):
    with Engine(threads) as engine:
        parts = engine.map(list, lambda start, stop: (range(start, stop),), m, block_size)
    assert [number for part in parts for number in part] == list(range(m))
    lengths = [stop - start for start, stop in block_ranges(m, block_size)]
    assert [len(part) for part in parts] == lengths


def test_a_float32_sum_over_1e8_examples_does_not_drift():
    m, block_size = 10**8, 373
    tenth = np.float32(0.1)
    with Engine(2) as engine:
        (total,) = engine.fold(
            lambda count: (tenth * count,),
            lambda start, stop: (np.float32(stop - start),),
            m,
            block_size,
        )
    exact = float(tenth) * m
    eps = float(np.finfo("float32").eps)
    assert total.dtype == np.float32
    assert abs(float(total) - exact) <= 4 * eps * exact
    # What adding one block after the other would give.
    one_by_one = np.cumsum(np.full(m // block_size, tenth * np.float32(block_size)))[-1]
    assert abs(float(one_by_one) - exact) > 100 * eps * exact


# Threads come and go


@pytest.mark.parametrize("read_ahead", [False, True])
@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_an_error_in_a_block_is_raised_and_no_thread_stays(threads, read_ahead, error):
    done = []

    def failing(start):
        if start == 5:
            raise error("block 5")
        done.append(start)
        return (start,)

    with Engine(threads) as engine:
        with pytest.raises(error, match="block 5"):
            engine.fold(failing, lambda start, stop: (start,), 1000, 1, read_ahead=read_ahead)
        assert len(done) < 1000
        # The engine is none the worse for it.
        assert engine.fold(lambda start: (start,), lambda start, stop: (start,), 10, 1) == (45,)
    assert our_threads() == []


@pytest.mark.parametrize("read_ahead", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_while_reading_is_raised(threads, read_ahead):
    def read(start, stop):
        if start == 7:
            raise OSError("disk gone")
        return (start,)

    with Engine(threads) as engine, pytest.raises(OSError, match="disk gone"):
        engine.fold(lambda start: (start,), read, 100, 1, read_ahead=read_ahead)
    assert our_threads() == []


@pytest.mark.parametrize("read_ahead", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("where", ["reading", "computing"])
def test_an_error_lets_go_of_its_blocks_at_once(where, threads, read_ahead, no_collector):
    """Memory that ran out is needed for smaller blocks before a garbage collector comes by."""
    blocks = []

    def read(start, stop):
        block = np.ones(1000)
        blocks.append(weakref.ref(block))
        if where == "reading" and start == 4:
            raise MemoryError(f"no room for {block.nbytes} bytes")
        return (block,)

    def compute(block):
        if where == "computing":
            raise MemoryError(f"no room for {block.nbytes} bytes")
        return (block.sum(),)

    with Engine(threads) as engine:
        # pytest.raises would keep the error, and what it holds.
        with suppress(MemoryError):
            engine.fold(compute, read, 10, 1, read_ahead=read_ahead)
            pytest.fail("no error")
        assert blocks
        assert [block() for block in blocks if block() is not None] == []


def test_an_error_in_training_leaves_nothing_behind(XY):
    X, Y = XY
    before = blas_threads()

    def fail(iteration, cost, model):
        raise RuntimeError("from the callback")

    with pytest.raises(RuntimeError, match="from the callback"):
        dnn_xp.train(X, Y, block_size=50, threads=3, callbacks=[fail])
    assert our_threads() == []
    assert blas_threads() == before


@pytest.mark.parametrize("threads", THREADS)
def test_an_error_in_a_part_of_a_product_is_raised(threads, monkeypatch):
    def failing(x1, x2, out=None):
        raise FloatingPointError("in a part")

    monkeypatch.setattr(products, "_whole", failing)
    W, X = np.ones((30, 9000), np.float32), np.ones((9000, 200), np.float32)
    with Engine(threads) as engine, pytest.raises(FloatingPointError, match="in a part"):
        engine.fold(lambda X: (products.matmul(W, X),), lambda start, stop: (X,), 200, 200)
    assert our_threads() == []


def test_one_block_starts_no_thread_for_small_products(XY):
    seen = []
    model = dnn_xp.train(
        *XY,
        hidden=[4],
        iterations=3,
        threads=4,
        block_size=1003,
        callbacks=[lambda *report: seen.extend(our_threads())],
    )
    assert seen == []
    assert model.record.threads == 1


def trained_on_eight_threads(data, **how):
    """The model, and the names of the engine's threads besides the calling one."""
    seen = set()
    watch = [lambda *report: seen.update(our_threads())]
    return dnn_xp.train(*data, iterations=3, threads=8, callbacks=watch, **how), seen


def test_as_many_threads_as_parts_of_a_product_at_most(wide):
    model, seen = trained_on_eight_threads(wide, hidden=[20], standardize=False)
    # 20 * 9001 * 210 multiplications make 3 parts; the calling thread takes one of them.
    assert (model.record.blocks, model.record.threads, len(seen)) == (1, 3, 2)


def test_as_many_threads_as_blocks_at_most(XY):
    model, seen = trained_on_eight_threads(XY, hidden=[4], block_size=400)
    # 3 blocks: the calling thread takes one of them.
    assert len(seen) == 2
    assert model.record.threads == 3
    assert our_threads() == []


def test_no_more_threads_than_the_largest_run_asked_for():
    def numbers(start, stop):
        return (np.arange(start, stop),)

    with Engine(8) as engine:
        for blocks, helpers in ((1, 0), (2, 1), (3, 2), (2, 2), (5, 4)):
            # Many times: a helper that is done may not have asked for work yet when the next comes.
            for _ in range(50):
                engine.fold(lambda array: (array.sum(),), numbers, blocks, 1)
            assert len(our_threads()) == helpers
    assert our_threads() == []


@pytest.mark.parametrize("late", [0.0, 0.05])
def test_helpers_are_waited_for(late):
    """Awake at first, asleep when they take long."""
    done = []

    def work(start):
        if threading.current_thread() is not threading.main_thread():
            time.sleep(late)
        done.append(start)
        return (start,)

    with Engine(4) as engine:
        for count in (4, 2, 1):
            done.clear()
            engine.fold(work, lambda start, stop: (start,), count, 1)
            assert sorted(done) == list(range(count))


def test_each_block_is_handed_to_one_thread_alone():
    """Where there is no interpreter lock, this is what is left to get wrong."""
    ranges = [(start, start + 1) for start in range(20_000)]
    blocks = BlockQueue(ranges, lambda start, stop: (start,))
    barrier = threading.Barrier(8, timeout=20)

    def take(_):
        barrier.wait()
        return [(index, *arguments) for index, arguments in blocks]

    with ThreadPoolExecutor(8) as pool:
        taken = [pair for pairs in pool.map(take, range(8)) for pair in pairs]
    assert sorted(taken) == [(start, start) for start in range(20_000)]


def test_errstate_holds_on_every_thread():
    barrier = threading.Barrier(2, timeout=20)

    def overflow(start):
        barrier.wait()
        return (np.float32(1e38) * np.float32(start + 10),)

    with np.errstate(over="ignore"), Engine(2) as engine:
        assert engine.fold(overflow, lambda start, stop: (start,), 2, 1) == (np.inf,)


def test_the_ufunc_buffer_is_numpys_backend_on_every_thread_and_the_users_afterwards():
    barrier = threading.Barrier(2, timeout=20)
    active = backend_named("numpy").active

    def size(start):
        barrier.wait()
        return (np.getbufsize(),)

    before = np.setbufsize(4096)
    try:
        with active(), Engine(2) as engine:
            assert engine.fold(size, lambda start, stop: (start,), 2, 1) == (2 * UFUNC_BUFFER,)
            with active():
                pass
            assert np.getbufsize() == UFUNC_BUFFER
        assert np.getbufsize() == 4096
    finally:
        np.setbufsize(before)


# BLAS is held to one thread, and let go


def test_blas_is_restored_after_nested_use():
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        with Engine(2):
            assert set(blas_threads()) == {1}
            with Engine(1):
                assert set(blas_threads()) == {1}
            assert set(blas_threads()) == {1}
        assert blas_threads() == before


def test_blas_is_restored_after_a_failure():
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        with pytest.raises(ZeroDivisionError), Engine(2) as engine:
            engine.fold(lambda start: (1 / 0,), lambda start, stop: (start,), 10, 1)
        assert blas_threads() == before


def test_blas_is_restored_after_the_last_of_several_at_once():
    first_in, second_out = threading.Event(), threading.Event()
    seen = {}

    def early():
        with Engine(1):
            first_in.set()
            second_out.wait(20)
            seen["while the other is at work"] = set(blas_threads())

    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        thread = threading.Thread(target=early)
        thread.start()
        first_in.wait(20)
        with Engine(1):
            seen["both at work"] = set(blas_threads())
        seen["one has left"] = set(blas_threads())
        second_out.set()
        thread.join()
        assert blas_threads() == before
    assert seen == {
        "both at work": {1},
        "one has left": {1},
        "while the other is at work": {1},
    }


def test_blas_is_restored_by_another_thread_than_the_one_that_set_it():
    main_in, seen = threading.Event(), {}

    def first_in_first_out():
        with Engine(1):
            entered.set()
            main_in.wait(20)
        left.set()
        # Alive until the end: threadpoolctl lets the first thread that sets OpenBLAS own it.
        done.wait(20)

    entered, left, done = threading.Event(), threading.Event(), threading.Event()
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        thread = threading.Thread(target=first_in_first_out)
        thread.start()
        entered.wait(20)
        with Engine(1):
            main_in.set()
            left.wait(20)
            seen["main alone"] = set(blas_threads())
        after = blas_threads()
        done.set()
        thread.join()
    assert seen == {"main alone": {1}}
    assert after == before


def test_others_may_limit_blas_after_an_engine():
    used, done = threading.Event(), threading.Event()

    def use_and_stay():
        with Engine(1):
            pass
        used.set()
        done.wait(20)

    thread = threading.Thread(target=use_and_stay)
    thread.start()
    used.wait(20)
    seen = []
    for limit in (1, 2):
        with threadpool_limits(limits=limit, user_api="blas"):
            seen.append(set(blas_threads()))
    done.set()
    thread.join()
    assert seen == [{1}, {2}]


# How many threads


@pytest.mark.parametrize(
    ("omp", "expected"),
    [(None, 6), ("3", 3), ("8", 6), ("4,2", 4), (" 2 ", 2), ("", 6), ("many", 6), ("0", 1)],
)
def test_default_threads_heeds_affinity_and_omp(monkeypatch, omp, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    if omp is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", omp)
    assert default_threads() == expected


def test_default_threads_without_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert default_threads() == 5


def test_the_threads_argument_counts_most(XY, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert dnn_xp.train(*XY, iterations=1, block_size=100).record.threads == 1
    assert dnn_xp.train(*XY, iterations=1, block_size=100, threads=3).record.threads == 3


# Memory


def of_relu(sizes):
    """A network of these sizes."""
    relu, identity = ACTIVATIONS["relu"], ACTIVATIONS["identity"]
    activations = (*(relu for _ in sizes[2:]), identity)
    return Network(sizes, activations, COSTS["squared_error"])


def gradient_peak(sizes, m, block_size, threads, dtype="float32", standardized_from=None):
    """Bytes that one exact gradient takes beyond X, Y and theta, at its peak."""
    rng = np.random.default_rng(0)
    X = (9.0 * rng.standard_normal((sizes[0], m))).astype(standardized_from or dtype)
    Y = rng.standard_normal((sizes[-1], m)).astype(dtype)
    network, one = of_relu(sizes), np.ones((sizes[0], 1))
    objective = Objective(
        network,
        backend_named("numpy"),
        dtype=dtype,
        block_size=lambda m: block_size,
        standardization=(one, one) if standardized_from else None,
    )
    theta = (0.1 * rng.standard_normal(network.parameter_count)).astype(dtype)
    rows = Examples(as_source(X), as_source(Y, argument="Y"), None)
    with Engine(threads) as engine:
        working = objective.using(engine)
        working.gradient(theta, rows)
        tracemalloc.start()
        try:
            working.cost_and_gradient(theta, rows)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sizes", [(28, 32, 32, 1), (100, 40, 10), (10, 150, 150, 3)])
def test_memory_is_bounded_by_blocks_and_planned(sizes, threads):
    block_size = 2000
    # With one thread, because two need not be at their peak together.
    one = gradient_peak(sizes, 20_000, block_size, 1)
    large = gradient_peak(sizes, 80_000, block_size, threads)
    plan = make_plan(
        of_relu(sizes),
        Pass(80_000, block_size),
        X=Values("float32", "float32"),
        threads=threads,
        optimizer_vectors=0,
    )
    assert large <= 1.1 * threads * one
    assert large <= plan.host_peak_bytes
    assert plan.host_peak_bytes <= 3.0 * threads * one


@pytest.mark.parametrize("given", ["float32", "float64", "int64"])
def test_memory_of_standardizing_many_features_is_planned(given):
    sizes, block_size = (500, 8, 1), 1000
    measured = gradient_peak(sizes, 4000, block_size, 1, standardized_from=given)
    plan = partial(dnn_xp.plan, hidden=[8], dtype="float32", block_size=block_size, threads=1)
    X = np.empty((500, 4000), given)
    standardized = plan(X, standardize=True).host_peak_bytes
    assert plan(X, standardize=False).host_peak_bytes < measured <= standardized <= 2.0 * measured


@pytest.mark.parametrize("standardize", [False, True])
def test_the_plan_is_that_of_the_training(rng, standardize):
    X = rng.standard_normal((280, 5_000)).astype("float32")
    how = {"hidden": [32, 16], "threads": 2, "standardize": standardize}
    model = dnn_xp.train(X, X[0] > 0, iterations=1, **how)
    for asked in (X, (280, 5_000)):
        plan = dnn_xp.plan(asked, dtype="float32", **how)
        assert str(plan) == model.settings["plan"]
        assert (plan.block_size, plan.blocks, plan.threads) == (
            model.record.block_size,
            model.record.blocks,
            model.record.threads,
        )


def test_threads_that_share_one_block_read_no_more_blocks_ahead():
    step = Pass(210, 210, bytes_ahead=36_004)
    plan = partial(make_plan, of_relu((9001, 20, 1)), step, X=Values("float32", "float32"))
    assert plan(threads=3).threads == 3
    assert plan(threads=3).host_peak_bytes == plan(threads=1).host_peak_bytes


def test_a_plan_takes_dtypes_as_training_does():
    named = dnn_xp.plan((8, 5000), dtype="float64")
    assert (
        dnn_xp.plan((8, 5000), dtype=np.float64)
        == dnn_xp.plan((8, 5000), dtype=np.dtype("f8"))
        == named
    )
    assert dnn_xp.plan((8, 5000), dtype=np.float32) != named


def test_planned_memory_grows_with_threads_not_with_examples():
    plan = partial(dnn_xp.plan, hidden=[32, 32], dtype="float32", block_size=4096)

    def beyond_labels(m, threads):
        return plan((28, m), threads=threads).host_peak_bytes - m  # a byte each

    few = beyond_labels(10**7, 2)
    assert beyond_labels(10**9, 2) < 1.1 * few
    assert beyond_labels(10**7, 4) > 1.7 * few


LBFGS = """
import hashlib, numpy as np, dnn_xp
X = np.random.default_rng(0).standard_normal((20, 3000)).astype("float32")
model = dnn_xp.train(X, X[0] * X[1] > 0, hidden=[64], optimizer="lbfgs", iterations=15)
print(hashlib.sha256(np.asarray(model.theta).tobytes()).hexdigest())
"""


@pytest.mark.bits
def test_lbfgs_in_processes_with_other_blas_threads():
    def digest(threads):
        run = subprocess.run(
            [sys.executable, "-c", LBFGS],
            env=os.environ | {"OPENBLAS_NUM_THREADS": str(threads)},
            capture_output=True,
            text=True,
            check=True,
        )
        return run.stdout

    assert digest(1) == digest(2) == digest(3)
