"""The options of dnn-xp train; most are the arguments of dnn_xp.train."""

from __future__ import annotations

import argparse
from dataclasses import Field, fields
from typing import Any

from dnn_xp.cli.option_types import (
    DATA,
    block_size,
    class_weights,
    csv_options,
    force_option,
    hidden_sizes,
    key_options,
    metric_names,
    names,
    numbers,
)
from dnn_xp.training.checkpoints.options import Keeping
from dnn_xp.training.options import Option
from dnn_xp.training.preset import PRESETS
from dnn_xp.training.specification import Specification

# The options of a training that have a flag, and those that go to train under their own names.
OPTIONS = tuple(each for each in fields(Specification) if each.metadata["option"].flag)
TRAIN_OPTIONS = tuple(each.name for each in OPTIONS if each.name != "seed")
# How a training is kept: options of dnn-xp train alone, and no part of a run's file.
KEEPING = tuple(
    each
    for each in fields(Keeping)
    if each.metadata["option"].flag and each.name not in Specification.__dataclass_fields__
)
_DEFAULTS = {each.name: each.default for each in OPTIONS}


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """The options of a training; with a preset without those that have their defaults, which it may set."""
    options = {name: getattr(args, name) for name in TRAIN_OPTIONS}
    decided = PRESETS.get(options["preset"], {})
    return {
        name: value
        for name, value in options.items()
        if not (name in decided and value == _DEFAULTS[name])
    }


_PARSERS: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "numbers": numbers,
    "sizes": hidden_sizes,
    "size": block_size,
}
_OF_THEIR_OWN: dict[str, Any] = {"class_weight": class_weights}


def train_options(parser: argparse.ArgumentParser, resumed: dict[str, Any] | None = None) -> None:
    """Everything that dnn-xp train takes, in groups; `resumed` are the options of a training to go on with."""
    out = output_options(parser)
    out.add_argument(
        "--plot",
        metavar="FILE",
        help="a picture of the learning curves and of what the model gets right on the test "
        "examples (.png, .svg, .pdf); needs matplotlib",
    )
    data_options(parser, given=resumed is not None)
    training_options(parser)
    keeping_options(parser)
    parser.set_defaults(**(resumed or {}))


def output_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Where the model goes, and what is told of it; the group, for more of that."""
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
        "--metrics",
        type=metric_names,
        metavar="NAME,...",
        help="what the table shows besides cost and accuracy or R2: balanced_accuracy, f1, auc, "
        "average_precision, brier of classes; mae, rmse of values; or all",
    )
    return out


def data_options(parser: argparse.ArgumentParser, *, given: bool = False) -> None:
    """DATA unless it is given, what is learned from what in it, and what is held out for the test."""
    if not given:
        parser.add_argument("data", metavar="DATA", nargs="?", help=DATA)
    what = parser.add_argument_group("what is learned from what")
    what.add_argument(
        "--config",
        metavar="FILE",
        help="a TOML file as it is written beside a model: data and options of a run, which "
        "options that are typed override",
    )
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


def training_options(parser: argparse.ArgumentParser) -> None:
    """The options of a training, in their groups."""
    groups = {
        name: parser.add_argument_group(name) for name in ("network", "training", "computing")
    }
    for each in OPTIONS:
        _add(groups[each.metadata["option"].group], each)
    parser.set_defaults(device="auto")


def keeping_options(parser: argparse.ArgumentParser) -> None:
    """How a training is kept while it runs, and gone on with."""
    group = parser.add_argument_group("checkpoints")
    for each in KEEPING:
        _add(group, each)
    group.add_argument(
        "--resume",
        metavar="DIR",
        help="go on with the training that is kept in DIR; the options are those it began with, "
        "apart from the ones given",
    )
    cluster = parser.add_argument_group("cluster")
    cluster.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="train on the Dask cluster with this scheduler, such as tcp://10.0.0.1:8786; needs "
        "dnn_xp[dask]",
    )


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
    about = option.help
    if option.choices and each.name not in _OF_THEIR_OWN:
        about += f": {', '.join(option.choices)}"
    if each.default is not None:
        about += f" (default: {each.default})"
    several = "sequence" in option.kind
    check = _OF_THEIR_OWN.get(each.name)
    if check is None and option.choices:
        check = names(flag, option.choices, several=several)
    metavar = {"int": "N", "float": "X", "numbers": "P", "sizes": "N,...", "size": "N"}
    group.add_argument(
        flag,
        type=check or _PARSERS[option.text],
        default=each.default,
        metavar="NAME or LABEL=W,..."
        if each.name in _OF_THEIR_OWN
        else metavar.get(option.text, "NAME"),
        help=about,
    )
