"""The choices of a training: every default is resolved here, and every wrong value is refused here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from dnn_xp.common.checks import check_float, check_int
from dnn_xp.common.errors import Argument, ArgumentValueError
from dnn_xp.common.messages import counted, describe, unknown_name
from dnn_xp.formulas.activations import ACTIVATIONS, Activation
from dnn_xp.formulas.costs import COSTS, Cost
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.optimizers import OPTIMIZERS, Optimizer
from dnn_xp.formulas.schedules import constant
from dnn_xp.training.descent import Schedule

DEFAULT_HIDDEN = (64, 32)
# Full batches take few exact steps and bear a larger rate than mini-batches, whose gradients are
# noisy.
_FULL_BATCH_RATES = {"gradient_descent": 0.1, "momentum": 0.05, "nesterov": 0.05}
_ADAPTIVE_FULL_BATCH_RATE = 0.01
_ADAPTIVE_MINI_BATCH_RATE = 0.001
# Vectors like theta that an optimizer keeps; L-BFGS keeps ten pairs of them, and a line search at work.
_STATE_VECTORS = {
    "gradient_descent": 0,
    "momentum": 1,
    "nesterov": 1,
    "rmsprop": 1,
    "adam": 2,
    "adamw": 2,
    "lbfgs": 30,
}
_DEFAULT_ITERATIONS = 300
_DEFAULT_LBFGS_ITERATIONS = 200
_DEFAULT_EPOCHS = 20


@dataclass(frozen=True, slots=True)
class Steps:
    """How long and how fast: full batch counts iterations, mini-batches count epochs.

    Attributes
    ----------
    optimizer : Optimizer or "lbfgs"
    learning_rate : callable
        iteration -> rate.
    iterations, epochs, batch_size : int or None
        Full batch: iterations. Mini-batches: epochs of batches of batch_size.
    """

    optimizer: Optimizer | str
    learning_rate: Schedule
    iterations: int | None
    epochs: int | None
    batch_size: int | None

    @property
    def is_lbfgs(self) -> bool:
        """Whether L-BFGS takes the steps."""
        return isinstance(self.optimizer, str)

    def settings(self) -> dict[str, Any]:
        """What the model's record says of it."""
        name = self.optimizer if isinstance(self.optimizer, str) else self.optimizer.name
        extra = {} if isinstance(self.optimizer, str) else self.optimizer.hyperparameters
        shown = ", ".join(f"{key}={value:g}" for key, value in extra.items())
        return {
            "optimizer": f"{name}({shown})",
            "learning_rate": None if self.is_lbfgs else repr(self.learning_rate),
            "iterations": self.iterations,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
        }


def steps(
    optimizer: str | Optimizer,
    learning_rate: float | Schedule | None,
    iterations: int | None,
    epochs: int | None,
    batch_size: int | None,
    m: int,
) -> Steps:
    """Resolve optimizer, rate and length; `m` bounds the batch size."""
    if isinstance(optimizer, str):
        if optimizer != "lbfgs" and optimizer not in OPTIMIZERS:
            raise unknown_name("optimizer", optimizer, (*OPTIMIZERS, "lbfgs"))
    elif not isinstance(optimizer, Optimizer):
        msg = f"optimizer must be a name or an Optimizer from dnn_xp.formulas, got {describe(optimizer)}"
        raise TypeError(msg)
    name = optimizer if isinstance(optimizer, str) else optimizer.name
    if batch_size is not None:
        batch_size = check_int("batch_size", batch_size, at_least=1)
        if batch_size > m:
            raise ArgumentValueError(
                "batch_size",
                str(batch_size),
                f"at most {m}, the training examples",
                ("leave ", Argument("batch_size"), " out for full batch"),
            )
        if name == "lbfgs":
            msg = "optimizer='lbfgs' works on the full batch only; leave batch_size out, or choose optimizer='adam'"
            raise ValueError(msg)
    if iterations is not None and epochs is not None:
        raise ArgumentValueError(
            "iterations",
            (f"{iterations} with ", Argument("epochs", epochs)),
            ("left out where ", Argument("epochs"), " is given"),
        )
    if batch_size is None:
        # One full-batch iteration is one epoch.
        count = epochs if iterations is None else iterations
        default = _DEFAULT_LBFGS_ITERATIONS if name == "lbfgs" else _DEFAULT_ITERATIONS
        named = "iterations" if epochs is None else "epochs"
        length: tuple[int | None, int | None] = (
            default if count is None else check_int(named, count, at_least=0),
            None,
        )
    elif iterations is not None:
        raise ArgumentValueError(
            "iterations",
            str(iterations),
            ("left out where ", Argument("batch_size"), " is given"),
            ("it counts full-batch updates: pass ", Argument("epochs")),
        )
    else:
        length = (
            None,
            _DEFAULT_EPOCHS if epochs is None else check_int("epochs", epochs, at_least=0),
        )
    if learning_rate is None:
        adaptive = _ADAPTIVE_FULL_BATCH_RATE if batch_size is None else _ADAPTIVE_MINI_BATCH_RATE
        learning_rate = _FULL_BATCH_RATES.get(name, adaptive)
    if not callable(learning_rate):
        learning_rate = constant(check_float("learning_rate", learning_rate, above=0.0))
    chosen = (
        OPTIMIZERS[optimizer]()
        if isinstance(optimizer, str) and optimizer != "lbfgs"
        else optimizer
    )
    return Steps(chosen, learning_rate, *length, batch_size)


def optimizer_vectors(optimizer: str | Optimizer) -> int:
    """Vectors like theta that the optimizer keeps between updates."""
    name = optimizer if isinstance(optimizer, str) else optimizer.name
    if isinstance(optimizer, str) and name not in _STATE_VECTORS:
        raise unknown_name("optimizer", optimizer, _STATE_VECTORS)
    return _STATE_VECTORS.get(name, 2)


def yes_or_no(name: str, given: Any) -> bool:
    """True or False, NumPy's among them; nothing else that happens to be true."""
    if not isinstance(given, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {describe(given)}")
    return bool(given)


def hidden_sizes(hidden: str | Sequence[int]) -> tuple[int, ...]:
    """Units of the hidden layers; () is logistic or linear regression."""
    if isinstance(hidden, str):
        if hidden != "auto":
            raise unknown_name("hidden", hidden, ("auto",))
        return DEFAULT_HIDDEN
    if not isinstance(hidden, Sequence) and not hasattr(hidden, "__iter__"):
        way = f"; for one layer pass [{hidden}]" if isinstance(hidden, int) else ""
        msg = f"hidden must be a list of layer sizes such as [64, 32], got {describe(hidden)}{way}"
        raise TypeError(msg)
    return tuple(check_int(f"hidden[{layer}]", n, at_least=1) for layer, n in enumerate(hidden))


def hidden_activations(activation: str | Sequence[str], layers: int) -> tuple[Activation, ...]:
    """One activation for each hidden layer, from one name or one name each."""
    if not isinstance(activation, (str, list, tuple)):
        msg = (
            f"activation must be one name for all hidden layers or one each, got "
            f"{describe(activation)}"
        )
        raise TypeError(msg)
    names = (activation,) * layers if isinstance(activation, str) else tuple(activation)
    if len(names) != layers:
        raise ArgumentValueError(
            "activation",
            counted(len(names), "name"),
            f"one name for all {layers} hidden layers, or one each",
        )
    allowed = [name for name, each in ACTIVATIONS.items() if each.elementwise]
    for name in names:
        if name not in allowed:
            raise unknown_name("activation", name, allowed)
    return tuple(ACTIVATIONS[name] for name in names)


def output_layer(output_activation: str, cost: str) -> tuple[Activation, Cost]:
    """The output activation and the cost, when they go together."""
    activation, chosen = ACTIVATIONS[output_activation], COSTS[cost]
    if activation.name != chosen.activation and not (
        chosen.any_activation and activation.elementwise
    ):
        fitting = [name for name, each in COSTS.items() if each.activation == output_activation]
        way = f"cost={fitting[0]!r} or " if fitting else ""
        msg = (
            f"output_activation={output_activation!r} does not go with cost={cost!r}: pass "
            f"{way}output_activation={chosen.activation!r}"
        )
        raise ValueError(msg)
    return activation, chosen


def keep_probabilities(keep_prob: float | Sequence[float], layers: int) -> tuple[float, ...]:
    """Probability of keeping a unit, one for each hidden layer; () where nothing is ever dropped."""
    values = (keep_prob,) * layers if isinstance(keep_prob, Real) else keep_prob
    if not isinstance(values, (list, tuple)):
        msg = f"keep_prob must be a number or a list of one each hidden layer, got {describe(keep_prob)}"
        raise TypeError(msg)
    if len(values) != layers:
        raise ArgumentValueError(
            "keep_prob",
            counted(len(values), "value"),
            f"one number for all {layers} hidden layers, or one each",
        )
    checked = tuple(check_float("keep_prob", value, above=0.0, at_most=1.0) for value in values)
    return checked if any(value < 1.0 for value in checked) else ()


def build_network(
    n_x: int,
    n_y: int,
    hidden: str | Sequence[int],
    activation: str | Sequence[str],
    output_activation: str,
    cost: str,
    keep_prob: float | Sequence[float],
) -> Network:
    """The network that the arguments of train describe."""
    sizes = hidden_sizes(hidden)
    output, chosen = output_layer(output_activation, cost)
    return Network(
        (n_x, *sizes, n_y),
        (*hidden_activations(activation, len(sizes)), output),
        chosen,
        keep_probabilities(keep_prob, len(sizes)),
    )
