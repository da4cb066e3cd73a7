"""device="auto": host arrays go to CUDA from a measured size on, when CUDA can be used."""

from __future__ import annotations

import importlib
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from namespaces import require

import dnn_xp
from dnn_xp.backends.cuda import crossover
from dnn_xp.backends.cuda.crossover import Crossover
from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.execution.block_size import gradient_flops

rng = np.random.default_rng(1)
X = rng.standard_normal((3, 40))
Y = X[0] > 0
SIZES = (3, 4, 1)
STEP = gradient_flops(SIZES, 40)  # of a full batch
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


class Probe:
    """Stands in for the probe of CUDA: says what it is told, and counts how often it was asked."""

    def __init__(self, problem):
        self.problem = problem
        self.asked = 0

    def __call__(self, index):
        assert index == 0
        self.asked += 1
        return self.problem


@pytest.fixture
def machine(monkeypatch):
    """A machine with a measured crossover, whose CUDA works or has a problem."""

    def make(operations, problem=None):
        probe = Probe(problem)
        measured = Crossover(
            operations, "a GPU", "a CPU", "versions", "commit", "gpu-crossover.json"
        )
        monkeypatch.setattr("dnn_xp.backends.cuda.crossover.MEASURED", measured)
        monkeypatch.setattr("dnn_xp.backends.choice.why_not_cuda", probe)
        monkeypatch.setattr(
            "dnn_xp.backends.choice.cupy_backend",
            lambda index: numpy_backend()._replace(device_name=f"cuda:{index}"),
        )
        return probe

    return make


def train(x=X, **how):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return dnn_xp.train(x, Y.tolist(), hidden=[4], **{"iterations": 3} | how)


def batches(size, **how):
    return train(iterations=None, batch_size=size, epochs=1, **how)


AUTO = pytest.mark.parametrize("device", [None, "auto"])


@AUTO
def test_a_step_below_stays_on_the_cpu_and_does_not_ask_for_cuda(machine, device):
    probe = machine(STEP + 1)
    record = train(device=device).record
    assert (record.requested, record.device) == (str(device), "cpu")
    assert record.reason == (
        f"{STEP:.2g} operations a step, below the {STEP + 1:.2g} from which a GPU paid on a GPU"
    )
    assert probe.asked == 0


@AUTO
def test_a_step_above_goes_to_cuda_with_the_same_result(machine, device):
    expected = train(device="cpu")
    probe = machine(STEP)
    model = train(device=device)
    assert (model.record.requested, model.record.device) == (str(device), "cuda:0")
    assert model.record.reason == (
        f"{STEP:.2g} operations a step, above the {STEP:.2g} from which a GPU paid on a GPU"
    )
    assert probe.asked == 1
    assert model.theta.tobytes() == expected.theta.tobytes()


@pytest.mark.parametrize("fallback", [True, False])
def test_where_cuda_cannot_be_used_the_cpu_serves_without_a_warning(machine, fallback):
    expected = train(device="cpu")
    machine(STEP, problem="no usable CUDA driver")
    model = train(fallback=fallback)
    assert model.record.device == "cpu"
    assert model.record.reason.endswith(
        "from which a GPU paid on a GPU, but CUDA cannot be used: no usable CUDA driver"
    )
    assert model.theta.tobytes() == expected.theta.tobytes()


def test_the_batch_decides_not_the_number_of_examples(machine):
    machine(gradient_flops(SIZES, 20))
    assert batches(20).record.device == "cuda:0"
    assert batches(19).record.device == "cpu"
    assert train().record.device == "cuda:0"


def test_examples_set_aside_do_not_count(machine):
    machine(gradient_flops(SIZES, 31))
    assert train(validation=0.25).record.device == "cpu"
    machine(gradient_flops(SIZES, 30))
    assert train(validation=0.25).record.device == "cuda:0"


def test_files_and_lists_follow_the_same_rule(machine, tmp_path):
    np.save(tmp_path / "X.npy", X)
    for x in (tmp_path / "X.npy", X.tolist()):
        machine(STEP)
        assert train(x).record.device == "cuda:0"
        machine(STEP + 1)
        assert train(x).record.device == "cpu"


def test_without_a_measurement_the_cpu_serves_and_cuda_is_not_asked_for(monkeypatch):
    probe = Probe(None)
    monkeypatch.setattr("dnn_xp.backends.cuda.crossover.MEASURED", None)
    monkeypatch.setattr("dnn_xp.backends.choice.why_not_cuda", probe)
    record = train().record
    assert record.device == "cpu"
    assert record.reason == (
        "host arrays stay on the CPU: from which size a GPU pays has not been measured"
    )
    assert probe.asked == 0


def test_what_was_asked_for_is_done_whatever_the_size(machine):
    probe = machine(STEP)
    assert train(device="cpu").record[:2] == ("cpu", "cpu")
    assert probe.asked == 0
    machine(1e99)
    record = train(device="cuda").record
    assert (record.device, record.reason) == ("cuda:0", "as asked")


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_arrays_of_other_libraries_stay_where_they_are(machine, library):
    require(library, lambda: importlib.import_module(library))
    probe = machine(1.0)
    xp = importlib.import_module("jax.numpy" if library == "jax" else library)
    record = train(xp.asarray(X)).record
    assert (record.library, record.reason) == (library, "the arrays were already there")
    assert probe.asked == 0


def test_a_model_that_is_moved_or_loaded_has_no_step_to_take(machine, tmp_path):
    model = train(device="cpu")
    model.save(tmp_path / "model")
    probe = machine(1.0)
    assert model.to("auto").backend.device_name == "cpu"
    assert dnn_xp.load(tmp_path / "model", device="auto").backend.device_name == "cpu"
    assert probe.asked == 0


def test_the_plan_is_that_of_the_device_that_will_train(machine):
    machine(STEP)
    assert dnn_xp.plan(X, hidden=[4]).device_peak_bytes > 0
    assert dnn_xp.plan((3, 40), hidden=[4]).device_peak_bytes > 0
    assert dnn_xp.plan(X, hidden=[4], batch_size=39).device_peak_bytes == 0
    machine(STEP + 1)
    assert dnn_xp.plan(X, hidden=[4]).device_peak_bytes == 0


def test_the_gradient_is_checked_where_it_would_be_trained(machine):
    probe = machine(STEP)
    assert dnn_xp.gradient_check(X, Y, hidden=[4]).relative_difference < 1e-7
    assert probe.asked == 1
    probe = machine(STEP + 1)
    dnn_xp.gradient_check(X, Y, hidden=[4])
    assert probe.asked == 0


# The figure


def disagreement(measured, folder):
    """What is wrong between the constant and the results on disk; None when they agree."""
    path = folder / (measured.results if measured else "gpu-crossover.json")
    if measured is None:
        if not path.exists():
            return None
        figure = json.loads(path.read_text())["figures"]["crossover"]
        return None if figure is None else f"{figure:.3g} was measured and is not used"
    if not path.is_file():
        return f"{measured.results} is not in {folder.name}"
    found = json.loads(path.read_text())
    if found["settings"]["device"] != "cuda" or found["settings"]["scale"] != 1.0:
        return f"{measured.results} is a trial, not a measurement"
    if found["machine"]["commit"] != measured.commit:
        return "commits differ"
    figure = found["figures"]["crossover"]
    if figure is None or not 0.99 < measured.operations / figure < 1.01:
        return f"{measured.operations} is not the {figure} that was measured"
    return None


@pytest.mark.skipif(not RESULTS.is_dir(), reason="the results are in the repository alone")
def test_the_crossover_is_the_one_that_was_measured():
    assert disagreement(crossover.MEASURED, RESULTS) is None


def test_a_crossover_that_was_not_measured_is_found_out(tmp_path):
    measured = Crossover(3e9, "a GPU", "a CPU", "versions", "abc", "gpu-crossover.json")
    assert disagreement(None, tmp_path) is None
    assert re.search("is not in", disagreement(measured, tmp_path))
    content = {
        "settings": {"device": "cuda", "scale": 1.0},
        "machine": {"commit": "abc"},
        "figures": {"crossover": 3.01e9},
    }

    def write(**changes):
        (tmp_path / "gpu-crossover.json").write_text(json.dumps(content | changes))

    write()
    assert disagreement(measured, tmp_path) is None
    assert re.search("is not used", disagreement(None, tmp_path))
    write(figures={"crossover": None})
    assert disagreement(None, tmp_path) is None
    assert re.search("is not the None", disagreement(measured, tmp_path))
    write(figures={"crossover": 4e9})
    assert re.search("is not the 4", disagreement(measured, tmp_path))
    write(settings={"device": "cpu", "scale": 1.0})
    assert re.search("trial", disagreement(measured, tmp_path))
    write(machine={"commit": "abd"})
    assert disagreement(measured, tmp_path) == "commits differ"
