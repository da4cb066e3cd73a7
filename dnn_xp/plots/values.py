"""How far predicted values are from true ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.model.model import Model
from dnn_xp.plots.answers import answers_of, check_kind, labels_of, spread
from dnn_xp.plots.style import COLORS, MARKERS, Axes, new_axes, shortened, with_grid

_POINTS = 2_000


def residuals(
    model: Model, X: Any, Y: Any, *, examples: str | None = None, ax: Axes | None = None
) -> Axes:
    """Residuals Y - A[L] of a regression against its predictions A[L].

    Parameters
    ----------
    model : Model
        Of a regression; of more than seven outputs the first seven are drawn.
    X, Y : arrays, frame and column name, datasets or paths
        Examples, as `Model.evaluate` takes them; at most 2,000, evenly spread, are drawn.
    examples : {"columns", "rows"}, optional
        Where the examples are.
    ax : matplotlib Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib Axes
        The dashed lines are the root mean square of all residuals, drawn or not, on both sides
        of 0.

    Raises
    ------
    ValueError
        For classes and labels.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np, dnn_xp
    >>> from dnn_xp.plots import residuals
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> ax = residuals(dnn_xp.train(X, X[0] * X[1], iterations=50), X, X[0] * X[1])
    >>> ax.get_ylabel()
    'true - predicted'
    """
    check_kind(model, ("regression",), "plots.confusion_matrix and plots.roc show classes")
    found, labels = answers_of(model, X, Y, examples), labels_of(model)
    rest = found.Y - found.A
    at = spread(rest.shape[1], _POINTS)
    ax = new_axes(ax)
    with_grid(ax)
    several = len(rest) > 1
    for color, marker, label, A, each in zip(COLORS, MARKERS, labels, found.A, rest, strict=False):
        shown = shortened(label) if several else None
        ax.scatter(
            A[at], each[at], s=14, color=color, marker=marker, alpha=0.6, linewidths=0, label=shown
        )
    ax.axhline(0.0, color="black", linewidth=1.0)
    if several:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    else:
        root = float(np.sqrt(np.mean(rest**2)))
        for side in (-root, root):
            ax.axhline(side, color="black", linewidth=0.8, linestyle="--")
        ax.set_title(f"root mean square {root:.4g}")
    ax.set(xlabel="predicted", ylabel="true - predicted")
    return ax
