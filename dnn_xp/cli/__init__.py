"""The shell commands: dnn-xp, or python -m dnn_xp.

May import everything but __main__; the rest of the package imports nothing of it.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module
from typing import Any, TextIO

from dnn_xp.backends.choice import DeviceFallbackWarning
from dnn_xp.cli.parser import parse
from dnn_xp.cli.resuming import TERMINATED, TerminatedError
from dnn_xp.cli.wording import SHELL, explain, say
from dnn_xp.common.errors import Worded
from dnn_xp.common.warnings import DataWarning

INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process when left out.

    Returns
    -------
    int
        0 for success, 1 for a failure (one line on stderr says which, output that cannot be written
        among them), 2 for arguments that cannot be parsed, 130 after Ctrl-C, 143 after SIGTERM, 141
        when the reader of the output has closed it.

    Examples
    --------
    >>> main(["--version"])
    dnn_xp 0.1.0
    0
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    code = _run(arguments)
    try:
        # Flush here, so that a closed pipe or a full disk is met now and not when the interpreter exits.
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
        return BROKEN_PIPE
    except OSError as error:
        _silence(sys.stdout)
        say("error", f"standard output: {explain(error)}")
        return code or 1
    return code


def _run(arguments: list[str]) -> int:
    """The command's exit code, its output still to be flushed."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            warnings.simplefilter("always", DeviceFallbackWarning)
            warnings.simplefilter("always", DataWarning)
            return _dispatch(parse(arguments))
    except SystemExit as stop:  # argparse, after --help or its own message
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt as error:
        terminated = isinstance(error, TerminatedError)
        say("terminated" if terminated else "interrupted", "nothing was saved")
        return TERMINATED if terminated else INTERRUPTED
    except BrokenPipeError:
        _silence(sys.stdout)
        return BROKEN_PIPE
    except Exception as error:
        if "--debug" in arguments:
            traceback.print_exc()
        say("error", explain(error))
        return 1


def _dispatch(args: Namespace) -> int:
    # Imported here, so that --help does not wait for modules that only the work needs.
    if args.command not in ("info", "devices"):
        command: Any = import_module(f"dnn_xp.cli.commands.{args.command}")
        code: int = command.run(args)
        return code
    from dnn_xp.cli.commands import about

    return about.info(args) if args.command == "info" else about.show_devices(args)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    said = "note" if issubclass(category, DataWarning) else "warning"
    text = message.sentence(SHELL) if isinstance(message, Worded) else str(message)
    say(said, " ".join(text.split()))


def _silence(stream: TextIO) -> None:
    """Discard what is still buffered, so that the interpreter exits without an error."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError:  # a stream without a file buffers nothing
        return
