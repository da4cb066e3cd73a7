"""The entries of a `Specification`: what an option is, and the checks of its value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import Field, field, fields
from functools import cache
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.common.checks import check_float, check_int
from dnn_xp.common.messages import describe, unknown_name
from dnn_xp.formulas.activations import ACTIVATIONS
from dnn_xp.formulas.costs import COSTS
from dnn_xp.formulas.optimizers import OPTIMIZERS, Optimizer

# The checked value of an option, from its name and what came; TypeError or ValueError.
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


def decimal(**bounds: float) -> Check:
    """A finite float within the bounds of `check_float`."""
    return lambda name, value: check_float(name, value, **bounds)


def whole(at_least: int) -> Check:
    """A whole number from `at_least` on."""
    return lambda name, value: check_int(name, value, at_least=at_least)


def optional(check: Check) -> Check:
    """None, or what the check lets pass."""
    return lambda name, value: None if value is None else check(name, value)


def one_of(*allowed: str) -> Check:
    """One of these names."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise unknown_name(name, value, allowed)
        return value

    return check


def switch(name: str, value: Any) -> bool:
    """True or False, NumPy's among them; nothing else that happens to be true."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {describe(value)}")
    return bool(value)


def check_hidden(name: str, value: Any) -> str | tuple[int, ...]:
    """Sizes of hidden layers, or "auto"."""
    if isinstance(value, str):
        return str(one_of("auto")(name, value))
    if not isinstance(value, Sequence) and not hasattr(value, "__iter__"):
        way = f"; for one layer pass [{value}]" if isinstance(value, int) else ""
        msg = f"{name} must be a list of layer sizes such as [64, 32], got {describe(value)}{way}"
        raise TypeError(msg)
    return tuple(check_int(f"{name}[{layer}]", n, at_least=1) for layer, n in enumerate(value))


def hidden_sizes(hidden: str | Sequence[int]) -> tuple[int, ...]:
    """Units of the hidden layers; () is logistic or linear regression."""
    return DEFAULT_HIDDEN if isinstance(hidden, str) else tuple(hidden)


def check_activation(name: str, value: Any) -> str | tuple[str, ...]:
    """The name of an elementwise activation, or several."""
    if not isinstance(value, (str, list, tuple)):
        msg = f"{name} must be one name for all hidden layers or one each, got {describe(value)}"
        raise TypeError(msg)
    check = one_of(*(each for each, found in ACTIVATIONS.items() if found.elementwise))
    return check(name, value) if isinstance(value, str) else tuple(check(name, n) for n in value)


def per_layer(check: Check) -> Check:
    """A number that the check lets pass, or one for each hidden layer."""

    def of_layers(name: str, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return tuple(check(name, each) for each in value)
        if not isinstance(value, Real):
            msg = (
                f"{name} must be a number or a list of one each hidden layer, got {describe(value)}"
            )
            raise TypeError(msg)
        return check(name, value)

    return of_layers


def of_each_layer(name: str, value: Any, layers: int, plural: str, one: str) -> tuple[Any, ...]:
    """One value for each hidden layer, from one for all or one each."""
    if not isinstance(value, tuple):
        return (value,) * layers
    if len(value) != layers:
        msg = (
            f"{name} has {len(value)} {plural} for {layers} hidden layers; pass {one} for all, or "
            "one each"
        )
        raise ValueError(msg)
    return value


def check_optimizer(name: str, value: Any) -> str | Optimizer:
    """A name, or an Optimizer."""
    if isinstance(value, Optimizer):
        return value
    if not isinstance(value, str):
        msg = f"{name} must be a name or an Optimizer from dnn_xp.formulas, got {describe(value)}"
        raise TypeError(msg)
    return str(one_of(*OPTIMIZERS, "lbfgs")(name, value))


def check_rate(name: str, value: Any) -> Any:
    """None, a schedule, or a rate above 0."""
    if value is None or callable(value):
        return value
    return check_float(name, value, above=0.0)


def check_dtype(name: str, value: Any) -> str:
    """Name of the working dtype, given as a name, a NumPy dtype or type, or that of a library."""
    found = getattr(value, "__name__", None) or str(value).rpartition(".")[2]
    if found not in ("float32", "float64"):
        raise unknown_name(name, value, ("float32", "float64"))
    return str(found)


def check_target_scaling(
    standardize_targets: bool | None, output_activation: str | None, cost: str | None
) -> None:
    """ValueError when targets are to be standardized that have no mean and scale: classes, counts, bounded ones."""
    if not standardize_targets or (
        output_activation in (None, "identity") and cost in SCALED_COSTS
    ):
        return
    if output_activation in (None, "identity") and cost is None:
        return
    came = [f"cost={cost!r}"] * (cost is not None)
    came += [f"output_activation={output_activation!r}"] * (output_activation is not None)
    msg = (
        f"standardize_targets=True was given with {' and '.join(came)}; it goes with values to be fitted, "
        "cost='squared_error' or 'huber' and identity output. Leave it out"
    )
    raise ValueError(msg)


def check_fitting_cost(output_activation: str, cost: str) -> None:
    """ValueError unless the output activation and the cost go together."""
    activation, chosen = ACTIVATIONS[output_activation], COSTS[cost]
    if activation.name == chosen.activation or (chosen.any_activation and activation.elementwise):
        return
    fitting = [name for name, each in COSTS.items() if each.activation == output_activation]
    way = f"cost={fitting[0]!r} or " if fitting else ""
    msg = (
        f"output_activation={output_activation!r} does not go with cost={cost!r}: pass "
        f"{way}output_activation={chosen.activation!r}"
    )
    raise ValueError(msg)
