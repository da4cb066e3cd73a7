"""How errors are worded: what came, what was wanted, and the way out."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType
from typing import Any


def listing(names: Iterable[object], *, limit: int = 12) -> str:
    """Names for the middle of a sentence: 'a', 'b', 'c' and 4 more."""
    shown = [repr(name) for name in names]
    more = len(shown) - limit
    return ", ".join(shown[:limit]) + (f" and {more} more" if more > 0 else "")


def unknown_name(argument: str, got: object, allowed: Iterable[str]) -> ValueError:
    """The error for a name that is not one of the allowed names, with the nearest one suggested.

    Parameters
    ----------
    argument : str
        The argument the name came in.
    got : object
        What came.
    allowed : iterable of str
        The names there are.

    Returns
    -------
    ValueError
        To be raised by the caller.

    Examples
    --------
    >>> print(unknown_name("activation", "sigmiod", ["relu", "sigmoid"]))
    activation='sigmiod' is unknown: did you mean 'sigmoid'? Choose one of 'relu', 'sigmoid'.
    """
    names = list(allowed)
    spelled = {name.lower(): name for name in names}
    near = difflib.get_close_matches(str(got).lower(), spelled, n=1)
    hint = f": did you mean {spelled[near[0]]!r}?" if near else "."
    return ValueError(
        f"{argument}={got!r} is unknown{hint} Choose one of {listing(names, limit=40)}."
    )


def describe(obj: Any) -> str:
    """What came, in words: its type, and its shape and dtype where it has them.

    Examples
    --------
    >>> import numpy as np
    >>> describe(np.zeros((2, 3)))
    'a numpy.ndarray of shape (2, 3) and dtype float64'
    >>> describe([1, 2])
    'a list of length 2'
    >>> describe(None)
    'None'
    """
    if obj is None or isinstance(obj, (bool, int, float, complex)):
        return repr(obj)
    if isinstance(obj, str):
        return f"the string {obj!r}"
    kind = type(obj)
    module = kind.__module__
    name = kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
    facts = []
    shape = getattr(obj, "shape", None)
    if isinstance(shape, tuple):
        facts.append(f"shape {tuple(shape)}")
    elif hasattr(obj, "__len__"):
        facts.append(f"length {len(obj)}")
    dtype = getattr(obj, "dtype", None)
    if dtype is not None:
        facts.append(f"dtype {str(dtype).rsplit('.', maxsplit=1)[-1]}")
    article = "an" if name[0] in "aeiou" else "a"
    return f"{article} {name}" + (" of " + " and ".join(facts) if facts else "")


def check_examples(examples: object, *, argument: str = "examples") -> bool:
    """Whether examples are rows; a ValueError when `examples` is neither "columns" nor "rows"."""
    if examples not in ("columns", "rows"):
        raise unknown_name(argument, examples, ("columns", "rows"))
    return examples == "rows"


def optional_package(package: str, *, purpose: str, extra: str = "files") -> ModuleType:
    """The package, imported now; an ImportError that names the extra when it is missing."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs the package {package.partition('.')[0]}, which cannot be imported "
            f'({error}). Install it: pip install "dnn_xp[{extra}]".'
        ) from error
