"""From two measured curves to the one figure that device="auto" goes by."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from benchmarks.crossing import crossing
from benchmarks.gpu import crossover
from benchmarks.gpu.sheet import Sheet, Task
from benchmarks.reporting import gpu
from dnn_xp.backends.cuda.crossover import Crossover
from dnn_xp.execution.block_size import gradient_flops

LATER = time.time() + 3600


def task(folder, **how):
    settings = {"device": "cuda", "scale": 1.0}
    sheet = Sheet("crossover", folder, until=LATER, settings=settings)
    usual = {"library": "", "device": "cuda", "scale": 1.0, "seconds": 0.01, "host_share": 1.0}
    return Task(**usual | how, cases=(), precisions=(), sheet=sheet)


def pair(cpu_rate, gpu_start, gpu_rate):
    """In the place of `_pair`: times that follow from the operations."""

    def measure(task, shape, m, dtype, library, before):
        flops = gradient_flops(shape.sizes, m)
        found = {"gpu_seconds": gpu_start + flops / gpu_rate}
        cpu = flops / cpu_rate
        return found | ({"cpu_seconds": cpu} if cpu < 5 else {"cpu_left_out": "too long"})

    return measure


def test_between_the_points_curves_are_lines_in_logarithms():
    # t = x against t = 30: they meet at 30, whatever the points.
    for at in ([1, 100], [10, 20, 50, 1000], [29, 31]):
        found = crossing(at, [float(x) for x in at], [30.0] * len(at))
        assert found == pytest.approx(30.0)


def test_the_last_crossing_counts():
    assert crossing([1, 10, 100, 1000], [2.0, 1.0, 1.0, 4.0], [1.0, 2.0, 2.0, 2.0]) > 100


def test_a_gpu_that_never_or_always_wins():
    assert crossing([1, 2], [1.0, 1.0], [1.0, 1.0]) is None
    assert crossing([], [], []) is None
    assert crossing([3, 4], [2.0, 2.0], [1.0, 1.0]) == 3.0


def test_the_figure_is_the_largest_crossover_and_counts_as_the_library_counts(
    tmp_path, monkeypatch, capsys
):
    # They meet where flops / 1e11 = 1e-3 + flops / 1e13.
    monkeypatch.setattr(crossover, "_pair", pair(1e11, 1e-3, 1e13))
    monkeypatch.setattr("benchmarks.machine.gpu", lambda: "NVIDIA H200, driver 580.1")
    crossover.measure(task(tmp_path))
    content = json.loads((tmp_path / "gpu-crossover.json").read_text())
    found = content["figures"]["crossovers"]
    assert len(found) == len(crossover.NETWORKS) * len(crossover.DTYPES)
    for each in found:
        assert each["operations"] == pytest.approx(1e-3 / (1e-11 - 1e-13), rel=0.05)
    figure = content["figures"]["crossover"]
    assert figure == max(each["operations"] for each in found)
    # What is printed is the line of backends/crossover.py.
    line = capsys.readouterr().out.splitlines()[-1]
    constant = eval(line.partition(" = ")[2], {"Crossover": Crossover})
    assert constant.operations == pytest.approx(figure, rel=0.01)
    assert constant.device == "NVIDIA H200"
    assert constant.versions.endswith("driver 580.1")
    assert constant.commit == content["machine"]["commit"]
    assert constant.results == "gpu-crossover.json"


def test_one_network_on_which_the_gpu_never_wins_leaves_no_figure(tmp_path, monkeypatch, capsys):
    def measure(task, shape, m, dtype, library, before):
        slow = shape.name == "28-32-32-1"
        return pair(1e11, 1e3 if slow else 1e-3, 1e13)(task, shape, m, dtype, library, before)

    monkeypatch.setattr(crossover, "_pair", measure)
    crossover.measure(task(tmp_path))
    content = json.loads((tmp_path / "gpu-crossover.json").read_text())
    assert content["figures"]["crossover"] is None
    assert "is faster nowhere here" in capsys.readouterr().out
    assert "MEASURED" not in capsys.readouterr().out


def test_a_trial_prints_no_line_to_paste(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(crossover, "_pair", pair(1e11, 1e-6, 1e13))
    crossover.measure(task(tmp_path, device="cpu"))
    assert "MEASURED" not in capsys.readouterr().out


def test_rows_that_fail_do_not_count(tmp_path, monkeypatch):
    def failing(task, shape, m, dtype, library, before):
        if m == 10_000:
            raise MemoryError("no room")
        return pair(1e11, 1e-3, 1e13)(task, shape, m, dtype, library, before)

    monkeypatch.setattr(crossover, "_pair", failing)
    crossover.measure(task(tmp_path))
    content = json.loads((tmp_path / "gpu-crossover.json").read_text())
    assert content["figures"]["crossover"] is not None
    assert "- 28-32-32-1, float32, 10000: MemoryError: no room\n" in gpu.crossover(content)


def test_the_cpu_stops_after_a_step_that_took_too_long(tmp_path, monkeypatch):
    asked = []

    def one(library, data, how, seconds):
        asked.append(library)
        return 2.0, (1.0, [])

    monkeypatch.setattr(crossover, "_one", one)
    monkeypatch.setattr(crossover.verify, "error", lambda found, expected: 0.0)
    before = []
    shape = crossover.NETWORKS[0]
    first = crossover._pair(task(tmp_path), shape, 10, "float32", "cupy", before)
    second = crossover._pair(task(tmp_path), shape, 20, "float32", "cupy", before)
    assert asked == ["cupy", "numpy", "cupy"]
    assert first["cpu_seconds"] == 2.0
    assert second == {"gpu_seconds": 2.0, "cpu_left_out": "a step took 2.0 s at the last m before"}


@pytest.mark.parametrize("dtype", crossover.DTYPES)
def test_the_same_gradient_on_both_sides_counts(tmp_path, dtype):
    trial = task(tmp_path, device="cpu")
    row = crossover._pair(trial, crossover.NETWORKS[0], 64, dtype, "numpy", [])
    assert row["difference"] == 0.0
    assert row["cpu_seconds"] > 0 < row["gpu_seconds"]


def test_another_gradient_does_not_count(tmp_path, monkeypatch):
    costs = iter([1.0, 1.1])
    monkeypatch.setattr(
        crossover, "_one", lambda *_: (1.0, (next(costs), [(np.ones((1, 2)), np.ones((1, 1)))]))
    )
    with pytest.raises(crossover.verify.Mismatch, match=r"relative difference 9\.1e-02"):
        crossover._pair(task(tmp_path), crossover.NETWORKS[0], 64, "float32", "cupy", [])


def test_the_page_and_the_plot(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(crossover, "_pair", pair(1e11, 1e-3, 1e13))
    crossover.measure(task(tmp_path))
    content = json.loads((tmp_path / "gpu-crossover.json").read_text())
    page = gpu.crossover(content)
    assert "| 10,000,000 | 9.9e+10 | 992 ms | 10.9 ms |" in page
    assert "| 10,000,000 | 1.7e+13 | too long | 1.66 s |" in page
    assert "In all of them it is faster from **1e+08 operations a step** on." in page
    gpu.crossover_plot(content, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000
