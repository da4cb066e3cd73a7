"""Which class a model sees where, over two features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dnn_xp.common.checks import check_int
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import listing, optional_package
from dnn_xp.data.host import to_host
from dnn_xp.model.model import Model, given_for
from dnn_xp.plots.answers import (
    answers_of,
    check_kind,
    check_places,
    features_of,
    labels_of,
    spread,
)
from dnn_xp.plots.style import COLORS, MARKERS, Axes, new_axes, shortened

_POINTS = 1_000


def decision_boundary(
    model: Model,
    X: Any,
    Y: Any = None,
    *,
    features: Sequence[int | str] = (0, 1),
    examples: str | None = None,
    resolution: int = 200,
    ax: Axes | None = None,
) -> Axes:
    """The predicted classes over two features, and the examples on them.

    Of two classes the shade is the probability, and the line is where it is 1/2. Other features
    than the two are held at their mean over X.

    Parameters
    ----------
    model : Model
        Of two to seven classes, trained on features that are numbers.
    X : array, frame, dataset or path
        Examples, as `Model.predict` takes them; they span the picture.
    Y : array, frame, column name or path, optional
        Their classes: with them, at most 1,000 examples, evenly spread, are drawn.
    features : two of int or str
        Numbers or names of the two features.
    examples : {"columns", "rows"}, optional
        Where the examples are.
    resolution : int
        Points a side at which the model is asked.
    ax : matplotlib Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For a regression, several labels at once, more than seven classes, features that the model
        does not have, and models of tables with text, dates or missing numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np, dnn_xp
    >>> from dnn_xp.plots import decision_boundary
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> ax = decision_boundary(dnn_xp.train(X, X[0] > 0, iterations=20), X, X[0] > 0)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x0', 'x1')
    """
    check_kind(model, ("binary", "multiclass"), "plots.residuals shows values")
    labels = labels_of(model)
    if len(labels) > len(COLORS):
        wanted = f"of at most {len(COLORS)} classes, which have a colour each"
        raise ArgumentValueError("model", f"{len(labels)} classes", wanted)
    if model.encoder is not None and not model.encoder.plain:
        raise ArgumentValueError(
            "model",
            f"one of a table with the features {listing(features_of(model), limit=6)}",
            "one whose features are columns of numbers without missing entries",
        )
    check_int("resolution", resolution, at_least=2)
    first, second = check_places(model, features)
    source = given_for(model, X, Y, examples).X
    shown = spread(source.m, _POINTS)
    points = np.asarray(to_host(source.gather(shown)), dtype=np.float64)
    ax = new_axes(ax, square=True)
    sides = [_side(points[each], resolution) for each in (first, second)]
    grid = np.repeat(points.mean(axis=1, keepdims=True), resolution**2, axis=1)
    grid[first], grid[second] = (each.ravel() for each in np.meshgrid(*sides))
    Z = np.asarray(to_host(model.decision_function(grid, examples="columns")), dtype=np.float64)
    A = np.asarray(model.network.activations[-1].forward(Z, xp=np))
    _regions(ax, sides, A.reshape(len(A), resolution, resolution))
    if Y is not None:
        codes = answers_of(model, X, Y, examples).Y[0, shown]
        for code, label in enumerate(labels):
            at = points[:, codes == code]
            style = {"color": COLORS[code], "marker": MARKERS[code], "edgecolors": "white"}
            ax.scatter(at[first], at[second], s=22, linewidths=0.4, label=shortened(label), **style)
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    names = features_of(model)
    others = ", others at their mean" if len(names) > 2 else ""
    ax.set(xlabel=shortened(names[first], 40), ylabel=shortened(names[second], 40) + others)
    return ax


def _side(values: Any, resolution: int) -> Any:
    """Points along one feature, a twentieth beyond the examples."""
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, resolution)


def _regions(ax: Axes, sides: Sequence[Any], A: Any) -> None:
    """Shades of probabilities for two classes, flat colours for more, and the lines between."""
    colors: Any = optional_package("matplotlib.colors", purpose="A plot", extra="plot")
    box = (sides[0][0], sides[0][-1], sides[1][0], sides[1][-1])
    how: dict[str, Any] = {"extent": box, "origin": "lower", "aspect": "auto"}
    pale = [tuple(1.0 - 0.42 * (1.0 - part) for part in colors.to_rgb(color)) for color in COLORS]
    if len(A) == 1:
        shades = colors.LinearSegmentedColormap.from_list("", [pale[0], "#FFFFFF", pale[1]])
        ax.imshow(A[0], cmap=shades, vmin=0.0, vmax=1.0, **how)
        if A[0].min() < 0.5 < A[0].max():
            ax.contour(*sides, A[0], levels=[0.5], colors="#333333", linewidths=1.2)
        return
    classes = A.argmax(axis=0)
    ax.imshow(np.asarray(pale)[classes], interpolation="nearest", **how)
    for each in np.unique(classes):
        rest = np.delete(A, each, axis=0).max(axis=0)
        if (A[each] > rest).any() and (A[each] < rest).any():
            lead = A[each] - rest
            ax.contour(*sides, lead, levels=[0.0], colors="#333333", linewidths=0.8)
