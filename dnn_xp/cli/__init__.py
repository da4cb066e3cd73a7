"""The way in from a shell: dnn-xp, or python -m dnn_xp."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from argparse import Namespace
from collections.abc import Sequence
from typing import TextIO

from dnn_xp.backends import DeviceFallbackWarning
from dnn_xp.cli.parser import parse
from dnn_xp.cli.wording import explain, in_shell_words, say
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
        0 when all is well, 1 for a failure (one line on stderr says which), 2 for arguments that
        cannot be understood, 130 after Ctrl-C, 141 when nobody reads the output any more.

    Examples
    --------
    >>> main(["--version"])
    dnn_xp 0.1.0
    0
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            warnings.simplefilter("always", DeviceFallbackWarning)
            warnings.simplefilter("always", DataWarning)
            code = _dispatch(parse(arguments))
            # A reader that went away is noticed here, not when the interpreter ends.
            sys.stdout.flush()
            return code
    except SystemExit as stop:  # argparse, after --help or its own message
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        say("interrupted", "nothing was saved")
        return INTERRUPTED
    except BrokenPipeError:
        _silence(sys.stdout)
        return BROKEN_PIPE
    except Exception as error:
        if "--debug" in arguments:
            traceback.print_exc()
        say("error", explain(error))
        return 1


def _dispatch(args: Namespace) -> int:
    # Imported here: showing help must not wait for what only the work needs.
    if args.command == "train":
        from dnn_xp.cli.commands import train

        return train.run(args)
    if args.command == "predict":
        from dnn_xp.cli.commands import predict

        return predict.run(args)
    if args.command == "demo":
        from dnn_xp.cli.commands import demo

        return demo.run(args)
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
    say(said, in_shell_words(" ".join(str(message).split())))


def _silence(stream: TextIO) -> None:
    """Send what is still buffered nowhere, so that the interpreter ends without a complaint."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError:  # a stream without a file behind it has nothing to lose
        return
