"""A file is the old one or the whole new one, with the mode and behind the link it had."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from refusals import refused

from dnn_xp.common import atomic
from dnn_xp.common.atomic import written_whole

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and pipes of POSIX")


def test_a_file_appears_when_the_block_is_done(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with written_whole(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == tmp_path
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "out"
    path.write_text("old")

    def write() -> None:
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fails_to_sync_is_an_error(tmp_path: Path, monkeypatch: Any) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "out"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"), written_whole(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_file_and_folder_are_synced_around_the_replacement(
    tmp_path: Path, monkeypatch: Any
) -> None:
    path = tmp_path / "out"
    done: list[Any] = []
    sync, replace = atomic._sync, Path.replace

    def synced(each: Path, flags: int) -> None:
        what = ("folder", each) if each.is_dir() else ("file", each.read_text())
        done.append((*what, path.exists()))
        sync(each, flags)

    monkeypatch.setattr(atomic, "_sync", synced)

    def moved(self: Path, to: Path) -> None:
        done.append("move")
        replace(self, to)

    monkeypatch.setattr(Path, "replace", moved)
    with written_whole(path) as temporary:
        temporary.write_text("new")
    assert done == [("file", "new", False), "move", ("folder", tmp_path, True)]


@POSIX
def test_modes(tmp_path: Path) -> None:
    path = tmp_path / "out"
    before = os.umask(0o027)
    try:
        with written_whole(path):
            pass
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o600)
        with written_whole(path):
            pass
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


@POSIX
def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    link.symlink_to(target)
    for text in ("first", "second"):
        with written_whole(link) as temporary:
            temporary.write_text(text)
        assert link.is_symlink()
        assert target.read_text() == text


@POSIX
def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with refused(ValueError, "path | ...pipe', which is no file | the path of a file"):
        written_whole(pipe).__enter__()
    assert pipe.is_fifo()
