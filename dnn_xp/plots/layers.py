"""What is in the layers: weights, and activations on examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.data.host import to_host
from dnn_xp.execution.first_activations import first_activations_on
from dnn_xp.formulas.network import linear_output
from dnn_xp.formulas.parameters import unflatten
from dnn_xp.formulas.theta import network_parameters
from dnn_xp.model.model import Model, given_for
from dnn_xp.plots.answers import Values, spread
from dnn_xp.plots.style import BLUE, ORANGE, VERMILLION, Axes, new_axes, with_grid

# Values of a layer that its shape is estimated from, and examples that go through the network.
_VALUES, _EXAMPLES = 20_000, 1_000


def weights(model: Model, *, ax: Axes | None = None) -> Axes:
    r"""The distribution of the weights W[l] of each layer, their biases as dots.

    Parameters
    ----------
    model : Model
        Of any kind.
    ax : matplotlib Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib Axes
        One violin a layer: its width is the density, its line the median.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np, dnn_xp
    >>> from dnn_xp.plots import weights
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> ax = weights(dnn_xp.train(X, X[0] > 0, hidden=[4], iterations=20))
    >>> [each.get_text() for each in ax.get_xticklabels()]
    ['W[1]\n4 x 2', 'W[2]\n1 x 4']
    """
    theta, copies = np.asarray(model.backend.to_host(model.theta)), model.network.copies
    layers = unflatten(theta, model.sizes, copies=copies, xp=np)
    ax = new_axes(ax)
    _violins(ax, [np.asarray(W) for W, _ in layers], BLUE)
    for place, (_, b) in enumerate(layers, start=1):
        shown = np.asarray(b).ravel()
        label = "b[l]" if place == 1 else None
        ax.plot(
            np.full(shown.size, place + 0.36), shown, ".", color=ORANGE, markersize=4, label=label
        )
    shapes = [f"W[{l}]\n{W.shape[0]} x {W.shape[1]}" for l, (W, _) in enumerate(layers, start=1)]
    ax.set_xticks(range(1, len(layers) + 1), shapes)
    ax.set(ylabel="weight")
    ax.legend(frameon=False)
    return ax


def activations(
    model: Model, X: Any, *, examples: str | None = None, ax: Axes | None = None
) -> Axes:
    r"""The distribution of the activations A[l] of each hidden layer, and its units that never differ.

    Parameters
    ----------
    model : Model
        With hidden layers or without.
    X : array, frame, dataset or path
        Examples, as `Model.predict` takes them; at most 1,000 of them, evenly spread, are used.
    examples : {"columns", "rows"}, optional
        Where the examples are.
    ax : matplotlib Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib Axes
        One violin a layer, without the smallest and the largest hundredth. Under it: the units that
        have the same value for all these examples, such as dead relu units.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np, dnn_xp
    >>> from dnn_xp.plots import activations
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> model = dnn_xp.train(X, X[0] > 0, hidden=[8, 4], activation="tanh", iterations=20)
    >>> ax = activations(model, X)
    >>> [each.get_text() for each in ax.get_xticklabels()]
    ['A[1] tanh\n0 of 8 constant', 'A[2] tanh\n0 of 4 constant', 'A[3] sigmoid\n0 of 1 constant']
    """
    found = _outputs_of_layers(model, X, examples)
    ax = new_axes(ax)
    _violins(ax, found, VERMILLION, cut=0.01)
    names = []
    for l, (A, name) in enumerate(zip(found, model.activations, strict=True), start=1):
        constant = int(np.count_nonzero(A.max(axis=1) == A.min(axis=1)))
        names.append(f"A[{l}] {name}\n{constant} of {len(A)} constant")
    ax.set_xticks(range(1, len(found) + 1), names)
    ax.set(ylabel="activation, 1st to 99th percentile")
    return ax


def _outputs_of_layers(model: Model, X: Any, examples: str | None) -> list[Values]:
    """A[1], ..., A[L] in float64, each (n_l, k), of k examples."""
    if model.network.ensemble is not None:
        raise ArgumentValueError(
            "model",
            f"an ensemble of {model.network.members} networks",
            "a single network, whose layers have activations of their own",
            "pass one of model.members",
        )
    source = given_for(model, X, examples=examples).X
    X = np.asarray(to_host(source.gather(spread(source.m, _EXAMPLES))), dtype=np.float64)
    theta = np.asarray(model.backend.to_host(model.theta), dtype=np.float64)
    network, g = model.network, model.network.activations
    how = first_activations_on(numpy_backend("numpy"), network, model.standardization, "float64")
    first = how.of(network_parameters(theta, network, xp=np), X)
    Z, caches = linear_output(first.A, first.layers, g, mixes=first.mixes, xp=np)
    return [*(cache[0][0] for cache in caches[1:]), g[-1].forward(Z, xp=np)]


def _violins(ax: Axes, layers: Sequence[Any], color: str, cut: float = 0.0) -> None:
    """One violin a layer at 1, 2, ...: values between the quantiles, the median as a line."""
    with_grid(ax)
    values = []
    for each in layers:
        low, high = np.quantile(each, [cut, 1.0 - cut])
        kept = each[(each >= low) & (each <= high)]
        values.append(kept[spread(kept.size, _VALUES)])
    drawn = ax.violinplot(values, widths=0.6, showmedians=True, showextrema=False)
    for body in drawn["bodies"]:
        body.set(facecolor=color, alpha=0.55, edgecolor=color)
    drawn["cmedians"].set(color="black", linewidth=1.6)
