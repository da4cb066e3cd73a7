"""Steps that are captured once and replayed: the same numbers, new arrays every time, and a way back."""

from __future__ import annotations

import types
from functools import partial

import numpy as np
import pytest
from as_cuda import serve_as_cuda

import dnn_xp
from dnn_xp.backends.cuda.graphs import GraphRuntime, Replay, graph_runtime, joined
from dnn_xp.backends.numpy.backend import numpy_backend


class Device:
    """A graph on NumPy arrays.

    While a step is captured nothing is computed, so what it makes is poisoned. A launch computes
    the step from the captured arrays, whatever they hold by then, into the captured result.
    """

    def __init__(self, fails=None):
        self.fails = fails
        self.capturing = False
        self.captures = self.launches = self.copies = 0
        self.result = None

    def runtime(self):
        return GraphRuntime(self.empty, self.copy, self.concat, self.capture)

    def empty(self, shape, dtype):
        return np.full(shape, 77, dtype=dtype)

    def copy(self, target, source):
        if not self.capturing:
            self.copies += 1
            target[...] = source

    def concat(self, arrays, out):
        if self.capturing:
            self.result = out
            out[...] = np.nan
        else:
            joined(arrays, self.result)
        return out

    def capture(self, work):
        if self.fails is not None:
            raise self.fails
        self.captures += 1
        self.capturing = True
        work()
        self.capturing = False

        def launch():
            self.launches += 1
            work()

        return launch

    def backend(self):
        return numpy_backend()._replace(
            device_name="cuda:0", replay=partial(Replay, runtime=self.runtime()), asynchronous=True
        )


def step(arrays, numbers):
    x, y = arrays
    return x + numbers["rate"] * y, y * numbers["decay"], (x * y).sum()


def test_replayed_steps_give_what_steps_give(rng):
    device = Device()
    replay = Replay(step, device.runtime())
    x, y = rng.standard_normal((2, 5))
    kept, expected = [], []
    state, plain = (x, y), (x, y)
    for number in range(6):
        numbers = {"rate": 0.1 * number, "decay": 0.9}
        *state, total = replay(tuple(state), numbers)
        *plain, wanted = step(tuple(plain), numbers)
        kept.append((*state, total))
        expected.append((*plain, wanted))
    # Later steps write to nothing that came out of earlier ones.
    for found, wanted in zip(kept, expected, strict=True):
        for one, other in zip(found, wanted, strict=True):
            assert one.shape == np.shape(other)
            np.testing.assert_allclose(one, other, rtol=1e-15)
    assert (device.captures, device.launches, replay.problem) == (1, 5, "")


def test_a_step_is_run_with_arrays_for_numbers_before_it_is_captured(rng):
    # On a GPU that loads the kernels which a capture could not load.
    device, runs = Device(), []

    def watched(arrays, numbers):
        runs.append((type(numbers["rate"]), device.capturing))
        return step(arrays, numbers)

    replay = Replay(watched, device.runtime())
    arrays = tuple(rng.standard_normal((2, 5)))
    for _ in range(2):
        replay(arrays, {"rate": 0.5, "decay": 0.5})
    assert runs[:3] == [(float, False), (np.ndarray, False), (np.ndarray, True)]


def test_what_the_step_before_gave_is_not_copied_again(rng):
    device = Device()

    def forward(arrays, numbers):
        given, x, y = arrays
        return (x * y).sum(), x + numbers["rate"] * given, y * 0.5

    replay = Replay(forward, device.runtime())
    x, y = plain = tuple(rng.standard_normal((2, 5)))
    copies = []
    for number in range(6):
        given, numbers = rng.standard_normal(5), {"rate": float(number)}
        before = device.copies
        # Once something else is put in the place of y, which the graph must then take.
        y = y * 2 if number == 4 else y
        plain = (plain[0], plain[1] * 2) if number == 4 else plain
        total, x, y = replay((given, x, y), numbers)
        wanted, *plain = forward((given, *plain), numbers)
        copies.append(device.copies - before)
        for found, expected in zip((total, x, y), (wanted, *plain), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-14)
    # What is new, the number, the results; where x and y are in place by the graph, not these.
    assert copies[3:] == [4, 6, 4]


def test_other_shapes_are_run_as_they_are(rng):
    device = Device()
    replay = Replay(step, device.runtime())
    for size in (5, 5, 3, 5, 3):
        arrays = tuple(rng.standard_normal((2, size)))
        numbers = {"rate": 0.5, "decay": 0.5}
        for found, wanted in zip(replay(arrays, numbers), step(arrays, numbers), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-15)
    assert (device.captures, device.launches) == (1, 2)


def test_a_step_that_cannot_be_captured_is_run(rng):
    device = Device(fails=RuntimeError("operation not permitted when stream is capturing"))
    replay = Replay(step, device.runtime())
    arrays = tuple(rng.standard_normal((2, 5)))
    for _ in range(3):
        found = replay(arrays, {"rate": 0.5, "decay": 0.5})
        np.testing.assert_array_equal(found[0], arrays[0] + 0.5 * arrays[1])
    assert replay.problem == (
        "the step could not be captured: operation not permitted when stream is capturing"
    )
    assert device.launches == 0


# Trainings


@pytest.fixture
def data(rng):
    X = rng.standard_normal((6, 300))
    return X, X[0] * X[1] > 0


def train(monkeypatch, device, data, **how):
    serve_as_cuda(monkeypatch, device.backend)
    options = {"hidden": [9, 7], "iterations": 20} | how
    return dnn_xp.train(*data, device="cuda", **options), dnn_xp.train(*data, **options)


@pytest.mark.parametrize(
    ("how", "launches"),
    [
        ({}, 19),
        ({"optimizer": "adamw", "clip_norm": 0.5, "l2": 0.1}, 19),
        ({"optimizer": "nesterov", "learning_rate": lambda step: 0.1 / (1 + step)}, 19),
        ({"block_size": 64, "validation": 0.2, "standardize": True}, 19),
        # Four whole batches and a smaller one.
        ({"batch_size": 64, "epochs": 3, "iterations": None}, 11),
    ],
    ids=["adam", "adamw", "nesterov", "blocks", "batches"],
)
def test_a_training_goes_the_same_way(monkeypatch, data, how, launches):
    device = Device()
    model, expected = train(monkeypatch, device, data, **how)
    np.testing.assert_allclose(model.theta, expected.theta, rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.history.costs, expected.history.costs, rtol=1e-12)
    assert model.history.iterations == expected.history.iterations
    assert model.history.learning_rates == expected.history.learning_rates
    assert (device.captures, device.launches) == (1, launches)
    assert model.settings["steps"] == "replayed as a CUDA graph"
    assert "steps" not in expected.settings


def test_a_training_whose_step_cannot_be_captured_says_so(monkeypatch, data):
    device = Device(fails=RuntimeError("cublas"))
    model, expected = train(monkeypatch, device, data)
    np.testing.assert_array_equal(model.theta, expected.theta)
    assert model.settings["steps"] == "the step could not be captured: cublas"


def test_dropout_and_files_are_not_replayed(monkeypatch, data, tmp_path):
    # Seeds are Python numbers, and blocks of a file come from elsewhere every time.
    device = Device()
    model, expected = train(monkeypatch, device, data, keep_prob=0.8)
    np.testing.assert_array_equal(model.theta, expected.theta)
    np.save(tmp_path / "X.npy", data[0])
    of_file = tmp_path / "X.npy", data[1].astype(int)
    model, expected = train(monkeypatch, device, of_file)
    np.testing.assert_array_equal(model.theta, expected.theta)
    assert device.captures == 0


def test_large_steps_are_not_replayed(monkeypatch, data):
    monkeypatch.setattr("dnn_xp.training.run._LARGE", 1e4)
    device = Device()
    train(monkeypatch, device, data)
    assert device.captures == 0


# Costs that stay on the device


class Counted:
    """Costs fetched: how many at a time."""

    def __init__(self, monkeypatch):
        self.fetched = []
        original = dnn_xp.training.placed.fetching

        def fetching(backend):
            fetch = original(backend)
            return lambda costs: (self.fetched.append(len(costs)), fetch(costs))[1]

        monkeypatch.setattr("dnn_xp.training.placed.fetching", fetching)


@pytest.mark.parametrize(
    ("how", "fetched"),
    [
        ({"iterations": 70}, [32, 32, 7]),
        ({"iterations": 70, "report_every": 10}, [8]),
        ({"validation": 0.2}, []),
        ({"patience": 50}, []),
        ({"callbacks": [lambda *report: False]}, []),
    ],
    ids=["full batch", "rare", "validation", "patience", "callbacks"],
)
def test_costs_are_fetched_together_unless_they_are_looked_at(monkeypatch, data, how, fetched):
    counted = Counted(monkeypatch)
    model, expected = train(monkeypatch, Device(), data, **how)
    assert counted.fetched == fetched
    np.testing.assert_allclose(model.history.costs, expected.history.costs, rtol=1e-12)
    assert model.history.iterations == expected.history.iterations
    assert list(model.history.seconds) == sorted(model.history.seconds)


def test_parameters_kept_for_costs_are_bounded(monkeypatch, data):
    counted = Counted(monkeypatch)
    monkeypatch.setattr("dnn_xp.training.recorder._HELD", 500)
    model, _ = train(monkeypatch, Device(), data)
    # 141 parameters: four of them are more than 500 numbers.
    assert model.theta.size == 141
    assert counted.fetched == [4, 4, 4, 4, 4, 1]


def test_a_divergence_is_found_late_with_the_right_model(monkeypatch, data):
    how = {
        "optimizer": "gradient_descent",
        "learning_rate": lambda step: 1e200 if step == 5 else 0.1,
    }
    with pytest.raises(dnn_xp.DivergenceError) as plain:
        train(monkeypatch, Device(fails=RuntimeError()), data, **how)
    monkeypatch.undo()
    with pytest.raises(dnn_xp.DivergenceError) as expected:
        dnn_xp.train(*data, hidden=[9, 7], iterations=20, **how)
    assert str(plain.value) == str(expected.value)
    np.testing.assert_array_equal(plain.value.model.theta, expected.value.model.theta)
    assert plain.value.model.history.costs == expected.value.model.history.costs


def test_what_ctrl_c_leaves(monkeypatch, data):
    def rate(step):
        if step == 7:
            raise KeyboardInterrupt
        return 0.1

    model = train_interrupted(monkeypatch, data, learning_rate=rate, optimizer="momentum")
    assert model.history.iterations == tuple(range(7))
    assert "Ctrl-C" in model.settings["stopped_because"]


def train_interrupted(monkeypatch, data, **how):
    serve_as_cuda(monkeypatch, Device().backend)
    return dnn_xp.train(*data, hidden=[3], iterations=20, device="cuda", **how)


# CuPy's part


def fake_cupy(log):
    """As much of CuPy as a capture calls, writing down the order."""

    class Stream:
        def __init__(self, non_blocking=False):
            assert non_blocking

        def __enter__(self):
            log.append("enter stream")

        def __exit__(self, *error):
            log.append("leave stream")

        def begin_capture(self):
            log.append("begin")

        def end_capture(self):
            log.append("end")
            return types.SimpleNamespace(launch=lambda: log.append("launch"))

    class Pool:
        def malloc(self, size):
            raise AssertionError("nothing is allocated here")

    class Allocator:
        def __init__(self, malloc):
            assert isinstance(malloc.__self__, Pool)

        def __enter__(self):
            log.append("own pool")

        def __exit__(self, *error):
            log.append("common pool")

    current = types.SimpleNamespace(synchronize=lambda: log.append("synchronize"))
    cuda = types.SimpleNamespace(
        Stream=Stream,
        MemoryPool=Pool,
        using_allocator=Allocator,
        get_current_stream=lambda: current,
    )
    return types.SimpleNamespace(cuda=cuda, empty=np.empty)


def test_a_capture_by_cupy():
    log = []
    launch = graph_runtime(fake_cupy(log)).capture(lambda: log.append("work"))
    launch()
    assert log == [
        "synchronize", "enter stream", "own pool", "begin", "work", "end", "common pool",
        "leave stream", "launch",
    ]  # fmt: skip


def test_a_capture_that_fails_is_ended():
    log = []

    def work():
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        graph_runtime(fake_cupy(log)).capture(work)
    assert log[-3:] == ["end", "common pool", "leave stream"]


def test_arrays_joined():
    out = np.empty(6)
    joined([np.arange(2.0), np.arange(4.0)], out)
    assert out.tolist() == [0, 1, 0, 1, 2, 3]
