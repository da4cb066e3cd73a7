"""Analytic gradients against central differences, for a whole network and by the path that train takes."""

# ruff: noqa: RUF009 - option() is a field, which dataclasses take
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import partial
from typing import Any

import numpy as np

from dnn_xp.common.checks import check_float, check_int
from dnn_xp.common.contexts import in_own_context
from dnn_xp.common.differences import central_differences, relative_difference
from dnn_xp.common.errors import Argument, ArgumentValueError
from dnn_xp.common.messages import describe
from dnn_xp.data.targets.weights import check_sample_weight
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.host_memory import check_host_memory
from dnn_xp.execution.objective import Objective
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.theta import parameter_shapes, penalized
from dnn_xp.model.model import Model
from dnn_xp.training.arguments import check_model, takes
from dnn_xp.training.gradient_result import GradientCheck, ParameterCheck
from dnn_xp.training.initial import given_layers, initial_parameters, parameters_of
from dnn_xp.training.inputs import prepare
from dnn_xp.training.options import about, check_activation, check_hidden, option, optional
from dnn_xp.training.placed import place_data
from dnn_xp.training.run import decide
from dnn_xp.training.specification import Problem, Specification

# Small on purpose: every entry takes two costs.
_HIDDEN = (5, 4)
# J is known to about 1e-16 of itself and its third derivative is of the size of J, so that the
# rounding 1e-16 / epsilon and the truncation epsilon^2 are both near 1e-11 here.
_EPSILON = 1e-5


@dataclass(frozen=True, eq=False)
class GradientCheckArguments(Problem):
    """What `gradient_check` is called with."""

    X: Any = field(
        metadata=about("array", "examples as in :func:`dnn_xp.train`; a few dozen are enough")
    )
    Y: Any = field(metadata=about("array", "targets as in :func:`dnn_xp.train`"))
    _: KW_ONLY
    hidden: Any = option(
        None,
        optional(check_hidden),
        "sequence of int, optional",
        "units of each hidden layer; (5, 4) when left out, or those of `parameters`",
    )
    activation: str | Sequence[str] = option(
        "tanh",
        check_activation,
        "str or sequence of str",
        "of the hidden layers, one for all or one each; tanh has no kink",
    )
    model: Model | None = option(
        None,
        check_model,
        "Model, optional",
        "check this model's network at its parameters, in the place of one described here",
    )
    parameters: Sequence[tuple[Any, Any]] | None = option(
        None,
        optional(lambda name, value: given_layers(value, name)),
        "list of (W, b), optional",
        "where to check, W[l] (n_l, n_{l-1}) and b[l] (n_l, 1)",
        "When left out, W is drawn by `initialization` and b with standard deviation 0.1.",
    )
    sample_weight: Any = option(
        None,
        check_sample_weight,
        "array (m,), optional",
        "weights of the examples; only their ratios matter",
    )
    epsilon: float = option(
        _EPSILON,
        partial(check_float, above=0.0),
        "float",
        "step of the differences",
        "1e-5 balances truncation and rounding in float64.",
    )
    max_entries: int = option(
        1000,
        partial(check_int, at_least=1),
        "int",
        "entries to compare at most, about",
        "Of a larger network that many are chosen at random from the seed, some of every W[l] and "
        "b[l], and the result says how many.",
    )

    def __post_init__(self) -> None:
        """Fill in the sizes of the hidden layers, and check everything."""
        hidden = self.hidden
        if check_model("model", self.model) is not None:
            _refuse_both(self)
            hidden = self.model.sizes[1:-1] if self.model else ()
        elif hidden is None and self.parameters is not None:
            layers = given_layers(self.parameters, "parameters")
            hidden = tuple(W.shape[0] for W, _ in layers[:-1])
        object.__setattr__(self, "hidden", _HIDDEN if hidden is None else hidden)
        super().__post_init__()

    @property
    def specification(self) -> Specification:
        """The options alone, of a training in float64."""
        own = {each.name: getattr(self, each.name) for each in fields(Problem)}
        return Specification(**own | {"l2": self.l2 or 0.0}, dtype="float64")


@takes(GradientCheckArguments)
@in_own_context
def gradient_check(arguments: GradientCheckArguments) -> GradientCheck:
    """Compare the gradient that training uses with central differences of the cost that it reports.

    For each entry of the parameters ``g_num = (J(theta + epsilon) - J(theta - epsilon)) / (2 epsilon)``,
    in float64, with the blocks, threads, penalties, weights and dropout masks of a training.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    GradientCheck
        ``relative_difference`` over all and ``parameters`` for each W[l] and b[l]. Below 1e-7 the
        gradient is right, above 1e-3 it is wrong. In between look for a kink (relu, leaky_relu,
        huber, l1) closer than epsilon to an example, and for a gradient so small, as at the end of
        a training, that the rounding of J (1e-16 / epsilon) shows: another seed or other parameters
        tell them apart.

    Raises
    ------
    ArgumentError
        As :func:`dnn_xp.train`, naming the argument.

    Examples
    --------
    >>> import numpy as np, dnn_xp
    >>> X = np.random.default_rng(1).standard_normal((3, 20))
    >>> check = dnn_xp.gradient_check(X, X[0] > X[1], hidden=[4], l2=0.1)
    >>> check.relative_difference < 1e-8
    True
    >>> [each.name for each in check.parameters], check.checked
    (['W1', 'b1', 'W2', 'b2'], 21)
    """
    asked, model = arguments.specification, arguments.model
    rng = np.random.default_rng(asked.seed)
    prepared = prepare(
        arguments.X,
        arguments.Y,
        asked,
        dtype="float64",
        sample_weight=arguments.sample_weight,
        model=model,
        rng=rng,
    )
    # Where a full-batch training of this network would compute, since that is what is checked.
    run = decide(asked, prepared, model=model)
    network = run.network
    check_host_memory(run.plan, network.parameter_count)
    if model is not None:
        theta = parameters_of(model, network)
    elif arguments.parameters is not None:
        theta = initial_parameters(network, arguments.parameters, rng=rng, argument="parameters")
    else:
        theta = initial_parameters(
            network,
            asked.initialization,
            rng=rng,
            scale=asked.initial_scale,
            frequency=asked.frequency,
            output_rule=asked.output_initialization,
        )
        # A training starts from b = 0, which puts relu on its kink wherever all units of the
        # layer before are off.
        mask = penalized(network, dtype="float64", xp=np)
        others = np.flatnonzero(mask == 0.0)
        theta[others] += 0.1 * rng.standard_normal(others.size)
    with run.backend.active(), Engine(run.threads) as engine:
        standardization = None if model is None else model.standardization
        targets = None if model is None else model.target_standardization
        data = place_data(
            run,
            prepared,
            engine,
            standardization=standardization,
            target_standardization=targets,
        )
        seeds = rng.integers(-(2**31), 2**31, size=len(network.keep_probs)).tolist()
        return _check(
            data.objective,
            data.examples,
            theta.astype(np.float64),
            tuple(seeds),
            rng,
            arguments.epsilon,
            arguments.max_entries,
        )


def _check(
    objective: Objective,
    examples: Examples,
    theta: np.ndarray,
    seeds: tuple[int, ...],
    rng: np.random.Generator,
    epsilon: float,
    max_entries: int,
) -> GradientCheck:
    network, backend = objective.network, objective.backend

    def cost_at(theta: np.ndarray) -> float:
        at = backend.from_host(theta)
        if seeds:
            # Only cost_and_gradient computes with given dropout masks.
            return float(objective.cost_and_gradient(at, examples, seeds, minimized=True)[0])
        return float(objective.cost(at, examples, minimized=True))

    cost, gradient = objective.cost_and_gradient(backend.from_host(theta), examples, seeds)
    analytic = backend.to_host(gradient)
    chosen = _chosen(network, rng, max_entries)
    everything = np.concatenate(chosen)
    numeric = central_differences(cost_at, theta, epsilon=epsilon, entries=everything)
    rows = []
    for (name, shape), entries in zip(_parts(network), chosen, strict=True):
        difference = relative_difference(analytic[entries], numeric[entries])
        norm = float(np.linalg.norm(analytic[entries]))
        rows.append(ParameterCheck(name, shape, len(entries), norm, difference))
    return GradientCheck(
        relative_difference=relative_difference(analytic[everything], numeric[everything]),
        parameters=tuple(rows),
        cost=float(cost) * objective.unit,
        epsilon=epsilon,
        sizes=network.sizes,
        library=backend.library,
    )


def _parts(network: Network) -> list[tuple[str, tuple[int, int]]]:
    """Name and shape of W[1], b[1], W[2], ..., w, b, V, c, E[1], ..., s, as theta holds them."""
    return [(each.letter + each.number, each.shape) for each in parameter_shapes(network)]


def _chosen(network: Network, rng: np.random.Generator, max_entries: int) -> list[np.ndarray]:
    """Entries of theta to compare, for each W[l] and b[l]: all, or a random share of each."""
    share = min(1.0, max_entries / network.parameter_count)
    chosen, start = [], 0
    for _, shape in _parts(network):
        size = math.prod(shape)
        count = max(1, round(share * size))
        chosen.append(start + np.sort(rng.choice(size, count, replace=False)))
        start += size
    return chosen


def _refuse_both(arguments: GradientCheckArguments) -> None:
    for name in ("parameters", "hidden", "activation", "output_activation", "cost", "ensemble"):
        given = getattr(arguments, name)
        left_out = given is None or (
            name == "activation" and isinstance(given, str) and given == "tanh"
        )
        if not left_out:
            raise ArgumentValueError(
                name,
                describe(given),
                ("left out where ", Argument("model"), " is given"),
                "the model brings its network and parameters",
            )
