"""From any checkpoint a training goes on to the bits of one that was never stopped."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from refusals import refused
from trainings import BATCHES, HOW, M, N, examples, figures

import dnn_xp
from dnn_xp.formulas import adam, constant
from dnn_xp.model.history import StopReason
from dnn_xp.training.checkpoints.files import UnreadableError, read_checkpoint, write_checkpoint
from dnn_xp.training.checkpoints.folder import Folder
from dnn_xp.training.checkpoints.keeper import Keeper

X, Y = examples()
take = Keeper.take


@pytest.fixture
def each_written(monkeypatch):
    """Every state that is due is written before the training goes on."""

    def taken(self, state):
        take(self, state)
        self.wait()

    monkeypatch.setattr(Keeper, "take", taken)


def kept(folder, given=(X, Y), every=1, **how):
    """A model, and its checkpoints, all of them."""
    model = dnn_xp.train(
        *given, hidden=[6, 5], checkpoint=folder, checkpoint_every=every, keep=10**6, **how
    )
    return model, [path for _, path in Folder(folder).files()]


def go_back(files, count):
    """Leave the oldest ones: what a process that was killed leaves."""
    for _, path in Folder(files[0].parent).files()[count:]:
        path.unlink()


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_checkpoints_change_no_bit(how, tmp_path, each_written):
    expected = figures(dnn_xp.train(X, Y, hidden=[6, 5], **how))
    model, files = kept(tmp_path, **how)
    assert figures(model) == expected
    assert len(files) > 3
    for count in sorted({len(files) - 1, len(files) // 2, 1}, reverse=True):
        go_back(files, count)
        assert figures(dnn_xp.resume(tmp_path, X, Y)) == expected


@pytest.mark.parametrize(
    ("how", "reports"),
    [
        ({"iterations": 9, "report_every": 4}, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4]),
        ({**BATCHES, "report_every": 4}, [1, 1, 1, 2, 2, 2, 3]),
    ],
)
def test_a_checkpoint_is_written_between_reports(how, reports, tmp_path, each_written):
    _, files = kept(tmp_path, **how)
    records = [read_checkpoint(path)[0] for path in files]
    assert [len(each["reports"]) for each in records] == reports
    go_back(files, 3)
    expected = dnn_xp.train(X, Y, hidden=[6, 5], **how)
    assert figures(dnn_xp.resume(tmp_path, X, Y)) == figures(expected)


@pytest.mark.parametrize("watched", [{"callbacks": [lambda *_: None]}, {"verbose": True}])
@pytest.mark.parametrize("name", ["adam", "adam, batches", "lbfgs, rarely", "halved", "patience"])
def test_a_training_that_is_watched_is_the_same(name, watched, tmp_path, each_written):
    expected = figures(dnn_xp.train(X, Y, hidden=[6, 5], **HOW[name]))
    model, files = kept(tmp_path, **HOW[name], **watched)
    assert figures(model) == expected
    go_back(files, 2)
    assert figures(dnn_xp.resume(tmp_path, X, Y, **watched)) == expected


@pytest.mark.parametrize("run_of", [None, 100], ids=["one run", "runs"])
@pytest.mark.parametrize("how", [BATCHES, {"keep_prob": 0.8, **BATCHES}, {"iterations": 8}])
def test_of_files_the_folder_is_enough(how, run_of, tmp_path, monkeypatch, each_written):
    if run_of is not None:
        monkeypatch.setattr("dnn_xp.training.batches._SHUFFLE_BYTES", run_of * 8 * (N + 1))
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "Y.npy", Y)
    monkeypatch.chdir(tmp_path)
    expected = figures(dnn_xp.train("X.npy", "Y.npy", hidden=[6, 5], **how))
    _, files = kept("kept", ("X.npy", Path("Y.npy")), **how)
    go_back(files, 3)
    monkeypatch.chdir("/")
    assert figures(dnn_xp.resume(tmp_path / "kept")) == expected


def test_a_column_of_a_table_by_its_name(tmp_path, each_written):
    lines = [f"{a},{b},{'yes' if y else 'no'}" for a, b, y in zip(*X[:2], Y, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,class", *lines]))
    given = tmp_path / "t.csv", "class"
    expected = figures(dnn_xp.train(*given, hidden=[6, 5], iterations=9))
    _, files = kept(tmp_path / "kept", given, iterations=9)
    go_back(files, 4)
    assert figures(dnn_xp.resume(tmp_path / "kept")) == expected


def test_what_the_folder_lacks_is_asked_for(tmp_path, each_written):
    def rate(iteration):
        return 0.01

    model = dnn_xp.train(X, Y, hidden=[6, 5], iterations=3)
    weights = np.linspace(0.5, 1.5, M)
    how = {"learning_rate": rate, "sample_weight": weights, "warm_start": model, "iterations": 9}
    expected = figures(dnn_xp.train(X, Y, **how))
    _, files = kept(tmp_path, **how)
    go_back(files, 4)
    with refused(ValueError, "X | nothing | given again: it came as an array, not as a path"):
        dnn_xp.resume(tmp_path)
    with refused(ValueError, "learning_rate | nothing | given again: ... cannot hold a function"):
        dnn_xp.resume(tmp_path, X, Y)
    with refused(ValueError, "checkpoint | ... sample_weight: ... | ..."):
        dnn_xp.resume(tmp_path, X, Y, learning_rate=rate, warm_start=model)
    given = {name: how[name] for name in ("learning_rate", "sample_weight", "warm_start")}
    del expected["settings"]["learning_rate"]
    found = figures(dnn_xp.resume(tmp_path, X, Y, **given))
    del found["settings"]["learning_rate"]
    assert found == expected


def test_a_validation_pair_and_initial_arrays(tmp_path, each_written):
    rng = np.random.default_rng(0)
    layers = [
        (rng.standard_normal((3, N)), np.zeros((3, 1))),
        (rng.standard_normal((1, 3)), np.zeros((1, 1))),
    ]
    pair = X[:, :50], Y[:50]
    how = {"hidden": [3], "iterations": 9, "patience": 5, "validation": pair}
    expected = figures(dnn_xp.train(X, Y, initialization=layers, **how))
    folder = {"checkpoint": tmp_path, "checkpoint_every": 1, "keep": 99}
    dnn_xp.train(X, Y, initialization=layers, **how, **folder)
    go_back([path for _, path in Folder(tmp_path).files()], 4)
    assert figures(dnn_xp.resume(tmp_path, X, Y, validation=pair)) == expected


def test_a_training_that_has_ended_stays_as_it_is(tmp_path, each_written):
    for number, name in enumerate(["adam", "patience", "lbfgs to its end"]):
        model, files = kept(tmp_path / str(number), **HOW[name])
        before = [path.read_bytes() for path in files]
        assert figures(dnn_xp.resume(tmp_path / str(number), X, Y)) == figures(model)
        assert [path.read_bytes() for _, path in Folder(tmp_path / str(number)).files()] == before


@pytest.mark.parametrize(
    ("every", "watched"), [("1h", {}), (1, {"callbacks": [lambda *_: None]})], ids=["end", "each"]
)
@pytest.mark.parametrize(
    ("shorter", "longer"),
    [
        ({"iterations": 9, "l2": 0.1}, {"iterations": 20}),
        ({"iterations": 9, "report_every": 4, "keep_prob": 0.8}, {"iterations": 21}),
        ({"iterations": 8, "report_every": 4}, {"iterations": 21}),
        ({"epochs": 4, "batch_size": 32, "report_every": 3}, {"epochs": 11}),
        ({"epochs": 6, "batch_size": 32, "report_every": 3}, {"epochs": 11}),
        ({"optimizer": "lbfgs", "iterations": 5}, {"iterations": 12}),
        ({"optimizer": "lbfgs", "iterations": 5, "report_every": 2}, {"iterations": 12}),
        ({"patience": 4, "learning_rate": 0.3, "iterations": 9}, {"iterations": 40}),
        (HOW["halved"] | {"iterations": 9, "report_every": 2}, {"iterations": 40}),
        (HOW["halved, batches"] | {"epochs": 3}, {"epochs": 9}),
    ],
)
def test_a_longer_training(shorter, longer, watched, every, tmp_path, each_written):
    expected = figures(dnn_xp.train(X, Y, hidden=[6, 5], **shorter | longer))
    kept(tmp_path, **shorter, **watched, every=every)
    assert figures(dnn_xp.resume(tmp_path, X, Y, **longer, **watched)) == expected
    done = expected["history"]["iterations"][-1]
    if "epochs" not in longer and "patience" not in shorter:
        with refused(ValueError, f"checkpoint | ...: {done} are done, now 2 | ..."):
            dnn_xp.resume(tmp_path, X, Y, **dict.fromkeys(longer, 2))


def test_lbfgs_that_has_converged_in_its_last_iteration_goes_no_further(tmp_path, each_written):
    how = HOW["lbfgs to its end"]
    expected = figures(dnn_xp.train(X, Y, hidden=[6, 5], **how))
    steps = expected["history"]["iterations"][-1]
    assert expected["stopped"] is StopReason.DECREASE
    kept(tmp_path, **how | {"iterations": steps})
    assert figures(dnn_xp.resume(tmp_path, X, Y, iterations=how["iterations"])) == expected


def test_a_longer_training_needs_a_checkpoint_from_before_the_end(tmp_path):
    dnn_xp.train(X, Y, iterations=4, checkpoint=tmp_path, keep=1)
    with refused(ValueError, "iterations | 8 | as many as before ... | keep more of them, or ..."):
        dnn_xp.resume(tmp_path, X, Y, iterations=8)


def test_threads_change_no_bit(tmp_path, each_written):
    how = {"iterations": 12, "block_size": 64, "threads": 1}
    model, files = kept(tmp_path, **how)
    go_back(files, 5)
    again = dnn_xp.resume(tmp_path, X, Y, threads=2)
    assert again.theta.tobytes() == model.theta.tobytes()
    assert again.history.costs == model.history.costs


def test_the_first_training_may_ask_to_resume(tmp_path):
    how = {"hidden": [6], "iterations": 7}
    model = dnn_xp.train(X, Y, checkpoint=tmp_path / "new", resume=True, **how)
    assert figures(model) == figures(dnn_xp.train(X, Y, **how))


CHANGED = X.copy()
CHANGED[2, 150] += 1e-12


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ((X[:, :200], Y[:200]), {}, "...X: (4, 300) of float64, SHA-256 ... then, (4, 200) of ..."),
        ((CHANGED, Y), {}, "...options: X: (4, 300) of float64, ...now"),
        ((X, 1 - Y), {}, "...options: Y: ..."),
        ((X, np.where(Y, "a", "b")[::1]), {}, "...classes: ..."),
        ((X, Y), {"seed": 1}, "...options: seed: 0 then, 1 now"),
        ((X, Y), {"l2": 1.0, "patience": 3}, "...options: l2: 0.0 then, 1.0 now; patience: None then, 3 now"),
        ((X, Y), {"hidden": [7]}, "...sizes: [4, 6, 1] then, [4, 7, 1] now"),
        ((X, Y), {"optimizer": adam(0.5)}, "...optimizer: ..."),
        ((X, Y), {"learning_rate": constant(0.5)}, "...learning_rate: ...0.01... then, ...0.5... now"),
        ((X, Y), {"sample_weight": np.ones(M)}, "...sample_weight: ..."),
    ],
)  # fmt: skip
def test_another_training_is_refused_with_the_differences(given, options, said, tmp_path):
    how = {"hidden": [6], "iterations": 4}
    dnn_xp.train(X, Y, checkpoint=tmp_path, **how)
    wanted = f"checkpoint | {said} | a folder of this training | ..."
    with refused(ValueError, wanted):
        dnn_xp.train(*given, checkpoint=tmp_path, resume=True, **how | options)


def test_folders_that_cannot_be_used(tmp_path):
    how = {"hidden": [6], "iterations": 4}
    dnn_xp.train(X, Y, checkpoint=tmp_path / "full", **how)
    with refused(
        ValueError, "checkpoint | ..., which holds checkpoints | ... | pass resume=True ..."
    ):
        dnn_xp.train(X, Y, checkpoint=tmp_path / "full", **how)
    with refused(ValueError, "checkpoint | ..., which holds none | a folder of checkpoints"):
        dnn_xp.resume(tmp_path / "none", X, Y)
    (tmp_path / "file").touch()
    with refused(ValueError, "checkpoint | ..., which is no folder | the path of a folder"):
        dnn_xp.train(X, Y, checkpoint=tmp_path / "file")
    with refused(TypeError, "checkpoint | 3 | the path of a folder"):
        dnn_xp.train(X, Y, checkpoint=3)
    for options in ({"resume": True}, {"keep": 2}, {"checkpoint_every": 5}):
        with refused(ValueError, "... | ... | left out unless checkpoint is given | ..."):
            dnn_xp.train(X, Y, **options)
    for every in ("0s", "5", 0, "soon", 2.5, "-1s"):
        if every != "5":
            with refused(ValueError, "checkpoint_every | ..."):
                dnn_xp.train(X, Y, checkpoint=tmp_path / "x", checkpoint_every=every)
    with Folder(tmp_path / "full").locked():
        pytest.importorskip("fcntl")
        with refused(ValueError, "checkpoint | ..., where another training is writing | ..."):
            dnn_xp.resume(tmp_path / "full", X, Y)


# The files


def test_a_flipped_bit_anywhere_is_found(tmp_path, rng):
    kept(tmp_path, iterations=2)
    (_, path), *_ = Folder(tmp_path).files()
    whole = path.read_bytes()
    places = {0, 7, 8, len(whole) - 1, *rng.integers(0, len(whole), 300).tolist()}
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(UnreadableError):
            read_checkpoint(path)
    for length in (0, 5, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UnreadableError):
            read_checkpoint(path)


def test_safetensors_reads_a_checkpoint(tmp_path):
    from safetensors.numpy import load_file

    model, files = kept(tmp_path, iterations=2)
    tensors = load_file(files[-1])
    np.testing.assert_array_equal(tensors["last"], model.theta)
    assert tensors["reports"].shape == (3, 6)


def test_a_damaged_newest_one_falls_back_to_the_one_before(tmp_path, each_written):
    model, files = kept(tmp_path, iterations=9)
    files[-1].write_bytes(files[-1].read_bytes()[:-3])
    files[-2].write_bytes(b"")
    with pytest.warns(dnn_xp.CheckpointWarning) as told:
        again = dnn_xp.resume(tmp_path, X, Y)
    assert {Path(str(each.message).split("'")[1]).name for each in told} == {
        path.name for path in files[-2:]
    }
    assert figures(again) == figures(model)
    for _, path in Folder(tmp_path).files():
        path.write_bytes(b"no checkpoint")
    with (
        pytest.warns(dnn_xp.CheckpointWarning),
        refused(ValueError, "checkpoint | ... checkpoints cannot be read | ... | ..."),
    ):
        dnn_xp.resume(tmp_path, X, Y)


def test_the_newest_are_kept(tmp_path, each_written):
    how = {"hidden": [6], "checkpoint": tmp_path, "checkpoint_every": 1}
    dnn_xp.train(X, Y, iterations=12, keep=2, **how)
    assert [number for number, _ in Folder(tmp_path).files()] == [13, 14]
    assert {path.name for path in tmp_path.iterdir()} == {
        "lock", *(path.name for _, path in Folder(tmp_path).files()),
    }  # fmt: skip


def test_a_full_disk_costs_checkpoints_only(tmp_path, monkeypatch, each_written):
    written = []

    def full(file, piece):
        written.append(len(piece))
        if 5 < len(written) < 40:
            file.write(piece[: len(piece) // 2])
            raise OSError(28, "No space left on device")
        file.write(piece)

    monkeypatch.setattr("dnn_xp.training.checkpoints.files.put", full)
    expected = figures(dnn_xp.train(X, Y, hidden=[6, 5], iterations=30))
    with pytest.warns(dnn_xp.CheckpointWarning, match="No space left on device"):
        model, files = kept(tmp_path, iterations=30)
    assert figures(model) == expected
    assert not list(tmp_path.glob("*.part"))
    for path in files:
        read_checkpoint(path)


def test_writing_does_not_stop_the_arithmetic(tmp_path, monkeypatch):
    moved_on, put = threading.Event(), []

    def slow(file, piece):
        put.append(threading.current_thread().name)
        assert moved_on.wait(60)
        file.write(piece)

    def rate(iteration):
        if iteration == 30:
            assert put == ["dnn_xp checkpoint"]
            moved_on.set()
        elif iteration == 4:
            while not put:
                time.sleep(0.001)
        return 0.01

    monkeypatch.setattr("dnn_xp.training.checkpoints.files.put", slow)
    model, files = kept(tmp_path, iterations=40, learning_rate=rate, every=3)
    assert model.stopped is StopReason.COMPLETED
    assert files


def test_times_are_kept(tmp_path, monkeypatch, each_written):
    now = [0.0]
    monkeypatch.setattr("dnn_xp.training.checkpoints.keeper.time.monotonic", lambda: now[0])

    def rate(iteration):
        now[0] += 4.0
        return 0.01

    _, files = kept(tmp_path, iterations=20, learning_rate=rate, every="15s")
    done = [int(read_checkpoint(path)[0]["reports"][-1, 0]) for path in files]
    assert done == [3, 7, 11, 15, 19, 19, 20]


# Signals


def handlers():
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)


@pytest.mark.parametrize(
    "how",
    [
        {"iterations": 40},
        {"iterations": 40, "report_every": 15},
        {"batch_size": 32, "epochs": 9},
        {"iterations": 40, "callbacks": [lambda *_: None]},
    ],
)
def test_ctrl_c_finishes_the_update_and_writes(how, tmp_path):
    calls, before = [], handlers()

    def rate(iteration):
        calls.append(iteration)
        if len(calls) == 28:
            os.kill(os.getpid(), signal.SIGINT)
        return 0.01

    expected = figures(dnn_xp.train(X, Y, hidden=[6], learning_rate=constant(0.01), **how))
    model = dnn_xp.train(X, Y, hidden=[6], learning_rate=rate, checkpoint=tmp_path, **how)
    assert model.stopped is StopReason.INTERRUPTED
    assert handlers() == before
    (_, path), *_ = reversed(Folder(tmp_path).files())
    record = read_checkpoint(path)[0]["record"].tobytes()
    assert b'"stopped": "interrupted"' in record
    if "epochs" not in how:
        assert f'"iteration": {calls[-1] + 1},'.encode() in record
    again = dnn_xp.resume(tmp_path, X, Y, learning_rate=rate)
    assert figures(again)["theta"] == expected["theta"]
    assert figures(again)["history"] == expected["history"]


def test_the_second_signal_stops_at_once(tmp_path, monkeypatch):
    started = threading.Event()

    def rate(iteration):
        if iteration == 5:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        assert iteration <= 5
        return 0.01

    before = handlers()
    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path, iterations=40, learning_rate=rate)
    assert handlers() == before
    assert not started.is_set()
    for _, path in Folder(tmp_path).files():
        read_checkpoint(path)


def test_handlers_of_the_program_are_left_alone(tmp_path):
    came = []
    before = handlers()
    signal.signal(signal.SIGINT, lambda *_: came.append("int"))
    signal.signal(signal.SIGTERM, lambda *_: came.append("term"))
    try:

        def rate(iteration):
            if iteration == 3:
                os.kill(os.getpid(), signal.SIGINT)
            if iteration == 6:
                os.kill(os.getpid(), signal.SIGTERM)
            return 0.01

        model, files = kept(tmp_path, iterations=40, learning_rate=rate)
        assert came == ["int", "term"]
        assert model.stopped is StopReason.INTERRUPTED
        assert files
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


def test_another_thread_keeps_its_training_without_signals(tmp_path):
    models = []
    thread = threading.Thread(target=lambda: models.append(kept(tmp_path, iterations=9)))
    thread.start()
    thread.join()
    ((model, files),) = models
    assert figures(model) == figures(dnn_xp.train(X, Y, hidden=[6, 5], iterations=9))
    assert files


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, description: tensors.pop("record"),
        lambda tensors, description: tensors.update(theta=tensors["theta"][:-1]),
        lambda tensors, description: tensors.update(more=tensors["theta"]),
        lambda tensors, description: description.clear(),
        lambda tensors, description: tensors.update(
            record=np.frombuffer(b"[" * 100_000, dtype=np.uint8)
        ),
        lambda tensors, description: tensors.update(reports=np.zeros((0, 6))),
    ],
)
def test_a_crafted_checkpoint_is_refused(change, tmp_path):
    how = {"hidden": [6], "iterations": 4}
    dnn_xp.train(X, Y, checkpoint=tmp_path, **how)
    tensors, description = read_checkpoint(Folder(tmp_path).files()[-1][1])
    tensors = {name: array.copy() for name, array in tensors.items()}
    change(tensors, description)
    write_checkpoint(tmp_path / "checkpoint-00000099.safetensors", tensors, description)
    with refused(ValueError, "checkpoint | ..., which holds no state of a training | ..."):
        dnn_xp.train(X, Y, checkpoint=tmp_path, resume=True, **how)
