"""What an option takes, and the options that several commands share."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from dnn_xp.cli.inputs.bundled import BUNDLED
from dnn_xp.cli.writing import WRITERS
from dnn_xp.common.messages import unknown_name
from dnn_xp.data.readers.files import SUFFIXES, split_path

DATA = (
    f"a file ({', '.join(SUFFIXES)}) or a data set bundled with scikit-learn ({', '.join(BUNDLED)}); "
    "FILE::KEY names an array in a file of several"
)


def key_options(parser: Any) -> None:
    """Which array of a file is X, and how it lies."""
    parser.add_argument("--x-key", metavar="KEY", help="the array of features in DATA (default: X)")
    parser.add_argument(
        "--examples",
        type=names("--examples", ("rows", "columns")),
        default="rows",
        metavar="WHERE",
        help="where the examples are in arrays: rows (the default) or columns",
    )


def force_option(parser: Any) -> None:
    """--force."""
    parser.add_argument("--force", action="store_true", help="overwrite the output if it exists")


def names(
    option: str, allowed: Iterable[str], *, several: bool = False
) -> Callable[[str], str | list[str]]:
    """One name, or several with commas, each of which must be allowed."""

    def check(text: str) -> str | list[str]:
        names = text.split(",") if several else [text]
        for name in names:
            if name not in allowed:
                raise argparse.ArgumentTypeError(str(unknown_name(option, name, allowed)))
        return names if len(names) > 1 else text

    return check


def check_names(option: str, given: Iterable[str]) -> list[str]:
    """Names of metrics, "all" among them."""
    from dnn_xp.cli.metrics import METRICS

    for name in given:
        if name not in ("all", *METRICS):
            raise unknown_name(option, name, ("all", *METRICS))
    return list(given)


def metric_names(text: str) -> list[str]:
    """Names with commas."""
    try:
        return check_names("--metrics", [part.strip() for part in text.split(",")])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def class_weights(text: str) -> str | dict[Any, float]:
    """balanced, or LABEL=WEIGHT with commas."""
    if text == "balanced":
        return text
    found: dict[Any, float] = {}
    for part in text.split(","):
        label, mark, weight = part.rpartition("=")
        try:
            found[_label(label)] = float(weight if mark else "")
        except ValueError:
            wanted = "balanced, or a weight for each label such as no=1,yes=5"
            raise argparse.ArgumentTypeError(
                f"--class-weight must be {wanted}; got {text!r}"
            ) from None
    return found


def _label(text: str) -> Any:
    """A label as a table holds it: a whole number, another number, or text."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def shape(text: str) -> tuple[int, int]:
    """Features and examples."""
    try:
        n_x, m = (int(part) for part in text.split(","))
    except ValueError:
        wanted = "the number of features and of examples, such as 28,100000"
        raise argparse.ArgumentTypeError(f"--shape must be {wanted}; got {text!r}") from None
    return n_x, m


def hidden_sizes(text: str) -> str | tuple[int, ...]:
    """auto, none, or sizes with commas."""
    if text in ("auto", "none"):
        return text if text == "auto" else ()
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"--hidden must be layer sizes such as 64,32, or auto, or none; got {text!r}"
        ) from None


def numbers(text: str) -> float | list[float]:
    """One number, or several with commas."""
    found = [float(part) for part in text.split(",")]
    return found if len(found) > 1 else found[0]


def block_size(text: str) -> str | int:
    """auto, or a whole number."""
    return text if text == "auto" else int(text)


def output_path(text: str) -> str:
    """A path whose suffix says in what format predictions are written."""
    suffix = split_path(text)[0].suffix.lower()
    if suffix not in WRITERS:
        wanted = f"a file with one of the suffixes {', '.join(WRITERS)}"
        raise argparse.ArgumentTypeError(f"OUT must be {wanted}; got {text!r}")
    return text


def onnx_path(text: str) -> str:
    """A path that ends in .onnx."""
    if not text.lower().endswith(".onnx"):
        raise argparse.ArgumentTypeError(f"OUT must be a file with the suffix .onnx; got {text!r}")
    return text


def csv_options(parser: argparse.ArgumentParser) -> None:
    """How a CSV file is written, where that is not recognised rightly."""
    group = parser.add_argument_group("CSV files (recognised when left out)")
    group.add_argument("--separator", metavar="MARK", help="between columns: , ; | or tab")
    group.add_argument("--decimal", metavar="MARK", help="the decimal mark: . or ,")
    group.add_argument(
        "--thousands", metavar="MARK", help="between groups of three digits: , . or a blank"
    )
