"""What was decided for a training, by one function of what was asked and of the data's shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from dnn_xp.backends.choice import DeviceRecord, choose_backend, compiled
from dnn_xp.backends.precision import with_precision
from dnn_xp.backends.record import Backend
from dnn_xp.common.errors import Argument, ArgumentValueError
from dnn_xp.common.messages import counted
from dnn_xp.execution.block_size import block_size_of, gradient_flops
from dnn_xp.execution.memory import Plan
from dnn_xp.execution.penalties import Penalties
from dnn_xp.execution.threads import threads_used
from dnn_xp.formulas.activations import ACTIVATIONS
from dnn_xp.formulas.costs import COSTS
from dnn_xp.formulas.cycles import coslog, flat_cosine
from dnn_xp.formulas.embeddings import embedded_rows
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.optimizers import OPTIMIZERS, Optimizer
from dnn_xp.formulas.schedules import Schedule, constant, cosine_decay
from dnn_xp.formulas.tabular import Rates
from dnn_xp.model.model import Model
from dnn_xp.training import preset
from dnn_xp.training.ensembles import ensemble_asked, settings_of_ensemble
from dnn_xp.training.inputs import Prepared
from dnn_xp.training.memory import plan_memory
from dnn_xp.training.options import (
    SCALED_COSTS,
    check_fitting_cost,
    check_target_scaling,
    option_of,
)
from dnn_xp.training.specification import Problem, Specification

# Full batches take few exact steps and allow a larger rate than the noisy ones of mini-batches.
_FULL_BATCH_RATES = {"gradient_descent": 0.1, "momentum": 0.05, "nesterov": 0.05}
_ADAPTIVE_FULL_BATCH_RATE = 0.01
_ADAPTIVE_MINI_BATCH_RATE = 0.001
# Vectors like theta that an optimizer keeps; L-BFGS keeps ten pairs of them, and a
# line search more.
_STATE_VECTORS = {
    "gradient_descent": 0,
    "momentum": 1,
    "nesterov": 1,
    "rmsprop": 1,
    "adam": 2,
    "adamw": 2,
    "lbfgs": 30,
}
_ITERATIONS = 300
_LBFGS_ITERATIONS = 200
_EPOCHS = 20
# Updates of mini-batches when their number is left out, in so many epochs at most.
_BATCH_UPDATES = 1500
_MOST_EPOCHS = 300
# The largest penalty when neither it nor a length is given, and the number of examples from which none
# is needed. See docs/defaults.md.
_L2 = 5.0
_MANY_EXAMPLES = 100_000
# From so many operations on, the arithmetic of a step takes far longer than its launches.
_LARGE = 1e11


@dataclass(frozen=True, slots=True)
class Run:
    """What was decided for a training.

    Attributes
    ----------
    asked : Specification
        What was asked.
    network : Network
        Sizes, activations, cost, dropout.
    penalties : Penalties
        L2 and L1, and the number of training examples that they are divided by.
    optimizer : Optimizer, optional
        None for L-BFGS.
    learning_rate : callable
        iteration -> rate; unused by L-BFGS.
    iterations, epochs : int or None
        Full batch: iterations. Mini-batches: epochs.
    batch_size : int or None
        Examples of a mini-batch.
    backend : Backend
        Where it is computed.
    record : DeviceRecord
        The same in words.
    dtype, precision : str
        Of arrays, and of the layers' products.
    block_size : callable
        Examples of a block, given how many are summed.
    threads : int
        Blocks computed at once, at most.
    rates : Rates
        Factors of the learning rate for parts of theta.
    label_smoothing : float
        Of Y, of classes.
    moments_taken, target_moments_taken, replayed : bool
        Whether X, and Y, are standardized by moments that have to be taken first; whether a step of
        examples in memory is replayed as a CUDA graph.
    plan : Plan
        What memory it takes.
    """

    asked: Specification
    network: Network
    penalties: Penalties
    optimizer: Optimizer | None
    learning_rate: Schedule
    iterations: int | None
    epochs: int | None
    batch_size: int | None
    backend: Backend
    record: DeviceRecord
    dtype: str
    precision: str
    block_size: Callable[[int], int]
    threads: int
    rates: Rates
    label_smoothing: float
    moments_taken: bool
    target_moments_taken: bool
    replayed: bool
    plan: Plan

    @property
    def orientation(self) -> str | None:
        """How blocks are laid out."""
        return orientation_of(self.asked)

    @property
    def drops_out(self) -> bool:
        """Whether any hidden layer has dropout."""
        return bool(self.network.keep_probs)

    def settings(self) -> dict[str, Any]:
        """The options that a model shows, as they were decided."""
        of_problem = {each.name for each in fields(Problem)}
        shown = [each.name for each in fields(self.asked) if _is_shown(each)]
        shown.sort(key=lambda name: name in of_problem)
        settings = {name: getattr(self.asked, name) for name in shown}
        return settings | {
            "optimizer": _shown_optimizer(self.optimizer),
            "learning_rate": None if self.optimizer is None else repr(self.learning_rate),
            "iterations": self.iterations,
            "epochs": self.epochs,
            "l2": self.penalties.l2,
            "keep_prob": list(self.network.keep_probs) or None,
            "batch_size": self.batch_size,
            "preset": preset.said_of_preset(self.asked),
            **self._of_tables(),
            "chosen": self._chosen(),
        }

    def _of_tables(self) -> dict[str, Any]:
        """The options that are shown only where they change something."""
        asked, rates = self.asked, self.rates
        quantiles = self.moments_taken and asked.standardize_by == "quantiles"
        return {
            "standardize_by": "quantiles" if quantiles else None,
            "scaling_layer": self.network.scaling_layer or None,
            **settings_of_ensemble(self.network.ensemble),
            "label_smoothing": self.label_smoothing or None,
            "ntk": rates.ntk or None,
            "bias_rate": None if rates.bias == 1.0 else rates.bias,
            "output_rate": None if rates.output == 1.0 else rates.output,
            "scale_rate": rates.scale if self.network.scaling_layer else None,
        }

    def _chosen(self) -> str | None:
        """What was chosen from the number of examples because it was left out."""
        m, chosen = self.penalties.m, []
        if self.epochs is not None and self.asked.epochs is None:
            updates = self.epochs * math.ceil(m / (self.batch_size or m))
            chosen.append(f"epochs={self.epochs}, which are {updates:,} updates")
        if self.penalties.l2 and self.asked.l2 is None:
            chosen.append(
                f"l2={self.penalties.l2:g} against overfitting, as no length was given (l2=0: none)"
            )
        if self.penalties.l2_embedded is not None:
            chosen.append(f"l2={self.penalties.l2_embedded:g} on the embeddings (l2=0: none)")
        return f"for {m:,} examples: {'; '.join(chosen)}" if chosen else None


def decide(asked: Specification, data: Prepared, *, model: Model | None = None) -> Run:
    """Decide a training from what was asked and the shape of its data, whose values are not looked at.

    `model` brings its network and standardization.
    """
    m = data.X.m
    network = build_network(asked, data, model)
    batch_size = asked.batch_size
    if batch_size is not None and asked.preset is not None:
        batch_size = min(batch_size, m)
    if batch_size is not None and batch_size > m:
        raise ArgumentValueError(
            "batch_size",
            str(asked.batch_size),
            f"at most {m}, the training examples",
            ("leave ", Argument("batch_size"), " out for full batch"),
        )
    optimizer = _optimizer(asked)
    name = "lbfgs" if optimizer is None else optimizer.name
    at_once = batch_size or m
    epochs = _epochs(asked, m)
    backend, record = choose_backend(
        asked.device,
        getattr(data.X, "array", None),
        fallback=asked.fallback,
        step_operations=network.members * gradient_flops(network.sizes, at_once),
        blas=asked.blas,
    )
    backend = compiled(backend) if asked.compile else backend
    precision = asked.precision or data.dtype
    with_precision(backend, precision)  # refuses what the backend cannot do
    threads = threads_used(asked.threads, backend)
    block_size = block_size_of(
        asked.block_size,
        network.sizes,
        dtype=data.dtype,
        backend=backend,
        ensemble=network.ensemble,
    )
    moments_taken = asked.standardize and model is None
    if model is None:
        targets_scaled = targets_taken = _scales_targets(asked, network)
    else:
        targets_scaled, targets_taken = model.target_standardization is not None, False
    replayed = backend.replay is not None and pays_to_replay(network, at_once)
    plan = plan_memory(
        data,
        network,
        backend,
        batch_size=batch_size,
        block_size=block_size,
        threads=threads,
        optimizer_vectors=_vectors_kept(asked, name),
        standardized=moments_taken if model is None else model.standardization is not None,
        moments_taken=moments_taken,
        targets_standardized=targets_scaled,
        replayed=replayed,
        orientation=orientation_of(asked),
    )
    return Run(
        asked=asked,
        network=network,
        penalties=Penalties(
            _l2(asked, m, values=targets_scaled),
            asked.l1,
            m,
            # A category has few examples however large m is.
            _L2 if network.embeddings and asked.l2 is None else None,
        ),
        optimizer=optimizer,
        learning_rate=_learning_rate(
            asked, name, data.targets.kind, _updates(asked, epochs, batch_size, m)
        ),
        iterations=_iterations(asked),
        epochs=epochs,
        batch_size=batch_size,
        backend=backend,
        record=record._replace(
            dtype=data.dtype,
            precision=precision if precision != data.dtype else "",
            threads=plan.threads,
        ),
        dtype=data.dtype,
        precision=precision,
        block_size=block_size,
        threads=threads,
        rates=_rates(asked, data.targets.kind),
        label_smoothing=_label_smoothing(asked, data.targets.kind),
        moments_taken=moments_taken,
        target_moments_taken=targets_taken,
        replayed=replayed,
        plan=plan,
    )


def _vectors_kept(asked: Specification, optimizer: str) -> int:
    """Vectors like theta that are kept besides it: the optimizer's, and states to go back to."""
    own = _STATE_VECTORS.get(optimizer, 2)
    return own + 2 * (1 + own) if asked.on_divergence == "halve" else own


def build_network(asked: Specification, data: Prepared, model: Model | None) -> Network:
    """The network that was asked for, or that of the model with the dropout that was asked for."""
    targets = data.targets
    if model is not None:
        if targets.n_y != model.sizes[-1]:
            raise ArgumentValueError(
                "Y",
                f"{counted(targets.n_y, 'output')} per example",
                f"targets of {counted(model.sizes[-1], 'output')}, as the model has",
            )
        if model.network.ensemble is not None:
            return model.network._replace(keep_probs=asked.keep_probs)
        return model.network._replace(
            keep_probs=asked.keep_probs, scaling_layer=asked.scaling_layer
        )
    check_fitting_cost(targets.output_activation, targets.cost)
    ensemble = ensemble_asked(asked, targets.output_activation)
    named = asked.activation
    if named == "auto":
        of_kind = preset.ACTIVATIONS[targets.kind == "regression"]
        named = of_kind if asked.preset == "tabular" else "relu"
    names = (named,) * len(asked.sizes) if isinstance(named, str) else named
    embeddings = () if data.encoder is None else data.encoder.embeddings
    n_0 = data.X.n - len(embeddings) + embedded_rows(embeddings)
    return Network(
        (n_0, *asked.sizes, targets.n_y),
        tuple(ACTIVATIONS[name] for name in (*names, targets.output_activation)),
        COSTS[targets.cost],
        asked.keep_probs,
        embeddings,
        asked.scaling_layer or (ensemble is not None and ensemble.shares_layers),
        ensemble,
    )


def _scales_targets(asked: Specification, network: Network) -> bool:
    """Whether Y is standardized: unless told not to, where the network's output may be any number."""
    output, cost = network.activations[-1].name, network.cost.name
    check_target_scaling(asked.standardize_targets, output, cost)
    fitting = output == "identity" and cost in SCALED_COSTS
    return fitting if asked.standardize_targets is None else asked.standardize_targets


def orientation_of(asked: Specification) -> str | None:
    """How blocks are laid out: batches are gathered as rows, so the costs between them are, too."""
    return asked.layout or (None if asked.batch_size is None else "rows")


def pays_to_replay(network: Network, at_once: int) -> bool:
    """Whether a step of so many examples in memory is the same work every time, and little enough."""
    operations = network.members * gradient_flops(network.sizes, at_once)
    return not network.keep_probs and operations <= _LARGE


def _optimizer(asked: Specification) -> Optimizer | None:
    if isinstance(asked.optimizer, Optimizer):
        return asked.optimizer
    return None if asked.is_lbfgs else OPTIMIZERS[asked.optimizer]()


def _l2(asked: Specification, m: int, *, values: bool) -> float:
    """As given, or a penalty against overfitting where both it and the length are left to the library."""
    if asked.l2 is not None:
        return asked.l2
    decided = asked.iterations is not None or asked.epochs is not None
    regularized = asked.l1 or asked.keep_probs
    if decided or regularized or m >= _MANY_EXAMPLES:
        return 0.0
    # With few examples, classes need a smaller penalty than standardized values.
    return min(_L2, m / 10 if values else max(1.0, m / 100))


def _iterations(asked: Specification) -> int | None:
    if asked.batch_size is not None:
        return None
    # One full-batch iteration is one epoch.
    given = asked.epochs if asked.iterations is None else asked.iterations
    default = _LBFGS_ITERATIONS if asked.is_lbfgs else _ITERATIONS
    return default if given is None else given


def _epochs(asked: Specification, m: int) -> int | None:
    if asked.batch_size is None or asked.epochs is not None:
        return asked.epochs if asked.batch_size else None
    # A small set has few batches: as many epochs as make enough updates.
    batches = math.ceil(m / asked.batch_size)
    return min(max(_EPOCHS, math.ceil(_BATCH_UPDATES / batches)), _MOST_EPOCHS)


def _updates(asked: Specification, epochs: int | None, batch_size: int | None, m: int) -> int:
    """Updates in all, within a few of them where batches come from a file."""
    if epochs is None or batch_size is None:
        return _iterations(asked) or 0
    return epochs * math.ceil(m / batch_size)


def _rates(asked: Specification, kind: str) -> Rates:
    output = asked.output_rate
    if output is None:
        two = asked.preset == "tabular" and kind == "binary"
        output = preset.TWO_CLASSES_RATE if two else 1.0
    return Rates(asked.ntk, asked.bias_rate, output, asked.scale_rate)


def _label_smoothing(asked: Problem, kind: str) -> float:
    """As given, or that of the preset for classes; refused for values and counts."""
    given = asked.label_smoothing
    if kind == "regression" and given:
        raise ArgumentValueError(
            "label_smoothing",
            f"{given:g} with a Y of values",
            ("left out where ", Argument("Y"), " holds no classes"),
        )
    if given is None:
        classes = kind in ("binary", "multiclass")
        given = preset.LABEL_SMOOTHING if asked.preset == "tabular" and classes else 0.0
    return given


def _learning_rate(asked: Specification, optimizer: str, kind: str, updates: int) -> Schedule:
    given = asked.learning_rate
    if given is None and asked.preset == "tabular":
        given = preset.LEARNING_RATES[kind == "regression"]
    if given is None:
        full_batch = asked.batch_size is None
        adaptive = _ADAPTIVE_FULL_BATCH_RATE if full_batch else _ADAPTIVE_MINI_BATCH_RATE
        given = _FULL_BATCH_RATES.get(optimizer, adaptive)
    if callable(given):
        return given
    length = max(updates, 1)
    if asked.schedule == "coslog4":
        return coslog(given, iterations=length)
    if asked.schedule == "flat_cosine":
        return flat_cosine(given, iterations=length)
    return cosine_decay(given, iterations=length) if asked.schedule == "cosine" else constant(given)


def _shown_optimizer(optimizer: Optimizer | None) -> str:
    if optimizer is None:
        return "lbfgs()"
    given = ", ".join(f"{key}={value:g}" for key, value in optimizer.hyperparameters.items())
    return f"{optimizer.name}({given})"


def _is_shown(each: Any) -> bool:
    found = option_of(each)
    return found is not None and found.shown
