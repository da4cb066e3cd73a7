"""Data that does not fit on the device: copied block by block beside the arithmetic, with the same result."""

from __future__ import annotations

import gc
import importlib
import threading

import numpy as np
import pytest
from cuda_stand_in import CudaStandIn
from namespaces import require

import dnn_xp
from dnn_xp.backends.staging import Staging, receiving
from dnn_xp.data.sources.base import ArraySource
from dnn_xp.data.sources.labels import LabelSource
from dnn_xp.execution.engine import blocks_in_flight
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.placement import StreamedSource
from dnn_xp.training.batches import Batches
from dnn_xp.training.memory import checking_bytes

M, BLOCK = 603, 48
BLOCKS = -(-M // BLOCK)
FULL = {"hidden": [5], "iterations": 5, "device": "cuda", "block_size": BLOCK}
X_ONLY = 10_000  # bytes of a device that holds Y, or a tenth of X, but not X


@pytest.fixture
def data(rng):
    X = rng.standard_normal((4, M))
    return X, X[0] * X[1] > 0


@pytest.fixture
def resident(monkeypatch):
    """Trains where everything fits."""

    def train(*given, **how):
        CudaStandIn().use(monkeypatch)
        return dnn_xp.train(*given, **FULL | how)

    return train


def streamed(monkeypatch, *given, memory=X_ONLY, failing_copy=None, eager=False, **how):
    """The model of a device where X does not fit, and the device."""
    device = CudaStandIn(memory=memory, failing_copy=failing_copy, eager=eager).use(monkeypatch)
    return dnn_xp.train(*given, **FULL | how), device


def threads_left():
    return [each.name for each in threading.enumerate() if each.name.startswith("dnn_xp")]


# The same result


HOW = {
    "full batch": {},
    "dropout": {"keep_prob": 0.7, "l2": 0.1},
    "batches": {"iterations": None, "epochs": 3, "batch_size": 100, "block_size": 30},
    "weights": {"sample_weight": np.arange(M) + 1.0, "standardize": True},
    "validation": {"validation": (np.eye(4), [0, 1, 0, 1])},
    "float32": {"dtype": "float32"},
}


@pytest.mark.parametrize("eager", [False, True], ids=["late", "early"])
@pytest.mark.parametrize("memory", [X_ONLY, 100], ids=["X", "all"])
@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_streamed_examples_give_the_same_bits(how, memory, eager, data, resident, monkeypatch):
    X, Y = data
    expected = resident(X, Y, **how)
    model, device = streamed(monkeypatch, X, Y, memory=memory, eager=eager, **how)
    assert model.theta.tobytes() == expected.theta.tobytes()
    assert model.history.costs == expected.history.costs
    assert model.history.validation_costs == expected.history.validation_costs
    copied = len(device.copies)
    assert np.array_equal(model.predict_proba(X), expected.predict_proba(X))
    assert model.evaluate(X, Y) == expected.evaluate(X, Y)
    assert len(device.copies) > copied


def test_a_regression_streams_y_twice_in_one_pass(data, resident, monkeypatch):
    X, _ = data
    Y = np.stack([X[0] * X[1], X[2] - X[3]])
    expected = resident(X, Y)
    model, _ = streamed(monkeypatch, X, Y, memory=100)
    assert model.theta.tobytes() == expected.theta.tobytes()
    assert model.evaluate(X, Y) == expected.evaluate(X, Y)


def in_memory_order(X, order):
    """The same X as a view with other strides."""
    if order == "rows":
        return np.ascontiguousarray(X.T).T
    if order == "every other column":
        return np.repeat(X, 2, axis=1)[:, ::2]
    if order == "some rows of a larger array":
        return np.concatenate([X, X])[: len(X)]
    return np.concatenate([X, X]).T.copy()[:, : len(X)].T


@pytest.mark.parametrize(
    "order", ["rows", "every other column", "some rows of a larger array", "part of each row"]
)
@pytest.mark.parametrize("dtype", ["float64", "int16", "float16"])
def test_any_memory_order_and_dtype(order, dtype, data, resident, monkeypatch):
    X, Y = data
    X = in_memory_order((4 * X).astype(dtype), order)
    expected = resident(X, Y)
    model, device = streamed(monkeypatch, X, Y, memory=100)
    assert model.theta.tobytes() == expected.theta.tobytes()
    assert device.copied_bytes >= X.nbytes


@pytest.mark.parametrize("how", [{}, {"iterations": None, "epochs": 3, "batch_size": 100}])
def test_files_are_streamed(how, data, resident, tmp_path, monkeypatch):
    X, Y = data
    np.save(tmp_path / "X.npy", X.T)
    # A file of one run is shuffled like an array.
    expected = resident(X.T.copy(), Y, examples="rows", **how)
    model, device = streamed(
        monkeypatch, tmp_path / "X.npy", Y, memory=None, examples="rows", **how
    )
    assert model.theta.tobytes() == expected.theta.tobytes()
    labels = model.predict(tmp_path / "X.npy", examples="rows")
    assert np.array_equal(labels, expected.predict(X))
    assert device.copies


def test_blocks_keep_their_order_in_memory(rng):
    device = CudaStandIn()
    upload = Staging(device.transfers(), 3)
    rows = rng.standard_normal((6, 4))
    for block in (rows.T, np.ascontiguousarray(rows.T), rows.T[:, 1:3], rows[:, 1:3]):
        arriving = upload(block)
        (seen,) = device.launch(receiving(lambda X: (X.copy(),)), arriving.receive())
        assert np.array_equal(seen.read(), block)
        by_columns = block.strides[0] < block.strides[1]
        assert arriving.receive().flags.f_contiguous == by_columns
        assert arriving.receive().flags.c_contiguous != by_columns


def in_runs_of(examples, monkeypatch):
    """Mini-batches of what is streamed come in runs of that many examples of `data`."""
    monkeypatch.setattr("dnn_xp.training.batches._SHUFFLE_BYTES", examples * 8 * (4 + 1))


@pytest.mark.parametrize("eager", [False, True], ids=["late", "early"])
@pytest.mark.parametrize("order", ["rows", "columns"])
@pytest.mark.parametrize("memory", [X_ONLY, 100], ids=["X", "all"])
def test_runs_of_mini_batches_are_those_of_a_file(
    memory, order, eager, data, tmp_path, monkeypatch
):
    X, Y = data
    how = {"iterations": None, "epochs": 3, "batch_size": 20, "block_size": 8}
    how |= {"sample_weight": np.arange(M) + 1.0}
    in_runs_of(120, monkeypatch)
    np.save(tmp_path / "X.npy", X)
    expected = dnn_xp.train(tmp_path / "X.npy", Y, **FULL | how | {"device": "cpu"})
    given = np.ascontiguousarray(X.T).T if order == "rows" else X
    model, device = streamed(monkeypatch, given, Y, memory=memory, eager=eager, **how)
    assert model.theta.tobytes() == expected.theta.tobytes()
    assert model.history.costs == expected.history.costs
    # Every byte of X came on the stream of copies: three epochs, and the cost before and after each.
    assert device.copied_bytes >= 7 * X.nbytes
    if memory < X_ONLY:
        assert max(device.placed) < 120 * 8


# How often, and when


def test_what_fits_is_put_there_once(data, resident, monkeypatch):
    X, Y = data
    device = CudaStandIn(memory=10 * X.nbytes).use(monkeypatch)
    dnn_xp.train(X, Y, **FULL)
    assert device.placed.count(X.nbytes) == 1
    assert device.copies == []


def test_a_block_travels_once_a_pass(data, monkeypatch):
    X, Y = data
    _, device = streamed(monkeypatch, X, Y)
    # Five gradients, and the cost at the end.
    assert len(device.copies) == 6 * BLOCKS
    assert device.copied_bytes == 6 * X.nbytes
    assert X.nbytes not in device.placed


def test_copies_do_not_wait_for_the_arithmetic_of_the_blocks_before(data, monkeypatch):
    X, Y = data
    _, device = streamed(monkeypatch, X, Y)
    buffers = blocks_in_flight(1)
    # Once every buffer is there and was used, the copy of block j waits for the arithmetic of block
    # j - 3 and no later one: it runs beside that of blocks j - 2 and j - 1.
    later = range(2 * buffers, len(device.copies))
    assert device.copies[later.start :] == [block - buffers + 1 for block in later]


@pytest.mark.parametrize("eager", [False, True], ids=["late", "early"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_run_stays_until_the_arithmetic_on_it_is_over(order, eager, monkeypatch):
    device = CudaStandIn(memory=0, eager=eager)
    backend = device.backend()
    monkeypatch.setattr("dnn_xp.training.batches._SHUFFLE_BYTES", 60 * 8 * (2 + 1))
    Y = np.arange(600.0)[np.newaxis]
    X = np.asarray(np.concatenate([Y, -Y]), order=order)
    examples = Examples(*(StreamedSource(ArraySource(each), backend) for each in (X, Y)), None)
    seen = []
    for batch in Batches(examples, 20).epoch(np.random.default_rng(0)):
        X_of, Y_of, _ = batch.block(0, batch.m)
        seen.append(device.launch(lambda X, Y: np.concatenate([X, Y]), X_of, Y_of))
    # Nothing was asked for until now: the device is as far behind as it can be.
    values = np.concatenate([each.read() for each in seen], axis=1)
    assert np.array_equal(np.sort(values[0]), Y[0])
    assert np.array_equal(values[1:], [-values[0], values[0]])
    assert device.memory.peak <= 3 * 60 * 8 * (2 + 1)


def test_no_more_blocks_are_on_the_device_than_are_on_their_way(data, monkeypatch):
    X, Y = data
    _, device = streamed(monkeypatch, X, Y, iterations=20)
    block = X[:, :BLOCK].nbytes
    assert device.memory.peak == device.pinned.peak == blocks_in_flight(1) * block
    gc.collect()
    assert device.memory.used == device.pinned.used == 0


@pytest.mark.parametrize("how", [{}, {"iterations": None, "epochs": 1, "batch_size": 100}])
def test_what_is_there_is_taken_by_the_thread_that_computes(how, data, monkeypatch):
    X, Y = data
    monkeypatch.setattr("dnn_xp.execution.placement._SMALL", 0)
    names = []

    def block(self, start, stop):
        names.append(threading.current_thread().name)
        return blocks(self, start, stop)

    blocks = LabelSource.block
    monkeypatch.setattr(LabelSource, "block", block)
    streamed(monkeypatch, X, Y, **how)
    assert set(names) == {threading.current_thread().name}


# What goes wrong


@pytest.mark.parametrize("number", [0, 1, 20])
def test_a_copy_that_fails_is_raised_and_nothing_hangs(number, data, resident, monkeypatch):
    X, Y = data
    with pytest.raises(RuntimeError, match="cudaErrorIllegalAddress"):
        streamed(monkeypatch, X, Y, failing_copy=number)
    assert threads_left() == []
    assert streamed(monkeypatch, X, Y)[0].theta.tobytes() == resident(X, Y).theta.tobytes()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("where", ["memory", "pinned"])
@pytest.mark.parametrize(("size", "room"), [(256, 192), (128, 192), (128, 256)])
def test_blocks_are_halved_where_buffers_do_not_fit(where, size, room, data, resident, monkeypatch):
    X, Y = data
    device = CudaStandIn(memory=X_ONLY).use(monkeypatch)
    # Of three buffers of 128 examples one or two fit, of 256 none.
    getattr(device, where).room = X[:, :room].nbytes
    with pytest.warns(dnn_xp.BlockSizeWarning, match="memory ran out with blocks of") as warned:
        model = dnn_xp.train(X, Y, **FULL | {"block_size": size})
    assert len(warned) == device.released == size // 128
    assert model.record.block_size == 64
    assert model.theta.tobytes() == resident(X, Y, block_size=64).theta.tobytes()
    assert threads_left() == []


@pytest.mark.usefixtures("no_collector")
def test_buffers_make_room_when_the_arithmetic_does_not_fit(data, resident, monkeypatch):
    X, Y = data
    device = CudaStandIn(memory=X_ONLY, examples=64).use(monkeypatch)
    with pytest.warns(dnn_xp.BlockSizeWarning):
        model = dnn_xp.train(X, Y, **FULL | {"block_size": 128})
    assert model.theta.tobytes() == resident(X, Y, block_size=64).theta.tobytes()
    assert device.memory.used <= blocks_in_flight(1) * X[:, :64].nbytes


# The rules, one by one, on the device's own terms


def block_of(value, examples=8):
    return np.full((2, examples), float(value))


def sum_on(device, X):
    """The sum of X, to be computed when it is read."""
    return device.launch(lambda X: X.sum(), X)


def test_memory_freed_by_others_is_overwritten_after_their_arithmetic():
    device = CudaStandIn()
    memory = device.memory.allocate(block_of(0).nbytes)
    temporary = memory.view(float).reshape(2, 8)
    temporary[...] = 1.0
    total = sum_on(device, temporary)
    del memory, temporary
    staging = Staging(device.transfers(), 1)
    staging(block_of(5))
    assert device.memory.free == []
    device.finish_copies()
    assert float(total) == 16.0


@pytest.mark.parametrize("how", ["forget", "drop"])
def test_a_copy_that_nobody_received_does_not_reach_into_later_arrays(how):
    device = CudaStandIn()
    staging = Staging(device.transfers(), 1)
    staging(block_of(5))
    if how == "forget":
        staging.free_buffers()
    else:
        del staging
    values = device.memory.allocate(block_of(0).nbytes).view(float)
    assert device.memory.free == []
    values[...] = 1.0
    total = sum_on(device, values)
    device.finish_copies()
    assert float(total) == 16.0


def test_a_buffer_that_grows_waits_for_its_last_copy():
    device = CudaStandIn()
    staging = Staging(device.transfers(), 1)
    for examples in (8, 4, 16):
        total = sum_on(device, receive(staging(block_of(3, examples))))
        assert float(total) == 6.0 * examples


def test_a_buffer_that_grows_lets_the_smaller_one_go_first():
    device = CudaStandIn(room=block_of(1, 16).nbytes)
    staging = Staging(device.transfers(), 1)
    for examples in (8, 16):
        assert receive(staging(block_of(1, examples))).shape == (2, examples)


def test_more_blocks_than_buffers_do_not_share_one():
    device = CudaStandIn()
    staging = Staging(device.transfers(), 1)
    arriving = [staging(block_of(value)) for value in range(4)]
    totals = [sum_on(device, each.receive()) for each in arriving]
    assert [float(total) for total in totals] == [0.0, 16.0, 32.0, 48.0]


def receive(arriving):
    array = arriving.receive()
    arriving.release()
    return array


def test_blocks_are_released_after_an_error():
    device = CudaStandIn()
    staging = Staging(device.transfers(), 1)

    def fails(X):
        raise ValueError("no")

    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            receiving(fails)(staging(block_of(1)))
    assert device.memory.peak == block_of(1).nbytes


# The plan


def test_the_plan_counts_blocks_on_their_way_and_not_the_whole(data, monkeypatch):
    X, Y = data
    fits = CudaStandIn().use(monkeypatch)
    assert X.nbytes + Y.size * 8 < dnn_xp.plan(X, **PLAN).device_peak_bytes
    assert dnn_xp.plan(X, **PLAN).data_bytes == X.nbytes + Y.size * 8
    assert fits.copies == []
    CudaStandIn(memory=X_ONLY).use(monkeypatch)
    plan = dnn_xp.plan(X, **PLAN)
    ahead = blocks_in_flight(1) * X[:, :BLOCK].nbytes
    assert plan.data_bytes == 8 * M  # labels, as a row of numbers
    assert plan.host_peak_bytes == max(ahead + X[:, :BLOCK].nbytes, checking(read=False)) + M
    assert plan.device_peak_bytes == plan.block_bytes + plan.parameter_bytes + 8 * M + ahead


def checking(*, read):
    """Bytes of looking at X and Y, which is over before a block travels."""
    how = {"standardize": False, "threads": 1, "split": False}
    return checking_bytes(4, M, given="float64", read=read, **how)


PLAN = {"hidden": [5], "device": "cuda", "block_size": BLOCK, "standardize": False}


@pytest.mark.parametrize("of_file", [False, True])
def test_the_plan_of_a_training_counts_what_was_placed(of_file, data, plans, tmp_path, monkeypatch):
    X, Y = data
    np.save(tmp_path / "X.npy", X)
    given = tmp_path / "X.npy" if of_file else X
    streamed(monkeypatch, given, Y, iterations=1, standardize=False)
    ahead = blocks_in_flight(1) * X[:, :BLOCK].nbytes
    (plan,) = plans
    assert plan.data_bytes == 8 * M  # Y, as a row of numbers
    assert plan.device_peak_bytes == plan.block_bytes + plan.parameter_bytes + 8 * M + ahead
    most = max(ahead + X[:, :BLOCK].nbytes, checking(read=of_file))
    assert plan.host_peak_bytes == most + M  # and the labels' codes


# With CUDA


@pytest.mark.gpu
@pytest.mark.parametrize("how", [{}, {"keep_prob": 0.7}, {"dtype": "float32"}])
def test_cuda_streams_what_the_pool_may_not_hold(how, data):
    def load():
        problem = importlib.import_module("dnn_xp.backends.cuda.backend").why_not_cuda(0)
        if problem is not None:
            raise RuntimeError(problem)
        return importlib.import_module("cupy")

    pool = require("cupy", load).get_default_memory_pool()
    X = np.tile(data[0], 200)
    Y = np.tile(data[1], 200)
    how = {"hidden": [5], "iterations": 5, "device": "cuda", "block_size": 2000} | how
    expected = dnn_xp.train(X, Y, **how)
    pool.free_all_blocks()
    before = pool.get_limit()
    pool.set_limit(size=pool.used_bytes() + X.nbytes // 2)
    try:
        model = dnn_xp.train(X, Y, **how)
    finally:
        pool.set_limit(size=before)
    np.testing.assert_allclose(model.theta.get(), expected.theta.get(), rtol=0, atol=1e-6)
