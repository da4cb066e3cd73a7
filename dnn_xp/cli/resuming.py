"""dnn-xp train --resume DIR: the command that began a training, kept beside its checkpoints."""

from __future__ import annotations

import json
import shlex
import signal
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from dnn_xp.cli.train_options import OPTIONS
from dnn_xp.common.atomic import written_whole
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.data.readers.files import split_path
from dnn_xp.training.checkpoints.folder import Folder
from dnn_xp.training.specification import Specification

TERMINATED = 143
_FILE = "command.json"
_OF_ONE_COMMAND = ("debug", "resume", "config")
_TRAINING = tuple(each.name for each in OPTIONS)


class TerminatedError(KeyboardInterrupt):
    """SIGTERM came: the command ends as after Ctrl-C, with another exit code."""


def resumed_folder(argv: Sequence[str]) -> str | None:
    """The folder that follows --resume, if that is there."""
    for place, each in enumerate(argv):
        if each == "--resume" and place + 1 < len(argv):
            return argv[place + 1]
        if each.startswith("--resume="):
            return each.removeprefix("--resume=")
    return None


def keep_command(args: Namespace, asked: Specification) -> None:
    """Write the options of a training beside its checkpoints, which are to come.

    What a file of --config said is among them: that file is not read again.
    """
    folder = Folder(args.checkpoint)
    if folder.files():
        return  # those of another training, which `train` refuses
    options = {name: value for name, value in vars(args).items() if name not in _OF_ONE_COMMAND}
    plain = asked.to_dict()
    options |= {name: plain[name] for name in _TRAINING}
    options["data"] = _in_full(args.data)
    options["target_file"] = args.target_file and _in_full(args.target_file)
    for name in ("output", "plot"):
        options[name] = options[name] and str(Path(options[name]).absolute())
    folder.path.mkdir(parents=True, exist_ok=True)
    with written_whole(folder.path / _FILE) as temporary:
        temporary.write_text(json.dumps(options), encoding="utf-8")


def kept_command(folder: str) -> dict[str, Any]:
    """The options that `keep_command` wrote; they are the defaults of the command that goes on.

    Raises
    ------
    ArgumentValueError
        For a folder without them.
    """
    path = Path(folder) / _FILE
    wanted = "a folder that 'dnn-xp train DATA --checkpoint DIR' has begun"
    try:
        options: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        asked = Specification.from_dict({name: options[name] for name in _TRAINING})
    except FileNotFoundError as error:
        raise ArgumentValueError("--resume", repr(folder), wanted) from error
    except (ValueError, TypeError, KeyError) as error:
        got = f"{folder!r}, whose {_FILE} is damaged ({error})"
        raise ArgumentValueError("--resume", got, wanted) from error
    training = {name: getattr(asked, name) for name in _TRAINING}
    return options | training | {"checkpoint": folder}


def how_to_go_on(checkpoint: str) -> str:
    """Where the training is, and the command that goes on; "" before the first checkpoint."""
    if not Folder(checkpoint).files():
        return ""
    command = f"dnn-xp train --resume {shlex.quote(checkpoint)}"
    return f"the training is kept in {checkpoint}; to go on: {command}"


def _in_full(path: str) -> str:
    """A path that holds in every folder; the name of a bundled data set as it is."""
    file, key = split_path(path)
    return path if not file.exists() else str(file.absolute()) + (f"::{key}" if key else "")


@contextmanager
def terminating() -> Iterator[list[int]]:
    """SIGTERM raises `TerminatedError` in the block and is put into the list; in the main thread only."""
    came: list[int] = []

    def terminate(number: int, frame: FrameType | None) -> None:
        came.append(number)
        raise TerminatedError

    try:
        before = signal.signal(signal.SIGTERM, terminate)
    except ValueError:  # another thread
        yield came
        return
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
