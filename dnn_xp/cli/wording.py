"""What the commands print: errors and warnings in the words of a shell, each on one line."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from zipfile import BadZipFile

from dnn_xp.common.errors import PYTHON, Argument, Pass, Worded, Words
from dnn_xp.common.messages import listing, nearest
from dnn_xp.training.checkpoints.options import Keeping

# Arguments of train, predict and load that are options of the commands by the same name.
SHARED_OPTIONS = (
    *("examples", "separator", "decimal", "thousands"),
    *(
        each.name
        for each in fields(Keeping)
        if each.metadata["option"].flag and not isinstance(each.default, bool)
    ),
)

# Options that the shell can only turn off: --no-fallback, --no-standardize.
_SWITCHES = ("fallback", "standardize")
# Options that are on when left out: the way to turn them on is to leave out --no-...
_ON = (*_SWITCHES, "standardize_targets")
# Arguments of sweep that are options of its command alone.
_SWEEPING = ("grid", "points", "eta", "shortest", "by", "file")
_PLACES = {"X": "X (the features)", "Y": "Y (the target)", "path": "MODEL", "opset": "--opset"}


def _argument(each: Argument) -> str:
    """`--batch-size`, `--cost huber`; an argument that the shell does not have stays as it is."""
    if each.name in _SWITCHES:
        return f"--no-{each.name}"
    name, mark, rest = each.name.partition("[")
    if name in _SWEEPING:
        return f"--{name}{mark}{rest}"
    if isinstance(each.value, bool) and name in SHARED_OPTIONS:
        return f"--{'' if each.value else 'no-'}{name.replace('_', '-')}"
    if name in SHARED_OPTIONS:
        written = "--" + name.replace("_", "-") + mark + rest
        return f"{written} {_typed(each.value)}" if each.has_value else written
    place, mark, rest = each.name.partition(":")
    return PYTHON.argument(each._replace(name=_PLACES.get(place, place) + mark + rest))


def _typed(value: object) -> str:
    values = value if isinstance(value, (list, tuple)) else (value,)
    return shlex.quote(",".join(map(str, values)))


def _advice(each: Pass) -> str:
    if each.name == "resume":
        return "pass --resume DIR"
    if each.name in _ON and each.value:
        return f"leave out {_argument(Argument(each.name, False))}"
    return f"pass {_argument(Argument(*each))}"


SHELL = Words(_argument, _advice)


def explain(error: BaseException) -> str:
    """One line that describes an error of any kind."""
    if isinstance(error, Worded):
        text = error.sentence(SHELL)
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    elif isinstance(error, (ValueError, TypeError, RuntimeError, ImportError, OSError, BadZipFile)):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = f"not enough memory. {error}"
    else:
        text = f"{type(error).__name__}: {error} (unexpected; --debug shows where it arose)"
    return " ".join(text.split()) or type(error).__name__


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Errors of the packages that read files, with the name of the file."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} is not in UTF-8 ({error.reason}); save it as UTF-8") from error
    except (ValueError, OSError, BadZipFile) as error:
        raise ValueError(f"{where} cannot be read: {explain(error)}") from error


def say(kind: str, text: str) -> None:
    """One line on stderr."""
    print(f"dnn-xp: {kind}: {text}", file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """Text for people on stdout, with escapes for what its encoding lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A question with the nearest name, after a blank; nothing where none is near."""
    near = nearest(name, names)
    return f" Did you mean {near}?" if near else ""


def no_such_file(argument: str, path: str | os.PathLike[str], others: tuple[str, ...] = ()) -> str:
    """The message for a missing file, with a near match among its neighbours."""
    path = Path(path)
    neighbours = [str(each) for each in path.parent.iterdir()] if path.parent.is_dir() else []
    sets = f" and no bundled data set (these are {listing(others)})" if others else ""
    hint = did_you_mean(str(path), [*others, *neighbours])
    return f"{argument}={str(path)!r}: there is no such file{sets}.{hint}"
