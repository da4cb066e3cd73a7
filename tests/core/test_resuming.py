"""Stopped, written to bytes and gone on with, a training gives the bits of one that was not stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import dnn_xp
from dnn_xp.execution.scoring import score
from dnn_xp.formulas import OPTIMIZERS, step_decay, warm_up
from dnn_xp.model.history import StopReason
from dnn_xp.training.arguments import TrainArguments
from dnn_xp.training.descent import advance
from dnn_xp.training.state import Report, State, as_json, generator
from dnn_xp.training.train import begin, placed

M, N = 300, 4
BATCHES = {"batch_size": 32, "epochs": 6}
SCHEDULE = warm_up(step_decay(0.05, factor=0.5, every=4), iterations=3)
HOW = {
    **{name: {"optimizer": name, "iterations": 12} for name in OPTIMIZERS},
    **{f"{name}, batches": {"optimizer": name, **BATCHES} for name in OPTIMIZERS},
    "lbfgs": {"optimizer": "lbfgs", "iterations": 12},
    "lbfgs, rarely": {"optimizer": "lbfgs", "iterations": 17, "report_every": 3},
    "dropout": {"keep_prob": [0.7, 0.9], "iterations": 12},
    "dropout, batches": {"keep_prob": 0.8, **BATCHES},
    "schedule": {"learning_rate": SCHEDULE, "iterations": 12},
    "schedule, batches": {"learning_rate": SCHEDULE, **BATCHES},
    "rarely": {"iterations": 13, "report_every": 4},
    "rarely, batches": {"batch_size": 32, "epochs": 16, "report_every": 3},
    "costs of batches": {"batch_costs": True, "batch_size": 32, "epochs": 16, "report_every": 3},
    "validation": {"validation": 0.2, "iterations": 12},
    "patience": {"validation": 0.2, "patience": 3, "learning_rate": 0.3, "iterations": 200},
    "patience, batches": {
        "validation": 0.2, "patience": 2, "learning_rate": 0.1, "batch_size": 32, "epochs": 40,
    },
    "patience without validation": {"patience": 2, "learning_rate": 0.1, "iterations": 200},
    "penalties, weights": {"l2": 0.3, "l1": 0.1, "clip_norm": 0.1, "iterations": 12},
    "standardized blocks": {"standardize": True, "block_size": 64, "threads": 2, "iterations": 12},
    "float32": {"dtype": "float32", "iterations": 12},
}  # fmt: skip


@pytest.fixture
def data(rng):
    X = rng.standard_normal((N, M))
    return X, (X[0] * X[1] + 0.3 * rng.standard_normal(M) > 0).astype(int)


def stepped(given, how, reports):
    """The model of a training that goes through bytes, and a new process as it were, at each stop."""
    written = None
    for number in range(1000):
        begun = begin(TrainArguments(*given, hidden=[6, 5], **how))
        with placed(begun) as (data, state):
            if written is not None:
                state = State.from_bytes(written, begun.run.backend)
            state = advance(begun.run, data, state, reports[number % len(reports)])
            if state.finished:
                return data.model(begun.run, state), number + 1
            written = state.to_bytes(begun.run.backend)
    raise AssertionError("the training does not end")


def assert_same(model, expected):
    assert model.theta.tobytes() == expected.theta.tobytes()
    figures = (
        "iterations",
        "costs",
        "batch_costs",
        "learning_rates",
        "validation_costs",
        "metrics",
    )
    for name in figures:
        assert getattr(model.history, name) == getattr(expected.history, name)
    assert list(model.history.seconds) == sorted(model.history.seconds)
    assert model.stopped is expected.stopped
    assert model.settings == expected.settings


@pytest.mark.parametrize("reports", [[1], [3, 1]], ids=["each", "some"])
@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_stops_change_no_bit(how, reports, data):
    expected = dnn_xp.train(*data, hidden=[6, 5], **how)
    model, stops = stepped(data, how, reports)
    assert stops > 2
    assert_same(model, expected)


@pytest.mark.parametrize("run_of", [None, 100], ids=["one run", "runs"])
@pytest.mark.parametrize("how", [BATCHES, {"keep_prob": 0.8, **BATCHES}, {"iterations": 8}])
def test_stops_between_passes_over_a_file_change_no_bit(how, run_of, data, tmp_path, monkeypatch):
    if run_of is not None:
        monkeypatch.setattr("dnn_xp.training.batches._SHUFFLE_BYTES", run_of * 8 * (N + 1))
    np.save(tmp_path / "X.npy", data[0])
    given = tmp_path / "X.npy", data[1]
    assert_same(stepped(given, how, [1])[0], dnn_xp.train(*given, hidden=[6, 5], **how))


def test_a_state_says_where_it_is(data):
    begun = begin(TrainArguments(*data, hidden=[3], batch_size=100, epochs=4))
    with placed(begun) as (there, first):
        state = advance(begun.run, there, advance(begun.run, there, first, 2))
    assert (first.iteration, first.reports) == (0, None)
    assert (state.iteration, state.epoch, state.finished) == (6, 2, False)
    assert state.report.iteration == 6
    with pytest.raises(ValueError, match="no report yet"):
        _ = first.report


def test_the_state_of_an_interrupted_training_goes_on(data):
    how = {"hidden": [3], "iterations": 40, "learning_rate": 0.01, "keep_prob": 0.9}
    expected = dnn_xp.train(*data, **how)
    asked = []

    def rate(iteration):
        asked.append(iteration)
        if asked.count(7) == 1 and iteration == 7:
            raise KeyboardInterrupt
        return 0.01

    begun = begin(TrainArguments(*data, **how | {"learning_rate": rate}))
    with placed(begun) as (there, state):
        state = advance(begun.run, there, state, 100)
        assert state.stopped is StopReason.INTERRUPTED
        assert state.report.iteration == 6
        state = advance(begun.run, there, replace(state, stopped=None), 100)
        model = there.model(begun.run, state)
    assert model.theta.tobytes() == expected.theta.tobytes()
    assert model.history.costs == expected.history.costs


def test_ctrl_c_while_a_report_is_taken_leaves_the_one_before(data, monkeypatch):
    how = {"hidden": [3], "iterations": 9, "validation": 0.2}
    expected, taken = dnn_xp.train(*data, **how), []

    def interrupted(*given):
        taken.append(given)
        if len(taken) == 5:
            raise KeyboardInterrupt
        return score(*given)

    monkeypatch.setattr("dnn_xp.training.recorder.score", interrupted)
    begun = begin(TrainArguments(*data, **how))
    with placed(begun) as (there, state):
        state = advance(begun.run, there, state, 100)
        assert (state.report.iteration, state.stopped) == (3, StopReason.INTERRUPTED)
        state = advance(begun.run, there, replace(state, stopped=None), 100)
        assert_same(there.model(begun.run, state), expected)


def test_a_million_reports_are_let_go():
    reports = None
    for iteration in range(10**6):
        reports = (Report(iteration, 0.0, 0.0, 0.0, 0.0, 0.0), reports)
    state = State(np.zeros(1), (), "{}", reports=reports)
    assert state.listed()[-1].iteration == 10**6 - 1
    del state, reports


@pytest.mark.parametrize("bits", ["PCG64", "MT19937", "Philox"])
def test_generators_go_on_as_they_were(bits):
    rng = np.random.Generator(getattr(np.random, bits)(3))
    rng.standard_normal(5)
    again = generator(as_json(rng.bit_generator.state))
    assert again.integers(0, 2**40, 9).tolist() == rng.integers(0, 2**40, 9).tolist()


def test_arrays_that_are_not_contiguous_are_written_right(data):
    begun = begin(TrainArguments(*data, hidden=[3], iterations=1))
    backend = begun.run.backend
    state = State(np.arange(10.0)[::2], (np.arange(12.0).reshape(3, 4).T,), "{}")
    again = State.from_bytes(state.to_bytes(backend), backend)
    assert again.theta.tolist() == [0, 2, 4, 6, 8]
    assert again.optimizer[0].tolist() == state.optimizer[0].tolist()
