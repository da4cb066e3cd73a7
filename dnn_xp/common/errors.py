"""Errors as data: the argument, what came, what was wanted and the way out.

An error holds the parts of its sentence, not the sentence. `str(error)` is the sentence in Python's
words (`batch_size`, `examples='rows'`); the shell makes its own from the same parts
(`--batch-size`, `--examples rows`), see `render`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias


class Argument(NamedTuple):
    """An argument that a sentence names: `batch_size`; `cost='huber'` with a value, `...` being none."""

    name: str
    value: object = ...

    @property
    def has_value(self) -> bool:
        """Whether a value is named, None among them."""
        return self.value is not ...


class Pass(NamedTuple):
    """The advice to pass an argument: `pass examples='rows'`."""

    name: str
    value: object


Part: TypeAlias = str | Argument | Pass
Text: TypeAlias = str | tuple[Part, ...]


class Words(NamedTuple):
    """How one interface, Python or the shell, writes an argument and the advice to pass one."""

    argument: Callable[[Argument], str]
    advice: Callable[[Pass], str]


def _python_argument(each: Argument) -> str:
    return f"{each.name}={each.value!r}" if each.has_value else each.name


PYTHON = Words(_python_argument, lambda each: f"pass {each.name}={each.value!r}")


def render(text: Text, words: Words = PYTHON) -> str:
    """A text in the words of one interface.

    Examples
    --------
    >>> render(("leave ", Argument("epochs"), " out, or ", Pass("batch_size", 64)))
    'leave epochs out, or pass batch_size=64'
    """
    written = []
    for part in (text,) if isinstance(text, str) else text:
        if isinstance(part, Argument):
            written.append(words.argument(part))
        elif isinstance(part, Pass):
            written.append(words.advice(part))
        else:
            written.append(part)
    return "".join(written)


class Worded:
    """An error or a warning whose sentence is made from parts: mix in before the exception type."""

    def sentence(self, words: Words = PYTHON) -> str:
        """The message in the words of one interface."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.sentence()


class ArgumentError(Worded, Exception):
    """An argument is not what it must be. Raised as one of the two subclasses below.

    Parameters
    ----------
    argument : str
        The argument's name in Python: "batch_size", "hidden[1]", "validation X".
    got : Text
        What came, described: "-1", "a list of length 2", "3 NaN and 0 infinite values".
    wanted : Text
        What goes after "must be".
    remedy : Text
        The way out, a sentence without its full stop; "" where `wanted` says it all.

    Examples
    --------
    >>> print(ArgumentValueError("l2", "-1", "a finite number >= 0"))
    l2 must be a finite number >= 0; got -1
    >>> error = ArgumentValueError(
    ...     "batch_size", "31", "at most 30, the training examples",
    ...     ("leave ", Argument("batch_size"), " out for full batch"),
    ... )
    >>> print(error)
    batch_size must be at most 30, the training examples; got 31. Leave batch_size out for full batch.
    >>> error.argument, error.got
    ('batch_size', '31')
    """

    def __init__(self, argument: str, got: Text, wanted: Text, remedy: Text = "") -> None:
        # All of them become .args, from which pickle and copy make the error again.
        super().__init__(argument, got, wanted, remedy)
        self.argument = argument
        self.got = got
        self.wanted = wanted
        self.remedy = remedy

    def sentence(self, words: Words = PYTHON) -> str:
        """`{argument} must be {wanted}; got {got}. {Remedy}.` in the words of one interface."""
        said = (
            f"{words.argument(Argument(self.argument))} must be {render(self.wanted, words)}; "
            f"got {render(self.got, words)}"
        )
        return said + as_sentence(self.remedy, words)


def as_sentence(text: Text, words: Words = PYTHON) -> str:
    """`. Text.`, to follow what has been said; "" for an empty text."""
    said = render(text, words)
    if not said:
        return ""
    if not isinstance(text, str) and isinstance(text[0], Argument):
        start = said[0]  # an argument keeps its spelling
    else:
        start = said[0].upper()
    return f". {start}{said[1:]}" + ("" if said[-1] in ".?!" else ".")


class ArgumentValueError(ArgumentError, ValueError):
    """An argument of a right type has a wrong value."""


class ArgumentTypeError(ArgumentError, TypeError):
    """An argument has a wrong type."""
