"""What the commands say: the library's errors in the words of a shell, each on one line."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from zipfile import BadZipFile

from dnn_xp.common.messages import listing
from dnn_xp.training.specification import Specification

# Arguments of train, predict and load that are options of the commands under the same name.
SHARED_OPTIONS = (
    *("examples", "separator", "decimal", "thousands"),
    *(
        each.name
        for each in fields(Specification)
        if each.metadata["option"].flag and not isinstance(each.default, bool)
    ),
)

_WHOLE_PHRASES = (
    (r" The model after .* is this error's \.model", ""),
    (r"Use device='cpu', or fallback=True to go on", "Leave out --no-fallback to go on"),
    (r"fallback=False makes", "--no-fallback makes"),
    (r"standardize X \(standardize=True\)", "standardize (leave out --no-standardize)"),
    (r"standardize=True", "leaving out --no-standardize"),
    (r"pass Y\.astype\(float\), or cost=", "pass cost="),
    (r"; dnn_xp\.load wants", "; wanted is"),
    (r"what Model\.save wrote", "what 'dnn-xp train' wrote"),
    (r"\bpath=", "MODEL="),
    (r"^X(?=[ :=])", "the features (X)"),
    (r"^Y(?=[ :=])", "the target (Y)"),
)


def in_shell_words(message: str) -> str:
    """An error or warning of the library with its arguments named as the options are.

    >>> in_shell_words("learning_rate=0.0 and batch_size do not fit; pass optimizer='adam'")
    "--learning-rate=0.0 and --batch-size do not fit; pass --optimizer='adam'"
    """
    for phrase, said in _WHOLE_PHRASES:
        message = re.sub(phrase, said, message)
    for name in SHARED_OPTIONS:
        # A name with an underscore is always the argument; a plain word only before "=" or "must".
        end = r"\b" if "_" in name else r"\b(?==| must | has )"
        message = re.sub(rf"(?<![-\w]){name}{end}", "--" + name.replace("_", "-"), message)
    return message


def explain(error: BaseException) -> str:
    """One line for people of an error of any kind."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    elif isinstance(error, (ValueError, TypeError, RuntimeError, ImportError, OSError, BadZipFile)):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = f"not enough memory. {error}"
    else:
        text = f"{type(error).__name__}: {error} (unexpected; --debug shows where it arose)"
    return in_shell_words(" ".join(text.split())) or type(error).__name__


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Errors of the packages that read files, with the file named."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} is not in UTF-8 ({error.reason}); save it as UTF-8") from error
    except (ValueError, OSError, BadZipFile) as error:
        raise ValueError(f"{where} cannot be read: {explain(error)}") from error


def say(kind: str, text: str) -> None:
    """One line on stderr."""
    print(f"dnn-xp: {kind}: {text}", file=sys.stderr, flush=True)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A question with the nearest name, after a blank; nothing when none is near."""
    near = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {near[0]}?" if near else ""


def no_such_file(argument: str, path: str | os.PathLike[str], others: tuple[str, ...] = ()) -> str:
    """The message for a file that is not there, with a near match among its neighbours."""
    path = Path(path)
    neighbours = [str(each) for each in path.parent.iterdir()] if path.parent.is_dir() else []
    sets = f" and no bundled data set (these are {listing(others)})" if others else ""
    hint = did_you_mean(str(path), [*others, *neighbours])
    return f"{argument}={str(path)!r}: there is no such file{sets}.{hint}"
