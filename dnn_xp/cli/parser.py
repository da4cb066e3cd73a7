"""The commands and their options."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import dnn_xp
from dnn_xp.cli import help as notes
from dnn_xp.cli.option_types import (
    DATA,
    csv_options,
    force_option,
    key_options,
    onnx_path,
    output_path,
)
from dnn_xp.cli.resuming import kept_command, resumed_folder
from dnn_xp.cli.sweep_options import bench_options, plan_options, sweep_options
from dnn_xp.cli.train_options import (
    computing_options,
    data_options,
    output_options,
    train_options,
    training_options,
)
from dnn_xp.cli.wording import did_you_mean
from dnn_xp.cli.writing import WRITERS
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import unknown_name


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that says what is wrong in one line, and where to look."""

    def error(self, message: str) -> NoReturn:
        """Print the message and leave with exit code 2."""
        message = re.sub(r"^argument [^:]+: (?=--|OUT)", "", message)
        print(f"dnn-xp: error: {message}\nTry '{self.prog} --help'.", file=sys.stderr)
        raise SystemExit(2)

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse's own says nothing of a text that could not be written.
        (file or sys.stderr).write(message)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments, checked; SystemExit(2) with a message when they cannot be understood."""
    folder = resumed_folder(argv) if "train" in argv[:2] else None
    parser, commands = _parsers(None if folder is None else kept_command(folder))
    if not argv:
        parser.print_help(sys.stderr)
        raise SystemExit(2)
    # The options before a command take no values, so the first other word is the command.
    word = next((each for each in argv if not each.startswith("-")), None)
    if word is not None and word not in commands:
        parser.error(str(unknown_name("COMMAND", word, commands)))
    args, extra = parser.parse_known_args(argv)
    if extra:
        _refuse(extra, commands[args.command])
    if getattr(args, "config", None) is not None:
        from dnn_xp.cli.config import merged

        if folder is not None:
            raise ArgumentValueError(
                "--config",
                repr(args.config),
                "left out where --resume is given",
                "the training keeps the options that it began with; type those to change",
            )
        args = merged(_typed(argv), args)
    if "data" in args and args.data is None and getattr(args, "shape", None) is None:
        commands[args.command].error("the following arguments are required: DATA")
    return args


def _typed(argv: Sequence[str]) -> dict[str, Any]:
    """The options that are typed, without those that have their defaults."""
    parser, commands = _parsers()
    for each in commands.values():
        each._defaults.clear()  # argparse has no public way to forget them
        for action in each._actions:
            action.default = argparse.SUPPRESS
    return vars(parser.parse_args(argv))


def _refuse(extra: list[str], parser: argparse.ArgumentParser) -> NoReturn:
    options = [each for each in extra if each.startswith("-")]
    if not options:
        parser.error(
            f"{' '.join(extra)!r} is one argument too many. Lists are written with commas (a,b)."
        )
    # argparse keeps its options here and has no public way to list them.
    known = [name for name in parser._option_string_actions if name.startswith("--")]
    option = options[0].partition("=")[0]
    parser.error(f"unknown option {option}.{did_you_mean(option, known)}")


def _parsers(
    resumed: dict[str, Any] | None = None,
) -> tuple[Parser, dict[str, argparse.ArgumentParser]]:
    """The parsers; `resumed` are the options of the training that train goes on with."""
    shared = Parser(add_help=False)
    shared.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks of errors"
    )
    parser = Parser(
        prog="dnn-xp",
        description="Train and use deep fully connected networks on tables and arrays.",
        epilog=notes.GENERAL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        parents=[shared],
    )
    version = f"dnn_xp {dnn_xp.__version__}"
    parser.add_argument("--version", action="version", version=version, help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, usage: str, about: str, below: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            usage=f"dnn-xp {name} {usage}",
            help=about,
            description=about[0].upper() + about[1:] + ".",
            epilog=below,
            allow_abbrev=False,
            parents=[shared],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    made = {
        "train": command(
            "train",
            "DATA [--target COL] [-o MODEL] [options]\n       dnn-xp train --resume DIR [options]",
            "train a network on a table or arrays and save it",
            notes.TRAIN,
        ),
        "predict": command(
            "predict",
            "MODEL DATA [-o OUT] [options]",
            "write what a saved model predicts for a table or arrays",
            notes.PREDICT,
        ),
        "sweep": command(
            "sweep",
            "DATA --grid GRID [--target COL] [-o MODEL] [options]",
            "train a network for each combination of options and save the best",
            notes.SWEEP,
        ),
        "plan": command(
            "plan",
            "DATA [--target COL] [options]",
            "print what memory and time a training will take, without it",
            notes.PLAN,
        ),
        "export": command(
            "export",
            "MODEL OUT.onnx [options]",
            "write a saved model as an ONNX graph, for runtimes without dnn_xp",
            notes.EXPORT,
        ),
        "info": command(
            "info", "MODEL", "print the layers of a saved model and how it was trained", notes.INFO
        ),
        "devices": command(
            "devices", "[-h]", "print what can compute here, and why not the rest", notes.DEVICES
        ),
        "demo": command(
            "demo", "[options]", "train on a small bundled data set, in seconds", notes.DEMO
        ),
        "bench": command(
            "bench", "[options]", "measure a gradient here, beside plain NumPy", notes.BENCH
        ),
    }
    train_options(made["train"], resumed)
    _predict_options(made["predict"])
    output_options(made["sweep"])
    data_options(made["sweep"])
    training_options(made["sweep"])
    sweep_options(made["sweep"])
    data_options(made["plan"])
    plan_options(made["plan"])
    training_options(made["plan"])
    _export_options(made["export"])
    made["info"].add_argument("model", metavar="MODEL", help="a file that 'dnn-xp train' wrote")
    computing_options(made["demo"])
    made["demo"].add_argument("--quiet", action="store_true", help="no progress bar")
    bench_options(made["bench"])
    return parser, made


def _export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a file that 'dnn-xp train' wrote")
    parser.add_argument("output", metavar="OUT", type=onnx_path, help="the file to write: *.onnx")
    force_option(parser)
    parser.add_argument(
        "--opset",
        type=int,
        default=15,
        metavar="N",
        help="ONNX's version of the operators, 13 or more (default: 15)",
    )


def _predict_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a file that 'dnn-xp train' wrote")
    parser.add_argument("data", metavar="DATA", help=DATA)
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=output_path,
        help=f"a file ({', '.join(WRITERS)}); left out: CSV on standard output",
    )
    force_option(parser)
    parser.add_argument(
        "--proba", action="store_true", help="probabilities, a column for each class, not labels"
    )
    parser.add_argument(
        "--features",
        action="append",
        metavar="COL,...",
        help="columns to predict from (default: those the model was trained on, by name)",
    )
    key_options(parser)
    csv_options(parser)
    computing_options(parser)
