"""Trackers write what the History has, into the files of the packages themselves."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from namespaces import require

import dnn_xp
from dnn_xp import trackers

NAMES = {"cost", "validation_cost", "validation_accuracy", "learning_rate", "seconds"}


def trained(tracker, iterations=6, report_every=2):
    X = np.random.default_rng(0).standard_normal((2, 80))
    return dnn_xp.train(
        X,
        X[0] > 0,
        iterations=iterations,
        report_every=report_every,
        validation=0.2,
        callbacks=[tracker],
    )


def columns(history):
    """The History by the names of a tracker."""
    return {
        "cost": history.costs,
        "validation_cost": history.validation_costs,
        "validation_accuracy": history.metrics["validation_accuracy"],
        "learning_rate": history.learning_rates,
    }


def test_figures_of_a_regression_have_its_metric():
    X = np.random.default_rng(0).standard_normal((2, 80))
    model = dnn_xp.train(X, X[0], iterations=1, validation=0.2)
    assert trackers.figures(model)["validation_r2"] == model.history.metrics["validation_r2"][-1]
    plain = dnn_xp.train(X, X[0], iterations=1)
    assert set(trackers.figures(plain)) == {"cost", "learning_rate", "seconds"}


def test_a_tracker_changes_no_bit_and_stops_nothing(tmp_path):
    with_one = trained(trackers.JsonLines(tmp_path / "run.jsonl"))
    without = trained(lambda iteration, cost, model: None)
    assert np.array_equal(with_one.theta, without.theta)
    assert with_one.stopped is dnn_xp.StopReason.COMPLETED


def test_lines_of_json_are_the_history(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tracker = trackers.JsonLines("run.jsonl")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    history = trained(tracker).history
    lines = [json.loads(each) for each in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert [each["step"] for each in lines] == list(history.iterations) == [0, 2, 4, 6]
    assert all(set(each) == NAMES | {"step"} for each in lines)
    for name, values in columns(history).items():
        assert tuple(each[name] for each in lines) == values


def test_json_has_null_for_what_is_no_number(tmp_path):
    tracker = trackers.JsonLines(tmp_path / "run.jsonl")
    tracker.log(1, {"a": float("nan"), "b": float("-inf"), "c": np.float32(0.5)})
    text = tracker.path.read_text()
    assert text == '{"step": 1, "a": null, "b": null, "c": 0.5}\n'


def test_a_second_run_adds_lines(tmp_path):
    for _ in range(2):
        trained(trackers.JsonLines(tmp_path / "run.jsonl"))
    assert len((tmp_path / "run.jsonl").read_text().splitlines()) == 8


def test_a_file_that_cannot_be_written_is_said_before_the_training(tmp_path):
    with pytest.raises(OSError, match="missing"):
        trackers.JsonLines(tmp_path / "missing" / "run.jsonl")


def test_a_tracker_without_log_says_so():
    class Empty(trackers.Tracker):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no method log"):
        trained(Empty())


@pytest.mark.parametrize(
    ("make", "package"),
    [
        (lambda: trackers.TensorBoard("runs"), "tensorboard.summary"),
        (trackers.MLflow, "mlflow"),
        (trackers.WeightsAndBiases, "wandb"),
    ],
)
def test_a_package_that_is_missing_is_named(make, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r'pip install "dnn_xp\[trackers\]"'):
        make()


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_callback_is_of_at_most_40_lines(name):
    assert len(Path(trackers.__file__).with_name(f"{name}.py").read_text().splitlines()) <= 40


# The packages themselves, writing to files


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_back_the_history(tmp_path):
    require("tensorboard", lambda: __import__("tensorboard"))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    with trackers.TensorBoard(tmp_path / "run") as tracker:
        history = trained(tracker).history
    found = EventAccumulator(str(tmp_path / "run"))
    found.Reload()
    assert set(found.Tags()["tensors"]) == NAMES
    for name, values in columns(history).items():
        events = found.Tensors(name)
        assert [each.step for each in events] == list(history.iterations)
        read = [float(make_ndarray(each.tensor_proto)) for each in events]
        np.testing.assert_allclose(read, values, rtol=1e-6)  # TensorBoard keeps float32


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """MLflow with its files in a folder of the test's own."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    require("mlflow", lambda: __import__("mlflow"))
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    yield mlflow
    mlflow.end_run()
    mlflow.set_tracking_uri(before)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_back_the_history(mlflow):
    with trackers.MLflow() as tracker:
        history = trained(tracker).history
    assert mlflow.active_run() is None
    client = mlflow.MlflowClient()
    for name, values in columns(history).items():
        found = client.get_metric_history(tracker.run_id, name)
        assert [each.step for each in found] == list(history.iterations)
        assert tuple(each.value for each in found) == values


@pytest.mark.filterwarnings("ignore")
def test_mlflow_uses_the_run_that_is_active_and_leaves_it_so(mlflow):
    with mlflow.start_run() as run:
        with trackers.MLflow() as tracker:
            trained(tracker)
        assert tracker.run_id == run.info.run_id == mlflow.active_run().info.run_id
        other = mlflow.MlflowClient().create_run("0").info.run_id
        trained(trackers.MLflow(other), iterations=2)
    assert mlflow.get_run(other).data.metrics["cost"] > 0


@pytest.mark.filterwarnings("ignore")
def test_wandb_writes_an_offline_run(tmp_path, monkeypatch):
    require("wandb", lambda: __import__("wandb"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    options = {"mode": "offline", "dir": str(tmp_path), "project": "dnn_xp"}
    with trackers.WeightsAndBiases(**options) as tracker:
        history = trained(tracker).history
        # Before the run is finished, its summary is that of the last step.
        assert tracker.run.summary["cost"] == history.costs[-1]
        assert tracker.run.step == history.iterations[-1] + 1
    (written,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    wanted = {each.encode() for each in (*NAMES, *map(repr, history.costs))}
    # A process of wandb writes the file, at times after finish() has returned.
    end = time.monotonic() + 20.0
    while missing := {each for each in wanted if each not in written.read_bytes()}:
        assert time.monotonic() < end, f"{missing} of {len(wanted)} are not in {written}"
        time.sleep(0.05)


def test_a_run_of_wandb_that_is_active_is_used_and_left_so(monkeypatch):
    """A stand-in: a second offline run a session takes seconds."""
    logged, finished = [], []
    run = SimpleNamespace(
        log=lambda values, step, commit: logged.append(step), finish=lambda: finished.append(1)
    )
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=run, init=None))
    with trackers.WeightsAndBiases() as tracker:
        trained(tracker)
    with trackers.WeightsAndBiases(run) as tracker:
        trained(tracker, iterations=2)
    assert logged == [0, 2, 4, 6, 0, 2]
    assert finished == []
