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
from dnn_xp.formulas.averaging import with_average
from dnn_xp.formulas.costs import COSTS
from dnn_xp.formulas.cycles import coslog, flat_cosine
from dnn_xp.formulas.decay import with_decay_schedule
from dnn_xp.formulas.embeddings import embedded_rows
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.number_encodings import (
    PERIODIC_HIDDEN,
    PERIODIC_OUTPUTS,
    NumberEncoding,
    encoded_parameters,
    encoded_rows,
)
from dnn_xp.formulas.optimizers import OPTIMIZERS, Optimizer
from dnn_xp.formulas.schedules import Schedule, constant, cosine_decay
from dnn_xp.formulas.tabular import Rates
from dnn_xp.formulas.types import Array
from dnn_xp.model.model import Model
from dnn_xp.training import preset
from dnn_xp.training.ensembles import ensemble_asked, settings_of_ensemble
from dnn_xp.training.from_examples import fits_to_examples, fitting_bytes
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
    dropout_schedule : callable, optional
        iteration -> factor of the rate that is dropped; None where it stays.
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
    bins_taken : NumberEncoding, optional
        The piecewise encoding whose bins have to be found first.
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
    dropout_schedule: Schedule | None
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
    bins_taken: NumberEncoding | None
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

    @property
    def averages(self) -> bool:
        """Whether the parameters that are used are an average of theta over the updates."""
        return self.asked.ema_decay is not None

    @property
    def extra_costs(self) -> bool:
        """Whether a full-batch step does not give the cost that is reported."""
        return self.drops_out or self.averages

    def used(self, theta: Array, optimizer: tuple[Array, ...]) -> Array:
        """The parameters that are reported and kept: theta, or its average, the last of the optimizer's."""
        return optimizer[-1] if self.averages else theta

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
        asked, rates, encoding = self.asked, self.rates, self.network.number_encoding
        quantiles = self.moments_taken and asked.standardize_by == "quantiles"
        return {
            "standardize_by": "quantiles" if quantiles else None,
            "number_encoding": _said_of_encoding(encoding),
            "clamp_outputs": asked.clamp_outputs or None,
            "scaling_layer": self.network.scaling_layer or None,
            **settings_of_ensemble(self.network.ensemble),
            "label_smoothing": self.label_smoothing or None,
            "ntk": rates.ntk or None,
            "bias_rate": None if rates.bias == 1.0 else rates.bias,
            "output_rate": None if rates.output == 1.0 else rates.output,
            "scale_rate": rates.scale if self.network.scaling_layer else None,
            "parametric_activation": self.network.parametric or None,
            "parametric_rate": rates.mix if self.network.parametric else None,
            "encoding_rate": rates.encoding if encoded_parameters(encoding) else None,
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
    epochs = _epochs(asked, network, m)
    updates = _updates(asked, epochs, batch_size, m)
    optimizer = _optimizer(asked, updates)
    name = "lbfgs" if optimizer is None else optimizer.name
    at_once = batch_size or m
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
    block_size = block_size_of(asked.block_size, network, dtype=data.dtype, backend=backend)
    moments_taken = asked.standardize and model is None
    piecewise = network.number_encoding is not None and not network.number_encoding.hidden
    by_quantiles = moments_taken and asked.standardize_by == "quantiles"
    bins_taken = network.number_encoding if piecewise and model is None else None
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
        # Bins without a standardization come with a mean of 0 and a scale of 1.
        standardized=moments_taken or bins_taken is not None
        if model is None
        else model.standardization is not None,
        moments_taken=moments_taken and not by_quantiles,
        sampled=by_quantiles or bins_taken is not None,
        targets_standardized=targets_scaled,
        replayed=replayed,
        orientation=orientation_of(asked),
        averages=asked.ema_decay is not None,
        fitting_bytes=fitting_bytes(network, m) if fits_to_examples(asked) and model is None else 0,
    )
    _check_clamping(asked, network, data.targets.kind)
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
        learning_rate=_learning_rate(asked, name, data.targets.kind, updates),
        dropout_schedule=_share(asked.dropout_schedule, updates) if network.keep_probs else None,
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
        bins_taken=bins_taken,
        moments_taken=moments_taken,
        target_moments_taken=targets_taken,
        replayed=replayed,
        plan=plan,
    )


def _vectors_kept(asked: Specification, optimizer: str) -> int:
    """Vectors like theta that are kept besides it: the optimizer's, and states to go back to."""
    own = _STATE_VECTORS.get(optimizer, 2) + (asked.ema_decay is not None)
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
        return model.network._replace(
            keep_probs=asked.keep_probs,
            scaling_layer=asked.scaling_layer or model.network.scaling_layer,
            parametric=asked.parametric_activation or model.network.parametric,
        )
    check_fitting_cost(targets.output_activation, targets.cost)
    ensemble = ensemble_asked(asked, targets.output_activation)
    named = asked.activation
    names = (named,) * len(asked.sizes) if isinstance(named, str) else named
    embeddings = () if data.encoder is None else data.encoder.embeddings
    encoding = encoding_of(asked, data)
    made = embedded_rows(embeddings) + encoded_rows(encoding)
    n_0 = data.X.n - len(embeddings) + made
    return Network(
        (n_0, *asked.sizes, targets.n_y),
        tuple(ACTIVATIONS[name] for name in (*names, targets.output_activation)),
        COSTS[targets.cost],
        asked.keep_probs,
        embeddings,
        asked.scaling_layer or (ensemble is not None and ensemble.shares_layers),
        asked.parametric_activation,
        encoding,
        ensemble,
    )


def encoding_of(asked: Problem, data: Prepared) -> NumberEncoding | None:
    """The encoding of numbers that was asked for, of the features that are not 0 or 1 by construction."""
    if asked.number_encoding is None:
        return None
    n, encoder = data.X.n, data.encoder
    numbers = [True] * n if encoder is None else [not each for each in encoder.one_hot.tolist()]
    edges = [j for j in range(n + 1) if (j < n and numbers[j]) != (j > 0 and numbers[j - 1])]
    rows = tuple(zip(edges[::2], edges[1::2], strict=True))
    if not rows:
        return None
    if asked.number_encoding == "piecewise":
        return NumberEncoding("piecewise", rows, asked.bins)
    return NumberEncoding("periodic", rows, PERIODIC_OUTPUTS, PERIODIC_HIDDEN)


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


def _optimizer(asked: Specification, updates: int) -> Optimizer | None:
    if asked.is_lbfgs:
        return None
    given = asked.optimizer
    found = given if isinstance(given, Optimizer) else OPTIMIZERS[given]()
    decay = _share(asked.weight_decay_schedule, updates)
    found = found if decay is None else with_decay_schedule(found, decay)
    return found if asked.ema_decay is None else with_average(found, asked.ema_decay)


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


def _epochs(asked: Specification, network: Network, m: int) -> int | None:
    if asked.batch_size is None or asked.epochs is not None:
        return asked.epochs if asked.batch_size else None
    return preset.length_of(asked.preset, network).epochs(m, asked.batch_size)


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
    return Rates(
        asked.ntk,
        asked.bias_rate,
        output,
        asked.scale_rate,
        asked.parametric_rate,
        asked.encoding_rate,
    )


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


def _check_clamping(asked: Specification, network: Network, kind: str) -> None:
    output = network.activations[-1].name
    if asked.clamp_outputs and (kind != "regression" or output != "identity"):
        raise ArgumentValueError(
            "clamp_outputs",
            f"True with the output activation {output!r}",
            ("left out unless ", Argument("Y"), " holds values and the output is the identity"),
            ("leave ", Argument("clamp_outputs"), " out"),
        )


def _learning_rate(asked: Specification, optimizer: str, kind: str, updates: int) -> Schedule:
    given = asked.learning_rate
    if given is None and asked.preset == "tabular":
        given = preset.LEARNING_RATES[kind == "regression"]
    if given is None:
        full_batch = asked.batch_size is None
        adaptive = _ADAPTIVE_FULL_BATCH_RATE if full_batch else _ADAPTIVE_MINI_BATCH_RATE
        given = _FULL_BATCH_RATES.get(optimizer, adaptive)
    return given if callable(given) else _named(asked.schedule, given, updates)


def _share(schedule: str | None, updates: int) -> Schedule | None:
    """A schedule of what is multiplied by 1 at most; None where it always is."""
    return None if schedule in (None, "constant") else _named(schedule, 1.0, updates)


def _named(schedule: str | None, highest: float, updates: int) -> Schedule:
    length = max(updates, 1)
    if schedule == "coslog4":
        return coslog(highest, iterations=length)
    if schedule == "flat_cosine":
        return flat_cosine(highest, iterations=length)
    return cosine_decay(highest, iterations=length) if schedule == "cosine" else constant(highest)


def _said_of_encoding(encoding: NumberEncoding | None) -> str | None:
    if encoding is None:
        return None
    of_each = f"{encoding.outputs} {'values' if encoding.hidden else 'bins'} each"
    return f"{encoding.kind}, {counted(encoding.numbers, 'number')}, {of_each}"


def _shown_optimizer(optimizer: Optimizer | None) -> str:
    if optimizer is None:
        return "lbfgs()"
    given = ", ".join(f"{key}={value:g}" for key, value in optimizer.hyperparameters.items())
    return f"{optimizer.name}({given})"


def _is_shown(each: Any) -> bool:
    found = option_of(each)
    return found is not None and found.shown
