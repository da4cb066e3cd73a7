"""A run as a TOML file: which data, how they are split, and every option of the training.

Written beside a saved model, and read by --config. What is typed besides overrides the file.
"""

from __future__ import annotations

import os
import tomllib
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import dnn_xp
from dnn_xp.cli.inputs.bundled import BUNDLED
from dnn_xp.cli.option_types import check_names
from dnn_xp.cli.train_options import OPTIONS, options_of
from dnn_xp.cli.wording import say
from dnn_xp.common.atomic import written_whole
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe, unknown_name
from dnn_xp.data.readers.files import split_path
from dnn_xp.training.records import toml_value
from dnn_xp.training.specification import Specification

_TEXT, _LIST, _NUMBER = "text", "a list of text", "a number"
# The entries before [training]: options of the shell, in the order in which they are written.
RUN = {
    "data": _TEXT,
    "target": _LIST,
    "features": _LIST,
    "exclude": _LIST,
    "groups": _TEXT,
    "x_key": _TEXT,
    "y_key": _TEXT,
    "target_file": _TEXT,
    "examples": _TEXT,
    "separator": _TEXT,
    "decimal": _TEXT,
    "thousands": _TEXT,
    "test_fraction": _NUMBER,
    "test_part": _TEXT,
    "metrics": _LIST,
}
_PATHS = ("data", "target_file")
_CHOICES = {"examples": ("rows", "columns"), "test_part": ("auto", "last")}
_TRAINING = tuple(each.name for each in OPTIONS)


def config_beside(model: Path) -> Path:
    """model.safetensors -> model.toml."""
    name = model.name.removesuffix(".safetensors")
    return model.with_name(f"{name}.toml")


def write_config(path: Path, args: Namespace, asked: Specification) -> None:
    """What `dnn-xp train --config PATH` needs to make the same model again."""
    lines = [
        f"# Written by dnn-xp {dnn_xp.__version__} with NumPy {np.__version__}. The same model again:",
        f"#   dnn-xp train --config {path.name} -o again.safetensors",
        "# What is typed besides overrides this file; paths are relative to its folder.",
        "",
    ]
    for name in RUN:
        value = getattr(args, name, None)
        if value is not None and value != []:
            written = _relative(value, path.parent) if name in _PATHS else value
            lines.append(f"{name} = {toml_value(written)}")
    lines += ["", "[training]"]
    plain = asked.to_dict()
    lines += [
        f"{name} = {toml_value(plain[name])}" for name in _TRAINING if plain[name] is not None
    ]
    with written_whole(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_config(text: str) -> dict[str, Any]:
    """The options in a TOML file, checked and named as argparse names them."""
    path = Path(text)
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"--config={text!r}: there is no such file") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        got = f"{text!r}, which cannot be read ({error})"
        raise ArgumentValueError("--config", got, "a TOML file") from error
    training = entries.pop("training", {})
    if not isinstance(training, dict):
        raise ArgumentTypeError("training", describe(training), f"the table [training] of {text!r}")
    found = {name: _checked(name, value, text) for name, value in entries.items()}
    for name in _PATHS:
        if name in found:
            found[name] = _absolute(found[name], path.parent)
    for name in training:
        if name not in _TRAINING:
            raise unknown_name(f"[training] of {text!r}", name, _TRAINING)
    asked = Specification.from_dict(training)
    return found | {name: getattr(asked, name) for name in training}


def _checked(name: str, value: Any, where: str) -> Any:
    if name not in RUN:
        raise unknown_name(f"an entry of {where!r}", name, (*RUN, "training"))
    kind, argument = RUN[name], f"{name} in {where!r}"
    if kind == _LIST and isinstance(value, str):
        value = [value]
    fits = {
        _TEXT: isinstance(value, str),
        _LIST: isinstance(value, list) and all(isinstance(each, str) for each in value),
        _NUMBER: isinstance(value, (int, float)) and not isinstance(value, bool),
    }
    if not fits[kind]:
        raise ArgumentTypeError(argument, describe(value), kind)
    if name in _CHOICES and value not in _CHOICES[name]:
        raise unknown_name(argument, value, _CHOICES[name])
    if name == "metrics":
        check_names(argument, value)
    return value


def merged(typed: Mapping[str, Any], defaults: Namespace) -> Namespace:
    """What was typed, before what the file of --config says, before the defaults; overrides are told."""
    where = typed["config"]
    found = read_config(where)
    for name, value in typed.items():
        if name in found and found[name] != value:
            flag = "DATA" if name == "data" else f"--{name.replace('_', '-')}"
            say("note", f"{flag} overrides {name} = {toml_value(_plain(found[name]))} of {where}")
    return Namespace(**{**vars(defaults), **found, **typed})


def specification_of(args: Namespace) -> Specification:
    """The options of the training, checked."""
    options = options_of(args)
    return Specification(**options, seed=args.seed)


def _plain(value: Any) -> Any:
    """A value for a message: schedules and optimizers by their repr."""
    if isinstance(value, tuple) and not hasattr(value, "hyperparameters"):
        return list(map(_plain, value))
    return value if isinstance(value, (str, bool, int, float, list)) else repr(value)


def _relative(text: str, folder: Path) -> str:
    """A path as it is seen from a folder; the name of a bundled set stays."""
    file, key = split_path(text)
    if text in BUNDLED and not file.suffix:
        return text
    try:
        seen = os.path.relpath(file.resolve(), folder.resolve())
    except ValueError:  # another drive
        seen = os.fspath(file.resolve())
    return seen if key is None else f"{seen}::{key}"


def _absolute(text: str, folder: Path) -> str:
    """The inverse of _relative."""
    file, key = split_path(text)
    if (text in BUNDLED and not file.suffix) or file.is_absolute():
        return text
    seen = os.path.normpath(folder / file)
    return seen if key is None else f"{seen}::{key}"
