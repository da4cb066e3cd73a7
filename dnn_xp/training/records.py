"""Options as plain values: a key to compare them by, and dicts, JSON and TOML."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from dnn_xp.common.checks import check_choice
from dnn_xp.common.errors import ArgumentTypeError
from dnn_xp.common.messages import describe
from dnn_xp.formulas.optimizers import OPTIMIZERS, Optimizer
from dnn_xp.formulas.schedules import SCHEDULES


def key(options: Any) -> tuple[Any, ...]:
    """The options' values, comparable and hashable."""
    return tuple(_comparable(getattr(options, each.name)) for each in fields(options))


def _comparable(value: Any) -> Any:
    # An Optimizer holds a dict and functions, which compare by identity.
    if isinstance(value, Optimizer):
        return (value.name, *sorted(value.hyperparameters.items()))
    return value


def to_dict(options: Any) -> dict[str, Any]:
    """The options by name, each a plain value."""
    return {each.name: _plain(each.name, getattr(options, each.name)) for each in fields(options)}


def written(options: Any) -> tuple[dict[str, Any], list[str]]:
    """The options by name as plain values, and the names of those that only have a description."""
    values, described = {}, []
    for each in fields(options):
        value = getattr(options, each.name)
        try:
            values[each.name] = _plain(each.name, value)
        except ArgumentTypeError:
            values[each.name] = describe(value)
            described.append(each.name)
    return values, described


def arguments(options: dict[str, Any], allowed: Iterable[str]) -> dict[str, Any]:
    """The inverse of `to_dict`: keyword arguments of a dataclass of options."""
    allowed = list(allowed)
    for name in options:
        check_choice("option", name, allowed)
    makers: dict[str, dict[str, Any]] = {
        "optimizer": {**OPTIMIZERS},
        "learning_rate": {**SCHEDULES},
    }
    return {
        name: _made(name, value, makers[name])
        if isinstance(value, dict) and name in makers
        else value
        for name, value in options.items()
    }


def to_json(options: Any) -> str:
    """The options as a JSON object."""
    return json.dumps(to_dict(options), indent=2)


def read_json(text: str) -> dict[str, Any]:
    """The object of a JSON text."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ArgumentTypeError("text", describe(found), "the JSON of an object")
    return found


def to_toml(options: Any) -> str:
    """The options as TOML, one a line; TOML has no None, so those are left out."""
    return "".join(
        f"{name} = {toml_value(value)}\n"
        for name, value in to_dict(options).items()
        if value is not None
    )


def read_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text."""
    return tomllib.loads(text)


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, tuple) and not isinstance(value, Optimizer):
        return [_plain(name, each) for each in value]
    if isinstance(value, Optimizer) and value.name in OPTIMIZERS:
        return {"name": value.name, **value.hyperparameters}
    made: Any = SCHEDULES.get(type(value).__name__)
    if is_dataclass(value) and type(value) is made:
        own = {each.name: _plain(name, getattr(value, each.name)) for each in fields(value)}
        return {"name": type(value).__name__, **own}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise ArgumentTypeError(
        name,
        f"{describe(value)}, which cannot be written down",
        "a number, a name, or made by dnn_xp.formulas",
    )


def _made(name: str, value: dict[str, Any], makers: dict[str, Any]) -> Any:
    """The schedule or optimizer of a name and its hyper-parameters."""
    chosen = check_choice(f"{name}.name", value.get("name"), makers)
    given = {
        each: _made(name, one, makers) if isinstance(one, dict) else one
        for each, one in value.items()
        if each != "name"
    }
    return makers[chosen](**given)


def toml_value(value: Any) -> str:
    """A plain value as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml_value(each)}" for name, each in value.items()) + "}"
    # TOML writes strings, numbers, booleans and lists as JSON does, but refuses surrogate pairs
    # ("\\ud83d\\ude00") and an unescaped DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
