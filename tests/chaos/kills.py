"""Trainings that are killed by SIGKILL at random moments and resumed: `python tests/chaos/kills.py --help`.

Each training runs in a process of its own, a fork of this one that has imported everything, or, one
in ten, a new interpreter. It is killed after a random time, resumed, killed again, until it ends by
itself, and must end with the figures of the training that was never stopped. In half of the
trainings a checkpoint is written slowly, in small pieces, so that kills fall into the writing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

from trainings import HOW, N, examples, figures  # noqa: E402 - once the path is known

import dnn_xp  # noqa: E402
from dnn_xp.training import batches  # noqa: E402
from dnn_xp.training.checkpoints import files  # noqa: E402
from dnn_xp.training.checkpoints.folder import Folder  # noqa: E402

# A process that takes longer is stuck.
LIMIT = 120.0


def train(name: str, folder: Path, checkpoint: Path | None, *, pace: float) -> dict[str, Any]:
    """The figures of a training, kept in the folder `checkpoint` or not; `pace` seconds an update."""
    how = dict(HOW[name.removesuffix(", of files")])
    given: Any = examples()
    if name.endswith(", of files"):
        batches._SHUFFLE_BYTES = 100 * 8 * (N + 1)
        given = str(folder / "X.npy"), given[1]
    if checkpoint is not None:
        how |= {"checkpoint": checkpoint, "resume": True, "checkpoint_every": 1, "keep": 2}
        # The watched loop and the other one have to end alike.
        how["callbacks"] = [lambda *_: time.sleep(pace)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dnn_xp.ConvergenceWarning)
        warnings.simplefilter("error", dnn_xp.CheckpointWarning)
        model = dnn_xp.train(*given, hidden=[6, 5], **how)
    found = figures(model)
    found["stopped"] = found["stopped"].value
    plain: dict[str, Any] = json.loads(json.dumps(found, default=str))
    return plain


def write_slowly() -> None:
    """The hook: checkpoints in small pieces, with a pause after each."""
    files._PIECE = 256

    def put(file: Any, piece: memoryview) -> None:
        file.write(piece)
        file.flush()
        time.sleep(0.0003)

    files.put = put


def run_here(name: str, folder: Path, kept: Path, slow: bool) -> None:
    """One process: a training until it ends, whose figures are written last."""
    if slow:
        write_slowly()
    found = train(name, folder, kept, pace=0.004)
    (folder / "figures.part").write_text(json.dumps(found))
    (folder / "figures.part").rename(folder / "figures.json")


def start(name: str, folder: Path, kept: Path, *, slow: bool, fresh: bool) -> int:
    """The id of a process that trains."""
    if fresh:
        typed = [sys.executable, __file__, "--child", name, str(folder), str(kept), str(int(slow))]
        return subprocess.Popen(typed).pid
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run_here(name, folder, kept, slow)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return child


def ended(child: int, seconds: float) -> int | None:
    """The status of a process that ends within that time."""
    until = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        if time.monotonic() >= until:
            return None
        time.sleep(0.0005)


def kill_until_done(
    name: str, expected: dict[str, Any], folder: Path, rng: random.Random, counts: Counter[str]
) -> None:
    """One training, killed at least once; AssertionError where anything is not as it has to be."""
    slow = rng.random() < 0.5
    np.save(folder / "X.npy", examples()[0])
    kept, kills = folder / "kept", 0
    duration = 0.5
    while True:
        fresh = rng.random() < 0.1
        begun = time.monotonic()
        child = start(name, folder, kept, slow=slow, fresh=fresh)
        # More than a few kills are one too many for a training that has to end.
        wait = rng.random() * (duration + 1.5 * fresh) if kills < 4 else LIMIT
        status = ended(child, wait)
        if status is None:
            assert wait < LIMIT, f"{name}: no end after {LIMIT} s"
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            kills += 1
            counts["kills"] += 1
            counts["of new interpreters"] += fresh
            partial = len(list(kept.glob("*.part")))
            counts["in the middle of a write"] += bool(partial)
            counts["before a first checkpoint"] += not Folder(kept).files()
            for _, path in Folder(kept).files():
                files.read_checkpoint(path)
                counts["checkpoints read"] += 1
            continue
        assert status == 0, f"{name}: status {status}"
        duration = time.monotonic() - begun
        if kills:
            break
        shutil.rmtree(kept)  # too quick: again, to be killed earlier
        counts["ended unkilled"] += 1
    found = json.loads((folder / "figures.json").read_text())
    assert found == expected, f"{name}: other figures\n{found}\n{expected}"
    assert not list(kept.glob("*.part"))
    counts["trainings"] += 1


def chaos(trainings: int, seed: int, say: Any = print) -> Counter[str]:
    """Kill so many trainings; what was counted."""
    rng, counts, expected = random.Random(seed), Counter[str](), {}
    names = [*HOW, *(f"{name}, of files" for name in HOW if "batches" in name)]
    rng.shuffle(names)
    begun = time.monotonic()
    for number in range(trainings):
        name = names[number % len(names)]
        with tempfile.TemporaryDirectory() as there:
            folder = Path(there)
            if name not in expected:
                np.save(folder / "X.npy", examples()[0])
                expected[name] = train(name, folder, None, pace=0.0)
            kill_until_done(name, expected[name], folder, rng, counts)
        if (number + 1) % 20 == 0:
            say(
                f"{number + 1} trainings, {counts['kills']} kills, {time.monotonic() - begun:.0f} s"
            )
    say(f"seed {seed}: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    return counts


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trainings", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--child", nargs=4)
    args = parser.parse_args()
    if args.child is not None:
        name, folder, kept, slow = args.child
        run_here(name, Path(folder), Path(kept), bool(int(slow)))
        return
    print(f"seed {args.seed}", flush=True)
    chaos(args.trainings, args.seed, lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
