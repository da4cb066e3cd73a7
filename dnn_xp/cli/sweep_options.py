"""The options of dnn-xp plan, sweep and bench besides those of train, and how --grid is read."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dnn_xp.cli.option_types import hidden_sizes, names, shape
from dnn_xp.cli.train_options import OPTIONS, computing_options
from dnn_xp.common.checks import check_choice, check_sequence
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe, unknown_name

_FLAGS = {each.name: each for each in OPTIONS}


def plan_options(parser: argparse.ArgumentParser) -> None:
    """What dnn-xp plan takes in the place of DATA."""
    group = parser.add_argument_group("in the place of DATA")
    group.add_argument("--shape", type=shape, metavar="N,M", help="features and examples")
    group.add_argument(
        "--outputs",
        type=int,
        default=1,
        metavar="N",
        help="with --shape: 1 for two classes or one value, else the number of classes (default: 1)",
    )


def sweep_options(parser: argparse.ArgumentParser) -> None:
    """What dnn-xp sweep takes besides what train takes."""
    group = parser.add_argument_group("the sweep")
    group.add_argument(
        "--grid", metavar="GRID", help="OPTION=VALUE,...;OPTION=... or a TOML file; see below"
    )
    group.add_argument(
        "--points", type=int, metavar="N", help="points to draw, of distributions (default: 20)"
    )
    group.add_argument(
        "--eta",
        type=int,
        metavar="N",
        help="successive halving: the best 1/N go on, N times as long",
    )
    group.add_argument(
        "--shortest",
        type=int,
        metavar="N",
        help="with --eta: iterations or epochs of the first rung, at least",
    )
    group.add_argument(
        "--by",
        type=names("--by", ("cost", "score")),
        default="cost",
        metavar="NAME",
        help="what is compared on the validation examples: cost, or score, which is accuracy or R2 "
        "(default: cost)",
    )
    group.add_argument(
        "--file", metavar="FILE", help="where results are written at once, and gone on from"
    )
    group.add_argument(
        "--refit",
        action="store_true",
        help="train the best point again, on the validation examples, too",
    )


def bench_options(parser: argparse.ArgumentParser) -> None:
    """What dnn-xp bench takes."""
    parser.add_argument(
        "--seconds",
        type=float,
        default=4.0,
        metavar="S",
        help="how long to measure, after the checks (default: %(default)s)",
    )
    computing_options(parser)


def read_grid(text: str) -> tuple[dict[str, Any], bool]:
    """Values or distributions of each option, and whether they are distributions to draw from."""
    if "=" not in text:
        return _from_file(text)
    found: dict[str, Any] = {}
    for part in filter(None, (each.strip() for each in text.split(";"))):
        name, mark, values = part.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        check_choice("--grid", name, _FLAGS)
        if not mark or not values.strip() or name in found:
            wanted = "OPTION=VALUE,VALUE;OPTION=VALUE, each option once"
            raise ArgumentValueError("--grid", repr(part), wanted)
        found[name] = [_value(name, each.strip()) for each in values.split(",")]
    return found, False


def _value(name: str, text: str) -> Any:
    """One value of an option, as its flag would read it."""
    each = _FLAGS[name]
    option = each.metadata["option"]
    if name == "hidden":
        return _understood(name, text, lambda: hidden_sizes(text.replace("-", ",")))
    if text == "none" and each.default is None:
        return None
    if isinstance(each.default, bool) or option.text == "switch":
        return check_choice(f"--grid {name}", text, ("true", "false")) == "true"
    kinds: dict[str, Callable[[str], Any]] = {"int": int, "float": float, "numbers": float}
    if option.text == "size":
        return text if text == "auto" else _understood(name, text, lambda: int(text))
    read = kinds.get(option.text, str)
    return _understood(name, text, lambda: read(text))


def _understood(name: str, text: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (ValueError, argparse.ArgumentTypeError):
        kind = _FLAGS[name].metadata["option"].kind
        raise ArgumentValueError(f"--grid {name}", repr(text), kind) from None


def _from_file(text: str) -> tuple[dict[str, Any], bool]:
    path = Path(text)
    if path.suffix != ".toml":
        raise ArgumentValueError(
            "--grid", repr(text), "OPTION=VALUE,VALUE;OPTION=VALUE or a file with the suffix .toml"
        )
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"--grid={text!r}: there is no such file") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        got = f"{text!r}, which cannot be read ({error})"
        raise ArgumentValueError("--grid", got, "a TOML file") from error
    entries = {name.replace("-", "_"): each for name, each in entries.items()}
    if not any(isinstance(each, Mapping) for each in entries.values()):
        return entries, False
    return {
        name: _distribution(f"{name} in {text!r}", each) for name, each in entries.items()
    }, True


def _distribution(name: str, entry: Any) -> Any:
    """A list as it is; `{ log_uniform = [low, high] }` as what it draws."""
    if not isinstance(entry, Mapping):
        return entry
    import dnn_xp

    kinds = ("log_uniform", "uniform", "integers")
    if len(entry) != 1:
        raise ArgumentTypeError(name, describe(entry), "{ log_uniform = [low, high] }")
    ((kind, bounds),) = entry.items()
    if kind not in kinds:
        raise unknown_name(name, kind, kinds)
    low, high = check_sequence(name, bounds, wanted="[low, high]", length=2)
    if kind == "log_uniform":
        return dnn_xp.log_uniform(low, high)
    if not all(isinstance(each, (int, float)) for each in (low, high)) or not low < high:
        raise ArgumentValueError(name, f"{low!r}, {high!r}", "[low, high] with low < high")
    return partial(_uniform, low, high) if kind == "uniform" else partial(_integers, low, high)


def _uniform(low: float, high: float, rng: Any) -> float:
    return float(rng.uniform(low, high))


def _integers(low: int, high: int, rng: Any) -> int:
    """The bounds included."""
    return int(rng.integers(low, high, endpoint=True))
