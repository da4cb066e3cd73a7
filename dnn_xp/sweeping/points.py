"""The points of a sweep: every combination of a grid, or draws from distributions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.common.checks import check_choice, check_float, check_sequence
from dnn_xp.common.errors import Argument, ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe
from dnn_xp.training.specification import Specification

# Options that say what is compared, and on what: they are the same for all points.
_SAME = (
    *("examples", "missing", "cost", "output_activation", "validation", "validation_part"),
    *("verbose", "fallback", "threads"),
)
VARIED = tuple(each.name for each in fields(Specification) if each.name not in _SAME)
# The entry after the seed that separates the draws of points from those of trainings.
_DRAWS = 2

Draw = Callable[[np.random.Generator], Any]


class Point(NamedTuple):
    """One training of a sweep: the options that vary, by name, and all of them."""

    number: int
    options: dict[str, Any]
    specification: Specification

    def __str__(self) -> str:
        return ", ".join(f"{name}={shown(value)}" for name, value in self.options.items())


def shown(value: Any) -> str:
    """The value of an option in a table: numbers in four digits, sizes as 64-32."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)) and not hasattr(value, "hyperparameters"):
        return "-".join(map(shown, value)) if value else "none"
    return str(getattr(value, "name", value))


@dataclass(frozen=True, slots=True)
class LogUniform:
    """Draws whose logarithm is uniform, see :func:`log_uniform`."""

    low: float
    high: float

    def __call__(self, rng: np.random.Generator) -> float:
        """One draw."""
        drawn = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        return min(max(drawn, self.low), self.high)


def log_uniform(low: float, high: float) -> LogUniform:
    """A distribution over ``low`` to ``high`` that is uniform in the logarithm, for :func:`dnn_xp.sweep`.

    ``exp(u)`` with u uniform on [log low, log high]: 0.001 to 0.01 is as likely as 0.01 to 0.1, as
    suits learning rates and penalties. ``scipy.stats.loguniform`` serves as well.

    Parameters
    ----------
    low, high : float
        The bounds, 0 < low < high.

    Returns
    -------
    LogUniform
        A function of a NumPy Generator that gives one draw, a Python float.

    Raises
    ------
    ArgumentValueError
        For bounds that are not 0 < low < high.

    References
    ----------
    Bergstra and Bengio, Random search for hyper-parameter optimization, JMLR 13 (2012).

    Examples
    --------
    >>> import numpy as np
    >>> draw = log_uniform(1e-4, 1e-1)
    >>> 1e-4 <= draw(np.random.default_rng(0)) <= 1e-1
    True
    """
    low = check_float("low", low, above=0.0)
    return LogUniform(low, check_float("high", high, above=low))


def check_grid(name: str, grid: Any) -> tuple[dict[str, tuple[Any, ...]], ...]:
    """Grids, each the values of some options by name."""
    wanted = "a dict of lists, such as {'learning_rate': [0.01, 0.001]}, or a list of such dicts"
    if isinstance(grid, Mapping):
        return (_values(name, grid, wanted),)
    grids = check_sequence(name, grid, wanted=wanted)
    if not grids:
        raise ArgumentValueError(name, "none", wanted)
    return tuple(_values(f"{name}[{place}]", each, wanted) for place, each in enumerate(grids))


def _values(name: str, grid: Any, wanted: str) -> dict[str, tuple[Any, ...]]:
    if not isinstance(grid, Mapping) or not grid:
        raise ArgumentTypeError(name, describe(grid), wanted)
    found = {}
    for option, values in grid.items():
        check_option(name, option)
        entry = f"{name}[{option!r}]"
        listed = check_sequence(entry, values, wanted="a list of the values to try")
        if not listed:
            raise ArgumentValueError(entry, "no value", "a list of the values to try")
        found[option] = tuple(map(plain, listed))
    return found


def check_option(name: str, option: Any) -> None:
    """Refuse what is no option of a training, or must be the same for all points."""
    if option in _SAME:
        raise ArgumentValueError(
            name,
            f"{option!r}, which must be the same for all points to be compared",
            "options that may differ from point to point",
            ("pass ", Argument(option), " to the sweep itself"),
        )
    check_choice(name, option, VARIED)


def check_distributions(name: str, distributions: Any) -> dict[str, Draw]:
    """A function of a generator for each option, from distributions, functions and lists."""
    wanted = "a dict such as {'learning_rate': dnn_xp.log_uniform(1e-4, 1e-1)}"
    if not isinstance(distributions, Mapping) or not distributions:
        raise ArgumentTypeError(name, describe(distributions), wanted)
    for option in distributions:
        check_option(name, option)
    return {option: _draw(f"{name}[{option!r}]", each) for option, each in distributions.items()}


def _draw(name: str, given: Any) -> Draw:
    if hasattr(given, "rvs"):
        return lambda rng: given.rvs(random_state=rng)
    if callable(given):
        found: Draw = given
        return found
    wanted = "a frozen distribution of scipy.stats, a function of a Generator, or a list"
    listed = check_sequence(name, given, wanted=wanted)
    if not listed:
        raise ArgumentValueError(name, "no value", wanted)
    return lambda rng: listed[int(rng.integers(len(listed)))]


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    return value.tolist() if isinstance(value, np.ndarray) else value


def points_of_grid(
    base: Specification, grids: Sequence[Mapping[str, Sequence[Any]]]
) -> tuple[Point, ...]:
    """Every combination, the last option varying fastest; the grids one after the other."""
    combinations = [
        dict(zip(grid, values, strict=True)) for grid in grids for values in product(*grid.values())
    ]
    return _points(base, combinations)


def drawn_points(
    base: Specification, distributions: Mapping[str, Draw], count: int
) -> tuple[Point, ...]:
    """`count` draws, all from one generator, the options of a point in the order of the dict."""
    rng = np.random.default_rng((int(base.seed), _DRAWS))  # type: ignore[arg-type]  # checked: an int
    drawn = [{name: plain(draw(rng)) for name, draw in distributions.items()} for _ in range(count)]
    return _points(base, drawn)


def _points(base: Specification, combinations: Sequence[dict[str, Any]]) -> tuple[Point, ...]:
    found = []
    for number, options in enumerate(combinations):
        try:
            asked = replace(base, **options)
        except (TypeError, ValueError) as error:
            listed = ", ".join(f"{name}={value!r}" for name, value in options.items())
            error.add_note(f"This is point {number} of the sweep: {listed}")
            raise
        chosen = {name: getattr(asked, name) for name in options}
        found.append(Point(number, chosen, asked))
    return tuple(found)
