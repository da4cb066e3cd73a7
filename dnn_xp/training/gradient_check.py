"""Analytic gradients against central differences, for a whole network and by the path that train takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from dnn_xp.backends import choose_backend
from dnn_xp.common.checks import check_float, check_int
from dnn_xp.common.differences import central_differences, relative_difference
from dnn_xp.common.messages import describe
from dnn_xp.common.text_tables import text_table
from dnn_xp.data.host import is_array
from dnn_xp.execution.block_size import block_size_of, gradient_flops
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.objective import Examples, Objective, Penalties
from dnn_xp.execution.threads import threads_used
from dnn_xp.formulas.network import Network, weight_mask
from dnn_xp.model.model import Model
from dnn_xp.training.initial import given_layers, initial_parameters
from dnn_xp.training.inputs import finite_or_standardized, take_in
from dnn_xp.training.options import build_network, keep_probabilities

# Small on purpose: every entry takes two costs.
_HIDDEN = (5, 4)
# J is known to about 1e-16 of itself and its third derivative is of the size of J, so that the
# rounding 1e-16 / epsilon and the truncation epsilon^2 are both near 1e-11 here.
_EPSILON = 1e-5


@dataclass(frozen=True, slots=True)
class ParameterCheck:
    """One row of a :class:`GradientCheck`.

    Attributes
    ----------
    name : str
        "W1", "b1", ..., as in the course.
    shape : tuple of int
        (n_l, n_{l-1}) or (n_l, 1).
    checked : int
        Entries that were compared.
    norm : float
        Length of the analytic gradient over these entries.
    relative_difference : float
        ``|g - g_num| / (|g| + |g_num|)`` over these entries.
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    norm: float
    relative_difference: float


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """How far the analytic gradient is from central differences; prints as a table.

    Attributes
    ----------
    relative_difference : float
        ``|g - g_num| / (|g| + |g_num|)`` over all entries that were compared.
    parameters : tuple of ParameterCheck
        The same for each W[l] and b[l].
    cost : float
        J at the parameters.
    epsilon : float
        Step of the differences.
    sizes : tuple of int
        n_0, ..., n_L.
    library : str
        Where it was computed, always in float64.
    """

    relative_difference: float
    parameters: tuple[ParameterCheck, ...]
    cost: float
    epsilon: float
    sizes: tuple[int, ...]
    library: str

    @property
    def checked(self) -> int:
        """Entries that were compared."""
        return sum(each.checked for each in self.parameters)

    @property
    def entries(self) -> int:
        """Entries of all parameters."""
        return sum(math.prod(each.shape) for each in self.parameters)

    def __str__(self) -> str:
        head = ("parameter", "shape", "checked", "|gradient|", "relative difference")
        rows = [
            (
                each.name,
                str(each.shape),
                f"{each.checked} of {math.prod(each.shape)}",
                f"{each.norm:.3e}",
                f"{each.relative_difference:.1e}",
            )
            for each in self.parameters
        ]
        total = ("all", "", f"{self.checked} of {self.entries}", "", "")
        rows.append((*total[:4], f"{self.relative_difference:.1e}"))
        sizes = "-".join(str(size) for size in self.sizes)
        said = f"{sizes}, cost {self.cost:.6g}, epsilon {self.epsilon:g}, float64 on {self.library}"
        return "\n".join([text_table(rows, head=head), "", said])

    __repr__ = __str__


def gradient_check(
    X: Any,
    Y: Any,
    *,
    model: Model | None = None,
    parameters: Sequence[tuple[Any, Any]] | None = None,
    examples: str = "columns",
    hidden: Sequence[int] | None = None,
    activation: str | Sequence[str] = "tanh",
    output_activation: str | None = None,
    cost: str | None = None,
    sample_weight: Any = None,
    l2: float = 0.0,
    l1: float = 0.0,
    keep_prob: float | Sequence[float] = 1.0,
    initialization: str = "auto",
    seed: int = 0,
    standardize: bool = False,
    epsilon: float = _EPSILON,
    max_entries: int = 1000,
    device: str | None = None,
    fallback: bool = True,
    block_size: str | int = "auto",
    threads: int | None = None,
) -> GradientCheck:
    """Compare the gradient that training uses with central differences of the cost that it reports.

    For each entry of the parameters ``g_num = (J(theta + epsilon) - J(theta - epsilon)) / (2 epsilon)``,
    in float64, with the blocks, threads, penalties, weights and dropout masks of a training.

    Parameters
    ----------
    X, Y : arrays
        Examples and targets as in :func:`dnn_xp.train`; a few dozen examples are enough.
    model : Model, optional
        Check this model's network at its parameters, in the place of one described below.
    parameters : list of (W, b), optional
        Where to check, W[l] (n_l, n_{l-1}) and b[l] (n_l, 1); they give the hidden sizes too. When
        left out, W is drawn by `initialization` and b with standard deviation 0.1.
    examples : {"columns", "rows"}
        Where the examples are.
    hidden : sequence of int, optional
        Units of each hidden layer; (5, 4) when left out.
    activation, output_activation, cost, sample_weight, l2, l1, keep_prob, initialization, seed
        As in :func:`dnn_xp.train`. The activation is tanh when left out, because it has no kink.
    standardize, device, fallback, block_size, threads
        As in :func:`dnn_xp.train`.
    epsilon : float
        Step of the differences. 1e-5 balances truncation and rounding in float64.
    max_entries : int
        Entries to compare at most, about; of a larger network that many are chosen at random from
        the seed, some of every W[l] and b[l], and the result says how many.

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
    TypeError, ValueError
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
    if model is not None and not isinstance(model, Model):
        msg = f"model must be a Model, as train and load return it; got {describe(model)}"
        raise TypeError(msg)
    if model is not None:
        _refuse_both(parameters, hidden, activation, output_activation, cost)
    epsilon = check_float("epsilon", epsilon, above=0.0)
    max_entries = check_int("max_entries", max_entries, at_least=1)
    rng = np.random.default_rng(check_int("seed", seed, at_least=0))
    intake = take_in(
        X,
        Y,
        examples=examples,
        cost=cost if model is None else model.cost,
        output_activation=output_activation if model is None else model.activations[-1],
        classes=None if model is None else model.classes,
        features=None if model is None else model.sizes[0],
        sample_weight=sample_weight,
        validation=None,
        dtype="float64",
        rng=rng,
    )
    targets = intake.targets
    if model is not None:
        network = model.network
        keep_probs = keep_probabilities(keep_prob, len(network.sizes) - 2)
        network = network._replace(keep_probs=keep_probs)
        if targets.n_y != network.sizes[-1]:
            msg = f"Y has {targets.n_y} outputs per example and the model has {network.sizes[-1]}"
            raise ValueError(msg)
        start = model.backend.to_host(model.theta)
    else:
        if parameters is not None and hidden is None:
            hidden = [W.shape[0] for W, _ in given_layers(parameters, "parameters")[:-1]]
        network = build_network(
            intake.X.n,
            targets.n_y,
            _HIDDEN if hidden is None else hidden,
            activation,
            targets.output_activation,
            targets.cost,
            keep_prob,
        )
        if parameters is None:
            start = initial_parameters(network, initialization, rng=rng)
            # A training starts from b = 0, which puts relu on its kink wherever all units of the
            # layer before are off.
            biases = weight_mask(network.sizes, dtype="float64", xp=np) == 0.0
            start[biases] = 0.1 * rng.standard_normal(int(biases.sum()))
        else:
            start = initial_parameters(network, parameters, rng=rng, argument="parameters")
    # Where a full-batch training of this network would compute, since that is what is checked.
    backend, _ = choose_backend(
        device,
        X if is_array(X) else None,
        fallback=fallback,
        step_operations=gradient_flops(network.sizes, intake.X.m),
    )
    threads = threads_used(threads, backend)
    size_of = block_size_of(block_size, network.sizes, dtype="float64", backend=backend)
    with Engine(threads) as engine:
        standardization = None if model is None else model.standardization
        found = finite_or_standardized(
            intake.X, engine, standardize=standardize and standardization is None
        )
        objective = Objective(
            network,
            backend,
            dtype="float64",
            block_size=size_of,
            standardization=standardization or found,
            penalties=Penalties(
                check_float("l2", l2, at_least=0.0), check_float("l1", l1, at_least=0.0), intake.X.m
            ),
        ).using(engine)
        placed, _ = intake.placed(backend, for_batches=False)
        seeds = rng.integers(-(2**31), 2**31, size=len(network.keep_probs)).tolist()
        return _check(
            objective, placed, start.astype(np.float64), tuple(seeds), rng, epsilon, max_entries
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
            # The cost of this very thinned network is had with its gradient only.
            return float(objective.cost_and_gradient(at, examples, seeds)[0])
        return float(objective.cost(at, examples))

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
        cost=float(cost),
        epsilon=epsilon,
        sizes=network.sizes,
        library=backend.library,
    )


def _parts(network: Network) -> list[tuple[str, tuple[int, int]]]:
    """Name and shape of W[1], b[1], W[2], ..., as theta holds them."""
    return [
        part
        for layer, (n_prev, n) in enumerate(pairwise(network.sizes), start=1)
        for part in ((f"W{layer}", (n, n_prev)), (f"b{layer}", (n, 1)))
    ]


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


def _refuse_both(
    parameters: object, hidden: object, activation: object, output_activation: object, cost: object
) -> None:
    for name, given in (
        ("parameters", parameters),
        ("hidden", hidden),
        ("activation", None if activation == "tanh" else activation),
        ("output_activation", output_activation),
        ("cost", cost),
    ):
        if given is not None:
            msg = f"{name} and model were both given; the model brings its network and parameters"
            raise ValueError(msg)
