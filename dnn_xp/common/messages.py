"""Parts of messages: names, values and counts in words, and errors for unknown names and packages."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Sized
from types import ModuleType
from typing import Any

import numpy as np

from dnn_xp.common.errors import ArgumentValueError


def listing(names: Iterable[object], *, limit: int = 12) -> str:
    """Names for the middle of a sentence: 'a', 'b', 'c' and 4 more."""
    shown = [repr(name) for name in names]
    more = len(shown) - limit
    return ", ".join(shown[:limit]) + (f" and {more} more" if more > 0 else "")


def counted(count: int, noun: str) -> str:
    """A number with its noun: 1 example, 2 examples."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def nearest(name: object, names: Iterable[str]) -> str | None:
    """The most similar of the names, ignoring case; None if none is similar.

    Examples
    --------
    >>> nearest("Sigmiod", ["relu", "sigmoid"])
    'sigmoid'
    """
    spelled = {each.lower(): each for each in names}
    near = difflib.get_close_matches(str(name).lower(), spelled, n=1) if name else []
    return spelled[near[0]] if near else None


def unknown_name(
    argument: str, got: object, allowed: Iterable[str | None], *, limit: int = 40
) -> ArgumentValueError:
    """The error for a name that is not one of the allowed names, with the nearest one suggested.

    Parameters
    ----------
    argument : str
        The argument the name came in.
    got : object
        What came.
    allowed : iterable of str or None
        The names there are.
    limit : int
        Names listed at most.

    Returns
    -------
    ArgumentValueError
        For the caller to raise.

    Examples
    --------
    >>> print(unknown_name("activation", "sigmiod", ["relu", "sigmoid"]))
    activation must be one of 'relu', 'sigmoid'; got 'sigmiod'. Did you mean 'sigmoid'?
    """
    names = tuple(allowed)
    near = nearest(got, (each for each in names if each)) if isinstance(got, str) else None
    return ArgumentValueError(
        argument,
        describe(got),
        f"one of {listing(names, limit=limit)}",
        f"did you mean {near!r}?" if near else "",
    )


# Characters of a value that a message shows.
_SHOWN = 80


def _shortened(value: object) -> str:
    """repr, cut in the middle; a size for integers beyond Python's limit of digits."""
    try:
        said = repr(value)
    except ValueError:
        return f"an integer of about {int(value).bit_length() * 0.30103:.0f} digits"  # type: ignore[call-overload]  # only int's repr raises
    if len(said) <= _SHOWN:
        return said
    return f"{said[: _SHOWN - 20]}...{said[-17:]}"


def describe(obj: Any) -> str:
    """A value in words: numbers and text as they are, else the type with length, shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> describe(np.zeros((2, 3)))
    'a numpy.ndarray of shape (2, 3) and dtype float64'
    >>> describe([1, 2])
    'a list of length 2'
    >>> describe(None), describe("rows"), describe(2.5)
    ('None', "'rows'", '2.5')
    """
    if isinstance(obj, np.generic):
        obj = obj.item()
    if obj is None or isinstance(obj, (bool, int, float, complex, str, type)):
        return _shortened(obj)
    kind = type(obj)
    module = kind.__module__
    name = kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
    facts = []
    shape = getattr(obj, "shape", None)
    if isinstance(shape, tuple):
        facts.append(f"shape {tuple(shape)}")
    elif isinstance(obj, Sized):
        facts.append(f"length {len(obj)}")
    dtype = getattr(obj, "dtype", None)
    if dtype is not None:
        facts.append(f"dtype {str(dtype).rsplit('.', maxsplit=1)[-1]}")
    article = "an" if name[0] in "aeiou" else "a"
    return f"{article} {name}" + (" of " + " and ".join(facts) if facts else "")


def optional_package(package: str, *, purpose: str, extra: str = "files") -> ModuleType:
    """The package, imported now; an ImportError that names the extra where it is missing."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs the package {package.partition('.')[0]}, which cannot be imported "
            f'({error}). Install it: pip install "dnn_xp[{extra}]".'
        ) from error
