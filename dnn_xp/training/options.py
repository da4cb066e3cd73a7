"""The entries of a `Specification`: what an option is, and the checks of its value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import Field, field, fields
from functools import cache
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.common.checks import check_choice, check_float, check_int, check_sequence
from dnn_xp.common.errors import Argument, ArgumentTypeError, ArgumentValueError, Pass, Text
from dnn_xp.common.messages import counted, describe, unknown_name
from dnn_xp.formulas.activations import ACTIVATIONS
from dnn_xp.formulas.costs import COSTS
from dnn_xp.formulas.optimizers import OPTIMIZERS, Optimizer

# The checked value of an option, from its name and what came, or an ArgumentError.
Check = Callable[[str, Any], Any]

DEFAULT_HIDDEN = (64, 32)
# Costs whose targets are standardized where the output is the identity.
SCALED_COSTS = ("squared_error", "huber")


class Option(NamedTuple):
    """One option.

    Attributes
    ----------
    check : callable, optional
        ``check(name, value)`` gives the value in its one form, or raises.
    kind : str
        What it takes, as numpydoc writes it.
    help, more : str
        A line for the command and the documentation, and what the documentation says besides.
    flag : bool
        Whether ``dnn-xp train`` takes it.
    group, text, choices
        Where its flag stands, how the flag's text is read ("int", "float", "str", "numbers",
        "sizes" or "size"; "switch" takes none, as those that are True or False), and the names that
        it takes.
    shown : bool
        Whether a model's settings and summary show it.
    """

    check: Check | None
    kind: str
    help: str
    more: str = ""
    flag: bool = True
    group: str = "training"
    text: str = "str"
    choices: tuple[str, ...] = ()
    shown: bool = False


def option(
    default: Any, check: Check | None, kind: str, line: str, more: str = "", **how: Any
) -> Any:
    """A field of a dataclass of options; `more` and `how` as in `Option`."""
    found = Option(check, kind, line, more, **how)
    if isinstance(default, float) and found.text == "str":
        found = found._replace(text="float")
    return field(default=default, metadata={"option": found})


def about(kind: str, line: str, more: str = "") -> dict[str, Option]:
    """The metadata of a field that has no default and is no option: an argument by position."""
    return {"option": Option(None, kind, line, more, flag=False)}


def option_of(each: Field[Any]) -> Option | None:
    """The option that a field of a dataclass is."""
    found: Option | None = each.metadata.get("option")
    return found


@cache
def checks_of(options: type) -> tuple[tuple[str, Check], ...]:
    """The checks of a dataclass of options, by the names of its fields."""
    found = ((each.name, option_of(each)) for each in fields(options) if each.init)
    return tuple((name, one.check) for name, one in found if one and one.check)


def optional(check: Check) -> Check:
    """None, or what the check lets pass."""
    return lambda name, value: None if value is None else check(name, value)


def check_hidden(name: str, value: Any) -> str | tuple[int, ...]:
    """Sizes of hidden layers, or "auto"."""
    if isinstance(value, str):
        return str(check_choice(name, value, ("auto",)))
    alone = isinstance(value, Integral) and not isinstance(value, bool)
    entries = check_sequence(
        name,
        value,
        wanted="a list of layer sizes such as [64, 32]",
        remedy=f"for one layer pass [{describe(value)}]" if alone else "",
    )
    return tuple(check_int(f"{name}[{layer}]", n, at_least=1) for layer, n in enumerate(entries))


def hidden_sizes(hidden: str | Sequence[int]) -> tuple[int, ...]:
    """Units of the hidden layers; () is logistic or linear regression."""
    return DEFAULT_HIDDEN if isinstance(hidden, str) else tuple(hidden)


def check_activation(name: str, value: Any) -> str | tuple[str, ...]:
    """The name of an elementwise activation, or several."""
    allowed = [each for each, found in ACTIVATIONS.items() if found.elementwise]
    if isinstance(value, str):
        return str(check_choice(name, value, allowed))
    wanted = "one name for all hidden layers, or a list of one each"
    names = check_sequence(name, value, wanted=wanted)
    return tuple(check_choice(name, each, allowed) for each in names)


def per_layer(check: Check) -> Check:
    """A number that the check lets pass, or one for each hidden layer."""

    def of_layers(name: str, value: Any) -> Any:
        if isinstance(value, Real):
            return check(name, value)
        wanted = "one number for all hidden layers, or a list of one each"
        return tuple(check(name, each) for each in check_sequence(name, value, wanted=wanted))

    return of_layers


def of_each_layer(
    name: str, value: Any, layers: int, came: str = "value", wanted: str = "number"
) -> tuple[Any, ...]:
    """One value for each hidden layer, from one for all or one each; two nouns for the error."""
    if not isinstance(value, tuple):
        return (value,) * layers
    if len(value) != layers:
        raise ArgumentValueError(
            name,
            counted(len(value), came),
            f"one {wanted} for all {layers} hidden layers, or one each",
        )
    return value


def check_optimizer(name: str, value: Any) -> str | Optimizer:
    """A name, or an Optimizer."""
    if isinstance(value, Optimizer):
        return value
    if not isinstance(value, str):
        wanted = "a name or an Optimizer from dnn_xp.formulas"
        raise ArgumentTypeError(name, describe(value), wanted)
    return str(check_choice(name, value, (*OPTIMIZERS, "lbfgs")))


def check_block_size(name: str, value: Any) -> str | int:
    """A number of examples, or "auto"."""
    if isinstance(value, str) and value == "auto":
        return value
    return check_int(name, value, at_least=1)


def check_rate(name: str, value: Any) -> Any:
    """None, a schedule, or a rate above 0."""
    if value is None or callable(value):
        return value
    return check_float(name, value, above=0.0)


def check_seed(name: str, value: Any) -> int:
    """A whole number >= 0, or the next one below 2^31 that a generator of NumPy gives."""
    if isinstance(value, np.random.Generator):
        return int(value.integers(2**31))
    if isinstance(value, np.random.RandomState):
        return int(value.randint(2**31 - 1))
    return check_int(name, value, at_least=0)


def check_dtype(name: str, value: Any) -> str:
    """Name of the working dtype, given as a name, a NumPy dtype or type, or that of a library."""
    found = getattr(value, "__name__", None)
    if found is None and not isinstance(value, Integral):  # large ones have no text
        found = str(value).rpartition(".")[2]
    if found not in ("float32", "float64"):
        raise unknown_name(name, value, ("float32", "float64"))
    return str(found)


def check_target_scaling(
    standardize_targets: bool | None, output_activation: str | None, cost: str | None
) -> None:
    """ArgumentValueError where Y, to be standardized, has no mean and scale: classes, counts, bounded outputs."""
    fitting = output_activation in (None, "identity") and cost in (None, *SCALED_COSTS)
    if not standardize_targets or fitting:
        return
    given = {"cost": cost, "output_activation": output_activation}
    came = [Argument(name, value) for name, value in given.items() if value is not None]
    raise ArgumentValueError(
        "standardize_targets",
        ("True with ", *[part for each in came for part in (" and ", each)][1:]),
        "False or left out where Y is no values with identity output and squared_error or huber",
    )


def check_fitting_cost(output_activation: str, cost: str) -> None:
    """ArgumentValueError unless the output activation and the cost go together."""
    activation, chosen = ACTIVATIONS[output_activation], COSTS[cost]
    if activation.name == chosen.activation or (chosen.any_activation and activation.elementwise):
        return
    fitting = [name for name, each in COSTS.items() if each.activation == output_activation]
    way: Text = (Pass("output_activation", chosen.activation),)
    raise ArgumentValueError(
        "output_activation",
        (f"{output_activation!r} with ", Argument("cost", cost)),
        ("one that goes with ", Argument("cost", cost)),
        (Pass("cost", fitting[0]), " or ", *way) if fitting else way,
    )
