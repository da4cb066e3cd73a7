"""A model that cannot be written is an OSError that names its path; nothing is left half done."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refused

import dnn_xp

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="limits, users and signals of POSIX")
ROOT = Path(dnn_xp.__file__).parents[1]
TRAINED = """
import os, resource, sys
import numpy as np
import dnn_xp

X = np.random.default_rng(0).standard_normal((3, 50))
model = dnn_xp.train(X, X[0] > 0, hidden=[200, 200], iterations=1)
"""


@pytest.fixture(scope="module")
def model() -> dnn_xp.Model:
    X = np.random.default_rng(0).standard_normal((3, 50))
    return dnn_xp.train(X, X[0] > 0, hidden=[4], iterations=1)


def in_a_process(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", TRAINED + textwrap.dedent(code)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@POSIX
def test_a_file_system_that_takes_no_more(tmp_path: Path) -> None:
    """The limit of a file's size stands for a full disk: writing fails in the middle."""
    done = in_a_process(
        """
        model.save("model")
        before = open("model", "rb").read()
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            model.save("model")
        except OSError as error:
            print(type(error).__name__, error.errno, error.filename)
        assert open("model", "rb").read() == before
        print(sorted(os.listdir()))
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    path = tmp_path.resolve() / "model"
    assert done.stdout == f"OSError {errno.EFBIG} {path}\n['model']\n"


def test_a_full_disk_names_the_path(model: Any, tmp_path: Path, monkeypatch: Any) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        model.save(tmp_path / "model")
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path.resolve() / "model")
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_who_may_not_write_or_read(tmp_path: Path) -> None:
    """As a user without rights: root has them all."""
    if os.geteuid() != 0:
        code = ""
    else:
        code = "os.seteuid(65534)"
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    done = in_a_process(
        f"""
        os.mkdir("read_only")
        model.save("secret")
        np.save("secret.npy", X)
        for each in ("secret", "secret.npy"):
            os.chmod(each, 0)
        os.chmod("read_only", 0o555)
        {code}
        for call in (
            lambda: model.save("read_only/model"),
            lambda: dnn_xp.load("secret"),
            lambda: dnn_xp.train("secret.npy", X[0] > 0),
        ):
            try:
                call()
            except OSError as error:
                print(type(error).__name__, os.path.basename(error.filename))
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "PermissionError model",
        "PermissionError secret",
        "PermissionError secret.npy",
    ]


@POSIX
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path, model: Any) -> None:
    killed = in_a_process(
        """
        import signal
        import dnn_xp.model.storage as storage

        storage.sign = lambda path: os.kill(os.getpid(), signal.SIGKILL)
        model.save("model")
        """,
        tmp_path,
    )
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".part")
    os.utime(left, (1, 1))
    others = [tmp_path / "model.mine.part", tmp_path / "other.abcd1234.part"]
    for each in others:
        each.touch()
        os.utime(each, (1, 1))
    model.save(tmp_path / "model")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "model", *others])


def test_labels_that_no_file_holds_are_refused_before_the_training() -> None:
    if np.dtype(np.longdouble).itemsize == 8:
        pytest.skip("longdouble is float64 here")
    X = np.random.default_rng(0).standard_normal((3, 50))
    labels = np.where(X[0] > 0, np.longdouble(1), np.longdouble(3))
    kind = str(labels.dtype)
    with refused(
        TypeError,
        f"Y | labels of dtype {kind} | labels of bool, integers, float64 or text | "
        "convert them to float64",
    ):
        dnn_xp.train(X, labels, cost="binary_cross_entropy", iterations=10**9)
    # As values they are converted like any other.
    assert (
        dnn_xp.train(X, X[0].astype(np.longdouble), hidden=[2], iterations=1).kind == "regression"
    )
