"""A sweep that was interrupted and goes on from its file is the sweep that was not."""

from __future__ import annotations

import json

import numpy as np
import pytest
from refusals import refused
from sweep_helpers import GRID, assert_same_model, assert_same_sweep

import dnn_xp
import dnn_xp.sweeping.sweep
from dnn_xp.sweeping.attempt import attempted

HOW = {
    "all to the end": {"iterations": 8},
    "halving": {"iterations": 27, "eta": 3},
    "epochs, patience, dropout": {
        "epochs": 12, "batch_size": 40, "eta": 2, "patience": 2, "dropout": 0.2, "hidden": [8],
    },
    "by score": {"iterations": 8, "by": "score"},
}  # fmt: skip


def grid_of(how):
    return {"learning_rate": [0.3, 0.1, 0.02, 0.001]} if "hidden" in how else GRID


@pytest.fixture
def stopping(monkeypatch):
    """Lets so many trainings pass, and then raises as a crash does."""
    left = [0]

    def limited(*given, **how):
        left[0] -= 1
        if left[0] < 0:
            raise SystemError("a crash of the test")
        return attempted(*given, **how)

    monkeypatch.setattr(dnn_xp.sweeping.sweep, "attempted", limited)
    return left


@pytest.mark.bits
@pytest.mark.parametrize("each", [1, 3])
@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_an_interrupted_sweep_is_the_same_bit_for_bit(data, how, each, tmp_path, stopping):
    grid = grid_of(how)
    stopping[0] = 1000
    expected = dnn_xp.sweep(*data, grid, **how)
    crashes, found = 0, None
    while found is None:
        stopping[0] = each
        try:
            found = dnn_xp.sweep(*data, grid, file=tmp_path / "sweep.jsonl", **how)
        except SystemError:
            crashes += 1
    assert crashes > 0
    assert_same_sweep(found, expected)
    assert_same_model(found.model, expected.model)
    # All is in the file now: nothing is trained.
    stopping[0] = 0
    assert_same_sweep(dnn_xp.sweep(*data, grid, file=tmp_path / "sweep.jsonl", **how), expected)


def test_other_numbers_of_threads_may_go_on(data, tmp_path, stopping):
    file = tmp_path / "sweep.jsonl"
    stopping[0] = 2
    with pytest.raises(SystemError):
        dnn_xp.sweep(*data, GRID, file=file, iterations=6, threads=1)
    stopping[0] = 100
    found = dnn_xp.sweep(*data, GRID, file=file, iterations=6, threads=2)
    assert_same_sweep(found, dnn_xp.sweep(*data, GRID, iterations=6))


def test_ctrl_c_leaves_a_file_to_go_on_from(data, tmp_path, monkeypatch):
    file = tmp_path / "sweep.jsonl"
    calls = []

    def interrupted(*given, **how):
        calls.append(given)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return attempted(*given, **how)

    monkeypatch.setattr(dnn_xp.sweeping.sweep, "attempted", interrupted)
    early = dnn_xp.sweep(*data, GRID, file=file, iterations=6)
    assert early.stopped is dnn_xp.StopReason.INTERRUPTED
    found = dnn_xp.sweep(*data, GRID, file=file, iterations=6)
    assert len(calls) == 4 + 3
    assert_same_sweep(found, dnn_xp.sweep(*data, GRID, iterations=6))


def test_the_lines_are_json(data, tmp_path):
    file = tmp_path / "sweep.jsonl"
    dnn_xp.sweep(*data, GRID, file=str(file), iterations=2)
    head, *lines = map(json.loads, file.read_text().splitlines())
    assert head["format"] == "dnn_xp sweep 1"
    assert head["points"][5] == {"hidden": [12, 6], "learning_rate": 0.02}
    assert [line["point"] for line in lines] == list(range(6))
    # Parameters are kept of what was the best so far.
    costs = [line["report"][4] for line in lines]
    kept = [line["state"] is not None for line in lines]
    assert kept == [cost == min(costs[: place + 1]) for place, cost in enumerate(costs)]


def test_a_torn_last_line_is_trained_again(data, tmp_path):
    file = tmp_path / "sweep.jsonl"
    expected = dnn_xp.sweep(*data, GRID, file=file, iterations=3)
    whole = file.read_bytes()
    starts = [place + 1 for place, byte in enumerate(whole[:-1]) if byte == ord("\n")]
    for cut in (starts[-1] + 5, len(whole) - 1, starts[-1] + 40):
        file.write_bytes(whole[:cut])
        assert_same_sweep(dnn_xp.sweep(*data, GRID, file=file, iterations=3), expected)
        assert file.read_bytes().count(b"\n") == 7


def test_damage_is_refused(data, tmp_path):
    file = tmp_path / "sweep.jsonl"
    dnn_xp.sweep(*data, GRID, file=file, iterations=3)
    whole = file.read_bytes()
    line = whole.index(b'"point": 0')
    got = "file | ..., whose line 2 is damaged | a file that a sweep wrote, or a new one"
    for place in (line + 9, line + 60, line - 30):
        changed = bytearray(whole)
        changed[place] ^= 1
        file.write_bytes(changed)
        with refused(ValueError, got):
            dnn_xp.sweep(*data, GRID, file=file, iterations=3)
    for text in (b"", b"a,b\n1,2\n", b"\xff\xfe\n", b"[1]\n", b"{}\n"):
        file.write_bytes(text)
        with refused(ValueError, "file | ..., which is no sweep ... | a file that a sweep ..."):
            dnn_xp.sweep(*data, GRID, file=file, iterations=3)
        assert file.read_bytes() == text


def test_another_sweep_is_refused_with_the_differences(data, tmp_path):
    file = tmp_path / "sweep.jsonl"
    X, Y = data
    names = np.asarray(["no", "yes"])
    dnn_xp.sweep(X, Y, GRID, file=file, iterations=3)
    other = X.copy()
    other[0, 5] += 1e-9
    flipped = Y.copy()
    flipped[:2] = 1 - flipped[:2]
    more = {**GRID, "learning_rate": [0.1, 0.03]}
    for given, options, said in (
        ((X, Y, GRID), {"l2": 0.5}, "specification.l2 is 0.5 and was None"),
        ((X, Y, GRID), {"seed": 1}, "specification.seed is 1 and was 0; data..."),
        (
            (X, Y, GRID),
            {"iterations": 4},
            "...iterations is 4 and was 3; lengths is [4] and was [3]",
        ),
        ((X, Y, {"hidden": [(), (8,)]}), {}, "2 points, which were 6; points[0].learning_rate..."),
        ((X, Y, more), {}, "points[1].learning_rate is 0.03 and was 0.02; ..."),
        ((X, Y, GRID), {"by": "score"}, "by is 'score' and was 'cost'"),
        ((X, Y, GRID), {"eta": 3}, "lengths is [1, 3] and was [3]; eta is 3 and was None"),
        ((other, Y, GRID), {}, "data... has other values"),
        ((X, flipped, GRID), {}, "data... has other values"),
        ((X[:3], Y, GRID), {}, "data.X is [3, 192, 'float64', ... and was [4, 192, 'float64', ..."),
        ((X, names[Y], GRID), {}, "data.classes is ['no', 'yes'] and was ['0', '1']"),
    ):
        wanted = "the file of a sweep of the same data, points and options, or a new one"
        with refused(ValueError, f"file | ..., that of another sweep: {said} | {wanted}"):
            dnn_xp.sweep(*given, file=file, **{"iterations": 3, **options})


def test_what_cannot_be_written_down_takes_no_file(data, tmp_path):
    grid = {"learning_rate": [lambda iteration: 0.1]}
    assert dnn_xp.sweep(*data, grid, iterations=2).best.number == 0
    with refused(TypeError, "learning_rate | a function, which cannot be written down | ..."):
        dnn_xp.sweep(*data, grid, iterations=2, file=tmp_path / "sweep.jsonl")
    assert not (tmp_path / "sweep.jsonl").exists()
