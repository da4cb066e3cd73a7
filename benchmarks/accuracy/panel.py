"""Measure what is missing: each set, split and method in a process of its own, kept at once.

A method's rows are in a file of its own, to which several of these may add at the same time. What is
there is not measured again; delete a row to have it measured anew.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import math
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.accuracy.methods import PACKAGES
from benchmarks.accuracy.sets import NAMES
from benchmarks.results import results_folder

FOLDER = results_folder(1, "accuracy")


def path_of(method: str, folder: Path) -> Path:
    """The file of a method's rows."""
    words = "".join(each if each.isalnum() or each in "-+" else " " for each in method.lower())
    return folder / f"{'_'.join(words.split())}.json"


def rows_of(method: str, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """What has been measured of a method."""
    path = path_of(method, folder)
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return rows


def keep(method: str, row: dict[str, Any], folder: Path) -> None:
    """Add a row to a method's, one a line; others may add theirs at the same time."""
    path = path_of(method, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        others = rows_of(method, folder)
        if any((each["set"], each["split"]) == (row["set"], row["split"]) for each in others):
            return
        rows = [*others, row]
        written = path.with_suffix(".new")
        written.write_text("[\n" + ",\n".join(json.dumps(each) for each in rows) + "\n]\n")
        written.replace(path)


def train(
    name: str, split: int, method: str, threads: int, through: list[str]
) -> dict[str, Any] | None:
    """One row, measured in a process of its own; None if that failed, with its last words shown."""
    one = [sys.executable, "-m", "benchmarks.accuracy.measure", name, str(split), method]
    limit = {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [*through, *one], env=os.environ | limit, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"{method} on {name}, split {split}: {done.stderr[-500:]}", file=sys.stderr)
        return None
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def measure(arguments: argparse.Namespace) -> int:
    """Measure what is missing, split by split; the number of failures."""
    failed = 0
    began = time.monotonic()
    through = shlex.split(arguments.through)
    for split, name, method in product(arguments.splits, arguments.sets, arguments.methods):
        rows = rows_of(method, arguments.folder)
        if any(row["set"] == name and row["split"] == split for row in rows):
            continue
        if time.monotonic() - began > arguments.seconds:
            break
        row = train(name, split, method, arguments.threads, through)
        if row is None:
            failed += 1
            continue
        keep(method, row, arguments.folder)
        print(
            f"{method:<22} {name:<18} {split} {row['error']:.4f} {row['seconds']:8.2f} s",
            flush=True,
        )
    return failed


def ablate(words: list[str]) -> int:
    """Measure the tricks of the preset in the same way, in a folder of their own."""
    from benchmarks.accuracy.ablation import METHODS

    names = ["--methods", *METHODS, "--folder", str(FOLDER / "ablation")]
    return measure(parse([*names, *words], list(METHODS)))


def parse(words: list[str], methods: Sequence[str] = tuple(PACKAGES)) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks accuracy", description=__doc__)
    parser.add_argument("--methods", nargs="*", default=methods, choices=methods)
    parser.add_argument("--sets", nargs="*", default=NAMES, choices=NAMES)
    parser.add_argument("--splits", nargs="*", type=int, default=[0], help="seeds of splits")
    parser.add_argument("--threads", type=int, default=2, help="of each training")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where results are kept")
    parser.add_argument(
        "--through",
        default="",
        metavar="COMMAND",
        help="a command that each training is run by, such as a queue for the machine",
    )
    parser.add_argument(
        "--seconds", type=float, default=math.inf, help="start no more trainings after these"
    )
    parser.add_argument("--report", action="store_true", help="write the report, measure nothing")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Measure, or report what was measured."""
    if words[:1] == ["ablation"]:
        return 1 if ablate(words[1:]) else 0
    arguments = parse(words)
    if arguments.report:
        from benchmarks.accuracy.report import write

        write(arguments.folder)
        return 0
    return 1 if measure(arguments) else 0
