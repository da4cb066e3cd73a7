"""Fits with a preset: the training of `dnn_xp.train`, asked for by the estimators' parameters."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral
from typing import Any

from sklearn.base import is_classifier
from sklearn.utils import check_random_state

from dnn_xp.common.contexts import in_own_context
from dnn_xp.common.errors import Argument, ArgumentError, ArgumentValueError, Pass, Text
from dnn_xp.common.messages import describe
from dnn_xp.formulas.optimizers import Optimizer, adam
from dnn_xp.model.model import Model
from dnn_xp.sklearn import door
from dnn_xp.sklearn.callbacks import FitCallbacks
from dnn_xp.sklearn.clusters import computing
from dnn_xp.sklearn.parameters import CHECKS, Settings
from dnn_xp.sklearn.targets import read_y, values_of
from dnn_xp.training import preset
from dnn_xp.training.arguments import TrainArguments
from dnn_xp.training.inputs import dtype_of, examples_held_out
from dnn_xp.training.specification import Specification
from dnn_xp.training.train import train_where

# The options of `dnn_xp.train` that parameters are when they differ from their defaults.
_OPTIONS = {
    "hidden_layer_sizes": "hidden",
    "activation": "activation",
    "batch_size": "batch_size",
    "learning_rate_init": "learning_rate",
    "max_iter": "epochs",
    "validation_fraction": "validation",
    "dropout": "dropout",
    "standardize": "standardize",
    "standardize_targets": "standardize_targets",
    "device": "device",
    "precision": "precision",
    "block_size": "block_size",
    "threads": "threads",
    "verbose": "verbose",
    "ensemble": "ensemble",
    "loss": "cost",
}
# Parameters that have no such option, with what the training does in their place.
_WITHOUT = {
    "learning_rate": "the preset has a schedule of its own, from learning_rate_init",
    "power_t": "the preset has a schedule of its own",
    "shuffle": "every epoch has an order of its own",
    "tol": "it trains for max_iter epochs and keeps the best",
    "n_iter_no_change": "it trains for max_iter epochs and keeps the best",
    "early_stopping": "it keeps the best epoch by validation_fraction or X_val anyway",
    "warm_start": "every fit is a new one",
    "momentum": "a solver has its own, dnn_xp.formulas.momentum(0.8) for one",
    "nesterovs_momentum": "a solver has its own, dnn_xp.formulas.nesterov(0.8) for one",
    "max_fun": "there is no lbfgs with mini-batches",
}
_BETAS = {"beta_1": "beta1", "beta_2": "beta2", "epsilon": "epsilon"}
# What errors of a training name, in the words of an estimator.
_NAMES = {option: name for name, option in _OPTIONS.items()} | {
    "optimizer": "solver",
    "l2": "alpha",
    "seed": "random_state",
    "Y": "y",
    "validation X": "X_val",
    "validation Y": "y_val",
}


def fit(
    estimator: Any,
    settings: Settings,
    examples: tuple[Any, Any, Any],
    held_out: tuple[Any, Any] | None,
    callbacks: FitCallbacks | None,
) -> dict[str, Any]:
    """Train on `examples`, X, y and weights or None, as `dnn_xp.train`; the attributes of the fit."""
    options = options_of(estimator, settings)
    with _named_as_parameters():
        asked = Specification(**options)
        return _fit(estimator, settings, options, asked, examples, held_out, callbacks)


def options_of(estimator: Any, settings: Settings) -> dict[str, Any]:
    """The options that an estimator's parameters are; `l2` depends on the examples, too.

    Raises
    ------
    ArgumentValueError
        For parameters that a training with a preset does not have.
    """
    given = _given(estimator, settings)
    for name in given:
        if name in _WITHOUT:
            raise _refused(name, settings, _WITHOUT[name])
    options = {option: given[name] for name, option in _OPTIONS.items() if name in given}
    if hasattr(estimator, "loss"):
        options["cost"] = settings.loss
    if "verbose" in options:
        options["verbose"] = bool(options["verbose"])
    if options.get("validation") == 0.0:
        options["validation"] = None
    weights = getattr(estimator, "class_weight", None)
    if weights is not None:
        options["class_weight"] = weights
    optimizer = _optimizer(settings, given)
    if optimizer is not None:
        options["optimizer"] = optimizer
    return options | {"preset": settings.preset, "seed": _seed(estimator.random_state)}


def most_epochs(estimator: Any, settings: Settings) -> int:
    """Epochs of a fit at most."""
    if settings.preset is None or "max_iter" in _given(estimator, settings):
        return settings.max_iter
    return preset.TABULAR_LENGTH.most


def _given(estimator: Any, settings: Settings) -> dict[str, Any]:
    """The checked parameters that differ from their defaults, which a preset leaves as they are."""
    parameters = inspect.signature(type(estimator)).parameters
    found = {name: each for name, each in parameters.items() if name in Settings._fields}
    return {
        name: getattr(settings, name)
        for name, each in found.items()
        if name not in ("client", "preset")
        and getattr(settings, name) != CHECKS[name](name, each.default)
    }


def _refused(name: str, settings: Settings, why: str) -> ArgumentValueError:
    return ArgumentValueError(
        name,
        describe(getattr(settings, name)),
        ("left out where ", Argument("preset", settings.preset), " is given"),
        (f"{why}: leave it out, or ", Pass("preset", None)),
    )


def _optimizer(settings: Settings, given: dict[str, Any]) -> str | Optimizer | None:
    """The optimizer of solver and its parameters; None where it is the preset's."""
    betas = [name for name in _BETAS if name in given]
    solver = settings.solver
    if solver in ("sgd", "lbfgs"):
        why = _WITHOUT["max_fun"] if solver == "lbfgs" else "nesterov takes its steps"
        raise _refused("solver", settings, why)
    if solver != "adam":
        for name in betas:
            raise _refused(name, settings, "only solver='adam' has it")
        return solver
    if not betas:
        return None
    of_preset = preset.PRESETS[str(settings.preset)]["optimizer"].hyperparameters
    return adam(**of_preset | {_BETAS[name]: given[name] for name in betas})


def _seed(random_state: Any) -> int:
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _fit(
    estimator: Any,
    settings: Settings,
    options: dict[str, Any],
    asked: Specification,
    examples: tuple[Any, Any, Any],
    held_out: tuple[Any, Any] | None,
    callbacks: FitCallbacks | None,
) -> dict[str, Any]:
    X, y, sample_weight = examples
    opened, y = door.open_training(estimator, X, y, reset=True)
    given = opened.given
    dtype = asked.wanted_dtype or dtype_of(given)
    Y = _read(estimator, y, given.X.m, dtype)
    weights = door.weights_of_examples(sample_weight, given.X.m)
    m = given.X.m
    if held_out is not None:
        others, y_val = door.open_training(estimator, *held_out, reset=False, trained_on=given)
        Y_val = _read(estimator, y_val, others.given.X.m, dtype, known=True)
        options = options | {"validation": (others.given, Y_val)}
    elif asked.validation is not None:
        if m == 1:
            raise ArgumentValueError(
                "X", "n_samples=1", "two examples or more, of which some are validated on"
            )
        m -= examples_held_out(asked.validation, m)
    if "alpha" in _given(estimator, settings):
        # alpha / (2 b) of an update's b examples is l2 / (2 m) of all m.
        options = options | {"l2": settings.alpha * m / min(asked.batch_size or m, m)}
    of_classes = options.get("class_weight")
    if isinstance(of_classes, Mapping):
        each = dict.fromkeys(estimator.classes_.tolist(), 1.0) | dict(of_classes)
        options = options | {"class_weight": each}
    estimator._remember(opened)
    if callbacks is not None:
        options = options | {"callbacks": [_after_epochs(callbacks)]}
    arguments = TrainArguments(given, Y, examples="rows", sample_weight=weights, **options)
    model = _trained(arguments, settings.client)
    attributes: dict[str, Any] = estimator._fitted_attributes(model)
    return attributes | _figures(model, m)


@in_own_context
def _trained(arguments: TrainArguments, client: Any) -> Model:
    with computing(client) as (place, recorded):
        return recorded(train_where(arguments, place))


def _read(estimator: Any, y: Any, m: int, dtype: str, *, known: bool = False) -> Any:
    """Targets of the labels, by scikit-learn's rules; values as they are, which the cost says they are."""
    y = read_y(y, m)
    if not is_classifier(estimator):
        return values_of(y)
    return estimator._targets(y, dtype, known=known)[0]


def _after_epochs(callbacks: FitCallbacks) -> Any:
    def after(iteration: int, cost: float, model: Model) -> bool:
        return iteration > 0 and callbacks.epoch_ended(lambda: model)

    return after


def _figures(model: Model, m: int) -> dict[str, Any]:
    """The attributes of a fit that its history gives; entry 0 of that is the start, before any epoch."""
    history = model.history
    losses, epochs = list(history.costs[1:]), len(history.costs) - 1
    scores = next(iter(history.metrics.values()), ())
    return {
        "_state": None,
        "n_iter_": epochs,
        "t_": epochs * m,
        "loss_": losses[-1] if losses else math.nan,
        "loss_curve_": losses,
        "best_loss_": None if scores else min(losses, default=math.nan),
        "best_validation_score_": max(scores, default=None),
        "validation_scores_": list(scores[1:]) or None,
        "validation_loss_curve_": list(history.validation_costs[1:]) or None,
    }


@contextmanager
def _named_as_parameters() -> Iterator[None]:
    """Errors of a training name the estimator's parameters."""
    try:
        yield
    except ArgumentError as error:
        parts = (_renamed(each) for each in (error.got, error.wanted, error.remedy))
        renamed = type(error)(_NAMES.get(error.argument, error.argument), *parts)
        raise renamed.with_traceback(error.__traceback__) from None


def _renamed(text: Text) -> Text:
    if isinstance(text, str):
        return text
    return tuple(
        each if isinstance(each, str) else each._replace(name=_NAMES.get(each.name, each.name))
        for each in text
    )
