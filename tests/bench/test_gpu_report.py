"""The command for a GPU: one part after the other in bounded time, and nothing lost when rows fail."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from benchmarks import gpu_report
from benchmarks.candidate import NotAvailable
from benchmarks.gpu.sheet import Sheet

LATER = time.time() + 3600


def sheet(folder, until=LATER):
    return Sheet("part", folder, until=until, settings={"device": "cpu"}, commit="abc")


def on_disk(folder):
    return json.loads((folder / "gpu-part.json").read_text())


# The sheet


def test_a_row_that_fails_is_named_and_the_others_go_on(tmp_path):
    def missing():
        raise NotAvailable("it is not here")

    def failing():
        raise MemoryError("no room\nfor two lines")

    rows = sheet(tmp_path)
    for number, measure in enumerate((missing, failing, lambda: {"median": 1.0})):
        rows.add({"number": number}, measure)
        assert len(on_disk(tmp_path)["rows"]) == number + 1
    assert on_disk(tmp_path)["rows"] == [
        {"number": 0, "left_out": "it is not here"},
        {"number": 1, "left_out": "MemoryError: no room"},
        {"number": 2, "median": 1.0},
    ]
    assert on_disk(tmp_path)["settings"] == {"device": "cpu"}
    assert on_disk(tmp_path)["machine"]["commit"] == "abc"


def test_no_row_is_begun_when_the_time_is_over(tmp_path):
    row = sheet(tmp_path, until=time.time() - 1).add({}, lambda: pytest.fail("was begun"))
    assert row == {"left_out": "no time was left"}


def test_the_processes_of_a_part_write_into_one_file(tmp_path):
    first = sheet(tmp_path)
    first.figures = {"ceilings": 1}
    first.add({"library": "cupy"}, dict)
    second = sheet(tmp_path)
    assert second.figures == {"ceilings": 1}
    second.add({"library": "torch"}, dict)
    assert [row["library"] for row in on_disk(tmp_path)["rows"]] == ["cupy", "torch"]
    assert on_disk(tmp_path)["figures"] == {"ceilings": 1}


# The command


@pytest.fixture
def spawned(monkeypatch):
    """What would have been measured: (part, process, seconds that it was given)."""
    calls = []

    def spawn(given, part, process, until):
        calls.append((part, process, until - time.time()))
        return process != "jax"

    monkeypatch.setattr(gpu_report, "_spawn", spawn)
    return calls


def test_all_parts_share_the_time(spawned, tmp_path):
    assert gpu_report.main(["--minutes", "8", "--folder", str(tmp_path)]) == 1  # jax failed
    assert [call[:2] for call in spawned] == [
        ("crossover", ""),
        ("streaming", ""),
        *[("training", library) for library in gpu_report.LIBRARIES],
        *[("gradients", each) for each in ("ceilings", *gpu_report.LIBRARIES)],
    ]
    given = [call[2] for call in spawned]
    # Nothing took any time here, so what is left is shared anew.
    assert given[0] == pytest.approx(480 / 4, abs=2)
    assert given[1] == pytest.approx(480 / 3, abs=2)
    assert given[2] == pytest.approx(480 / 2 / 4, abs=2)
    assert given[-1] == pytest.approx(480, abs=2)


def test_a_part_alone_has_all_the_time_and_starts_afresh(spawned, tmp_path):
    for part in ("training", "crossover"):
        (tmp_path / f"gpu-{part}.json").write_text("{}")
    arguments = ["--parts", "training", "--libraries", "numpy", "torch", "--folder", str(tmp_path)]
    assert gpu_report.main(arguments) == 0
    assert [call[:2] for call in spawned] == [("training", "torch"), ("training", "numpy")]
    assert [path.name for path in tmp_path.iterdir()] == ["gpu-crossover.json"]


def test_a_process_that_hangs_is_stopped(monkeypatch):
    def hang(command, timeout, **how):
        assert timeout == pytest.approx(10 + gpu_report.GRACE, abs=1)
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    assert not gpu_report._spawn([], "crossover", "", time.time() + 10)


def test_a_trial_does_not_go_where_results_are():
    for arguments in (["--device", "cpu"], ["--scale", "0.1"]):
        assert gpu_report.parse(arguments).folder.name == "trial"
    assert gpu_report.parse([]).folder.name == "results"
    assert gpu_report.parse([]).parts == list(gpu_report.PARTS)


def test_a_process_measures_its_part_alone(tmp_path):
    """The streaming part, the shortest: without a GPU it says why there is nothing."""
    arguments = ["--device", "cpu", "--parts", "crossover", "streaming", "--folder", str(tmp_path)]
    arguments += ["--parts", "streaming", "--process=", "--until", str(LATER)]
    assert gpu_report.main(arguments) == 0
    (path,) = tmp_path.iterdir()
    content = json.loads(path.read_text())
    assert path.name == "gpu-streaming.json"
    assert {row["left_out"] for row in content["rows"]} == {
        "it is about a GPU's memory, and the way to it"
    }
    assert content["settings"] == {"device": "cpu", "scale": 1.0, "seconds": 2.0}
