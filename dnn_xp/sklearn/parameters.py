"""The estimators' parameters: one table of checks, under the names that scikit-learn has for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

from dnn_xp.backends.choice import check_device
from dnn_xp.backends.precision import PRECISIONS
from dnn_xp.common.checks import check_bool, check_choice, check_float, check_int, check_sequence
from dnn_xp.common.errors import Argument, ArgumentValueError, Pass
from dnn_xp.common.messages import describe
from dnn_xp.formulas.optimizers import OPTIMIZERS, Optimizer
from dnn_xp.training.options import (
    check_activation,
    check_block_size,
    check_optimizer,
    of_each_layer,
    optional,
    per_layer,
)
from dnn_xp.training.preset import PRESETS

SOLVERS = ("adam", "sgd", "lbfgs")
LEARNING_RATES = ("constant", "invscaling", "adaptive")


def _sizes(name: str, value: Any) -> tuple[int, ...]:
    if isinstance(value, Integral) and not isinstance(value, bool):
        value = (value,)
    value = value.tolist() if hasattr(value, "tolist") else value
    wanted = "a number of units, or one for each hidden layer such as (64, 32)"
    entries = check_sequence(name, value, wanted=wanted)
    return tuple(check_int(f"{name}[{layer}]", n, at_least=1) for layer, n in enumerate(entries))


def _activation(name: str, value: Any) -> str | tuple[str, ...]:
    """The library's name of an activation, or several; sigmoid is scikit-learn's logistic."""
    if isinstance(value, str):
        value = "sigmoid" if value == "logistic" else value
    elif isinstance(value, (list, tuple)):
        value = ["sigmoid" if each == "logistic" else each for each in value]
    return check_activation(name, value)


def _solver(name: str, value: Any) -> str | Optimizer:
    if isinstance(value, Optimizer):
        return value
    if isinstance(value, str):
        return str(check_choice(name, value, (*SOLVERS, *OPTIMIZERS)))
    return check_optimizer(name, value)


def _batch_size(name: str, value: Any) -> str | int | None:
    if value is None or (isinstance(value, str) and value == "auto"):
        return value
    return check_int(name, value, at_least=1)


def _rounds(name: str, value: Any) -> float:
    """A whole number >= 1, or infinity."""
    if isinstance(value, float) and value == math.inf:
        return value
    return check_int(name, value, at_least=1)


def _verbosity(name: str, value: Any) -> int:
    return int(value) if isinstance(value, bool) else check_int(name, value, at_least=0)


def _client(name: str, value: Any) -> Any:
    from dnn_xp.dask.clients import check_client

    return check_client(name, value)


_share = partial(check_float, at_least=0.0, below=1.0)
_positive = partial(check_float, above=0.0)
_not_negative = partial(check_float, at_least=0.0)

CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "loss": partial(check_choice, allowed=("squared_error", "poisson", "huber")),
    "hidden_layer_sizes": _sizes,
    "activation": _activation,
    "solver": _solver,
    "alpha": _not_negative,
    "batch_size": _batch_size,
    "learning_rate": partial(check_choice, allowed=LEARNING_RATES),
    "learning_rate_init": _positive,
    "power_t": _not_negative,
    "max_iter": partial(check_int, at_least=1),
    "shuffle": check_bool,
    "tol": _not_negative,
    "verbose": _verbosity,
    "warm_start": check_bool,
    "momentum": partial(check_float, at_least=0.0, at_most=1.0),
    "nesterovs_momentum": check_bool,
    "early_stopping": check_bool,
    "validation_fraction": _share,
    "beta_1": _share,
    "beta_2": _share,
    "epsilon": _positive,
    "n_iter_no_change": _rounds,
    "max_fun": partial(check_int, at_least=1),
    "dropout": optional(per_layer(partial(check_float, at_least=0.0, below=1.0))),
    "standardize": check_bool,
    "standardize_targets": check_bool,
    "device": check_device,
    "precision": optional(partial(check_choice, allowed=PRECISIONS)),
    "block_size": check_block_size,
    "threads": optional(partial(check_int, at_least=1)),
    "client": optional(_client),
    "preset": optional(partial(check_choice, allowed=tuple(PRESETS))),
    "ensemble": optional(partial(check_int, at_least=1)),
}


class Settings(NamedTuple):
    """The parameters of an estimator, checked; see the estimators for what they mean."""

    hidden_layer_sizes: tuple[int, ...]
    activation: str | tuple[str, ...]
    solver: str | Optimizer
    alpha: float
    batch_size: str | int | None
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    tol: float
    verbose: int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dropout: Any
    standardize: bool
    device: str | None
    precision: str | None
    block_size: str | int
    threads: int | None
    client: Any
    loss: str = "log_loss"
    standardize_targets: bool = False
    preset: str | None = None
    ensemble: int | None = None

    @property
    def is_lbfgs(self) -> bool:
        """Whether the solver has a line search in the place of a rate."""
        return isinstance(self.solver, str) and self.solver == "lbfgs"


def checked(parameters: dict[str, Any]) -> Settings:
    """The parameters that `get_params` gives, each checked by itself, then together.

    With a preset the options that are made of them are checked together.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        Naming the parameter as scikit-learn does.
    """
    known: Iterable[str] = (name for name in Settings._fields if name in parameters)
    values = {name: CHECKS[name](name, parameters[name]) for name in known}
    if values["preset"] is not None:
        return Settings(**values)
    if values["ensemble"] is not None:
        raise ArgumentValueError(
            "ensemble",
            describe(parameters["ensemble"]),
            ("left out unless ", Argument("preset"), " is given"),
            (Pass("preset", "tabular"),),
        )
    layers = len(values["hidden_layer_sizes"])
    values["activation"] = of_each_layer("activation", values["activation"], layers, "name", "name")
    if values["dropout"] is not None:
        of_each_layer("dropout", values["dropout"], layers, "rate", "rate")
        drops = any(of_each_layer("dropout", values["dropout"], layers))
        if drops and values["solver"] == "lbfgs":
            raise ArgumentValueError(
                "dropout",
                describe(parameters["dropout"]),
                "left out where solver='lbfgs' is given",
                "its line search needs the exact cost: leave it out, or pass solver='adam'",
            )
    return Settings(**values)
