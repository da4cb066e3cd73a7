"""Whole trainings: every candidate takes the same steps, and what is found out is found out."""

from __future__ import annotations

import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from namespaces import require

from benchmarks import verify
from benchmarks.gpu import agreement, loops, trained, training
from benchmarks.gpu.loops import DESCENT_RATE, Job
from benchmarks.gpu.sheet import Sheet, Task
from benchmarks.reporting import gpu
from benchmarks.shapes import problem

SIZES = (4, 6, 1)
OPTIMIZERS = ("gradient_descent", "adam")


def job(optimizer, batch_size=None):
    return Job("4-6-1", SIZES, 96, optimizer, batch_size)


def flat(parameters):
    return np.concatenate([array.ravel() for pair in parameters for array in pair])


def loop_of(library, data, used):
    if library == "torch":
        require("torch", lambda: __import__("torch"))
        return loops.torch_loop(data, used, "cpu", None)
    require("jax", lambda: __import__("jax"))
    return loops.jax_loop(data, used)


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_peers_loop_takes_our_steps(library, optimizer):
    data = problem(SIZES, 96)
    loop = loop_of(library, data, job(optimizer))
    loop.run(10)
    loop.run(5)
    ours = trained.on_host(trained.fit("numpy", "cpu", data, optimizer, iterations=15))
    np.testing.assert_allclose(flat(loop.parameters()), flat(ours), rtol=0, atol=1e-5)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_peers_epochs_go_down(library):
    data = problem(SIZES, 100)
    used = job("adam", batch_size=32)._replace(m=100)
    row = trained.peer(partial(loop_of, library), data, used, 0.01)
    assert row["cost"] < verify.cost(data.parameters, data.X, data.Y)
    assert 0 < row["best"] <= row["seconds"]


def test_a_candidate_that_goes_another_way_is_no_candidate():
    data = problem(SIZES, 96)

    def still(data, used):
        return loops.Loop(lambda count: None, lambda: data.parameters)

    with pytest.raises(verify.Mismatch, match=r"cost .* after 20 updates, not "):
        trained.peer(still, data, job("gradient_descent"), 0.01)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_ours_is_timed_with_and_without_reports(optimizer):
    row = trained.ours("numpy", "cpu", problem(SIZES, 96), job(optimizer), 0.01)
    assert 0 < row["best"] <= row["seconds"] < 0.1
    assert 0 < row["seconds_reporting"] < 0.1
    batches = trained.ours("numpy", "cpu", problem(SIZES, 96), job(optimizer, 32), 0.01)
    assert 0 < batches["seconds"] < 0.1
    assert "seconds_reporting" not in batches


def test_an_update_is_timed_between_reports(monkeypatch):
    def fit(library, device, data, optimizer, *, iterations, report_every=1, **how):
        # 10 ms an update, after a slow start and before a slow last report.
        reports = range(iterations // report_every)
        seconds = [5.0 + 0.01 * report_every * each for each in reports] + [99.0]
        return SimpleNamespace(history=SimpleNamespace(seconds=seconds), parameters=[])

    monkeypatch.setattr(trained, "fit", fit)
    monkeypatch.setattr(trained, "_check", lambda *_: 0.5)
    row = trained.ours("numpy", "cpu", problem(SIZES, 96), job("adam"), 3.0)
    assert row == pytest.approx(
        {"seconds": 0.01, "best": 0.01, "seconds_reporting": 0.01, "cost": 0.5}
    )


def test_the_rates_are_those_of_the_peers():
    data = problem(SIZES, 96)
    settings = trained.fit("numpy", "cpu", data, "gradient_descent", iterations=1).settings
    assert str(DESCENT_RATE) in settings["learning_rate"]


def test_agreement_is_measured_against_numpy(monkeypatch):
    assert agreement.measure("numpy", "cpu", "adam", "float64") == {
        "difference": 0.0,
        "wanted": 1e-12,
        "met": True,
    }
    fit = trained.fit

    def nearly(library, device, data, optimizer, **how):
        if library == "cupy":
            data = data._replace(X=data.X * (1 + 1e-9))
        return fit("numpy", device, data, optimizer, **how)

    monkeypatch.setattr(trained, "fit", nearly)
    row = agreement.measure("cupy", "cuda", "gradient_descent", "float64")
    assert 1e-12 < row["difference"] < 1e-6
    assert not row["met"]


def test_memory_is_looked_at_after_some_steps_and_after_many():
    calls = iter([500, 700])
    row = agreement.growth(problem(SIZES, 32), "cpu", lambda: next(calls), library="numpy")
    assert row == {"steps": [100, 1000], "bytes": [500, 700], "growth": 200}


def test_jax_in_float32_is_not_taken_for_float64(monkeypatch):
    jax = require("jax", lambda: __import__("jax"))
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(trained.NotAvailable, match="no float64"):
            agreement.measure("jax", "cpu", "adam", "float64")
    finally:
        jax.config.update("jax_enable_x64", before)


def test_the_part_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "JOBS", (job("adam"), job("adam", 32)))
    for library in ("numpy", "cupy"):
        sheet = Sheet("training", tmp_path, until=time.time() + 600, settings={})
        training.measure(Task(library, "cpu", 1.0, 0.01, 1.0, (), (), sheet))
    found = sheet.rows
    assert [row["candidate"] for row in found if "seconds" in row] == ["dnn_xp, numpy"] * 2
    # CuPy has no CPU: two times, memory and four agreements are named, not lost.
    assert sum("left_out" in row for row in found) == 7
    page = gpu.training({"rows": found})
    assert "### 4-6-1, m = 96, adam" in page
    assert "### 4-6-1, m = 96, batches of 32, adam" in page
    assert "- memory, dnn_xp, cupy: it is about CuPy's memory\n" in page


def test_the_page_says_what_was_not_met():
    rows = [
        {"what": "memory", "steps": [100, 1000], "bytes": [2**20, 3 * 2**20], "growth": 2**21},
        {"candidate": "a", "optimizer": "adam", "dtype": "float32"}
        | {"difference": 2e-5, "wanted": 1e-5, "met": False},
    ]
    page = gpu.training({"rows": rows})
    assert "CuPy held 1.0 MiB after 100 steps and 3.0 MiB after 1,000." in page
    assert "| a, adam, float32 | 2.0e-05 | 1e-05, **not met** |" in page
