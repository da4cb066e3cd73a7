"""The options of dnn-xp train; most are the arguments of dnn_xp.train."""

from __future__ import annotations

import argparse
from dataclasses import Field, fields
from typing import Any

from dnn_xp.cli.option_types import (
    DATA,
    block_size,
    csv_options,
    force_option,
    hidden_sizes,
    key_options,
    names,
    numbers,
)
from dnn_xp.training.checkpoints.options import Keeping
from dnn_xp.training.options import Option

# The options of a training that have a flag, and those that go to train under their own names.
OPTIONS = tuple(each for each in fields(Keeping) if each.metadata["option"].flag)
TRAIN_OPTIONS = tuple(each.name for each in OPTIONS if each.name != "seed")
_PARSERS: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "numbers": numbers,
    "sizes": hidden_sizes,
    "size": block_size,
}

NOTES = """\
examples:
  dnn-xp train breast_cancer
  dnn-xp train houses.csv --target price --exclude id -o houses.safetensors
  dnn-xp train table.parquet --target species --validation 0.1 --patience 20
  dnn-xp train digits.npz --x-key images --y-key labels --batch-size 64

Every feature is standardized: its mean is subtracted and it is divided by its
standard deviation, both from the training examples and kept in the model. Raw
tables need that; --no-standardize leaves the features as they are.

A target of text or whole numbers means classes, one of other numbers values.
--cost decides otherwise: squared_error means values, softmax_cross_entropy
classes. Ctrl-C ends a training early and saves the model so far. After
--checkpoint DIR a training that was stopped or killed goes on by --resume DIR.
"""


def train_options(parser: argparse.ArgumentParser, resumed: dict[str, Any] | None = None) -> None:
    """Everything that dnn-xp train takes, in groups; `resumed` are the options of a training to go on with."""
    if resumed is None:
        parser.add_argument("data", metavar="DATA", help=DATA)
    out = parser.add_argument_group("output")
    out.add_argument(
        "-o",
        "--output",
        metavar="MODEL",
        default="model.safetensors",
        help="where the model is saved (default: %(default)s)",
    )
    force_option(out)
    out.add_argument("--quiet", action="store_true", help="no progress bar and no table")
    out.add_argument(
        "--plot",
        metavar="FILE",
        help="a picture of the learning curves and of what the model gets right on the test "
        "examples (.png, .svg, .pdf); needs matplotlib",
    )

    what = parser.add_argument_group("what is learned from what")
    for name, about in (
        ("--target", "columns to be learned, by name or number from 0"),
        ("--features", "columns to learn from (default: all others)"),
        ("--exclude", "columns to leave out, such as identifiers"),
    ):
        what.add_argument(name, action="append", metavar="COL,...", help=about)
    key_options(what)
    what.add_argument("--y-key", metavar="KEY", help="the array of targets in DATA (default: Y)")
    what.add_argument("--target-file", metavar="FILE", help="the targets, in a file of their own")
    csv_options(parser)
    what.add_argument(
        "--test-fraction",
        type=float,
        default=0.2,
        metavar="F",
        help="share of the examples held out to test the model on (default: %(default)s; 0: none)",
    )

    what.add_argument(
        "--test-part",
        type=names("--test-part", ("auto", "last")),
        default="auto",
        metavar="NAME",
        help="auto: random examples, drawn within each class (the last ones of what does not fit "
        "into memory); last: those at the end, as for time series (default: auto)",
    )
    what.add_argument(
        "--groups",
        metavar="COL",
        help="column of groups (patients, households) that the splits for test and validation "
        "keep whole; no feature",
    )

    groups = {
        name: parser.add_argument_group(name) for name in ("network", "training", "computing")
    }
    for each in OPTIONS:
        _add(groups[each.metadata["option"].group], each)
    groups["computing"].add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="train on the Dask cluster with this scheduler, such as tcp://10.0.0.1:8786; needs "
        "dnn_xp[dask]",
    )
    groups["training"].add_argument(
        "--resume",
        metavar="DIR",
        help="go on with the training that is kept in DIR; the options are those it began with, "
        "apart from the ones given",
    )
    parser.set_defaults(device="auto")
    parser.set_defaults(**(resumed or {}))


def computing_options(parser: argparse.ArgumentParser) -> None:
    """Where to compute."""
    group = parser.add_argument_group("computing")
    for each in OPTIONS:
        if each.name in ("device", "fallback", "threads"):
            _add(group, each)
    parser.set_defaults(device="auto")


def _add(group: Any, each: Field[Any]) -> None:
    """The flag of one option of a training."""
    option: Option = each.metadata["option"]
    flag = "--" + each.name.replace("_", "-")
    if isinstance(each.default, bool) or option.text == "switch":
        group.add_argument(
            flag, action=argparse.BooleanOptionalAction, default=each.default, help=option.help
        )
        return
    about = f"{option.help}: {', '.join(option.choices)}" if option.choices else option.help
    if each.default is not None:
        about += f" (default: {each.default})"
    several = "sequence" in option.kind
    check = names(flag, option.choices, several=several) if option.choices else None
    metavar = {"int": "N", "float": "X", "numbers": "P", "sizes": "N,...", "size": "N"}
    group.add_argument(
        flag,
        type=check or _PARSERS[option.text],
        default=each.default,
        metavar=metavar.get(option.text, "NAME"),
        help=about,
    )
