"""Whether probabilities mean what they say."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.common.checks import check_int
from dnn_xp.model.model import Model
from dnn_xp.plots.answers import Values, answers_of, check_kind, labels_of
from dnn_xp.plots.style import BLUE, GREY, Axes, new_axes, shortened, with_grid


def calibration(
    model: Model,
    X: Any,
    Y: Any,
    *,
    bins: int = 10,
    examples: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Whether probabilities mean what they say: predicted ones against shares that came true.

    Parameters
    ----------
    model : Model
        Of classes or labels. Two classes: the probability of ``classes[1]``. More: that of the
        predicted class against the share that is right. Labels: those of all labels together.
    X, Y : arrays, frame and column name, datasets or paths
        Examples, as `Model.evaluate` takes them.
    bins : int
        Bins of equal width that probabilities are gathered in.
    examples : {"columns", "rows"}, optional
        Where the examples are.
    ax : matplotlib Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib Axes
        A dot a bin that has examples, its area by their number; its line is Wilson's interval of
        95%. The expected calibration error is the examples' mean distance from the diagonal.

    Raises
    ------
    ValueError
        For a regression.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np, dnn_xp
    >>> from dnn_xp.plots import calibration
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> ax = calibration(dnn_xp.train(X, X[0] > 0, iterations=50), X, X[0] > 0)
    >>> ax.get_xlabel()
    'predicted probability of True'
    """
    check_kind(model, ("binary", "multiclass", "multilabel"), "plots.residuals shows values")
    check_int("bins", bins, at_least=1)
    found, labels = answers_of(model, X, Y, examples), labels_of(model)
    if model.kind == "multiclass":
        p, truth = found.A.max(axis=0), (found.codes == found.Y[0]).astype(np.float64)
        names = "predicted probability of the predicted class", "share that is right"
    else:
        p, truth = found.A.ravel(), found.Y.ravel()
        which = labels[1] if model.kind == "binary" else "each label"
        names = f"predicted probability of {shortened(which)}", "share that came true"
    predicted, came_true, counts = calibration_curve(truth, p, bins)
    ax = new_axes(ax, square=True)
    with_grid(ax)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    low, high = wilson_interval(came_true, counts)
    ax.vlines(predicted, low, high, color=BLUE, linewidth=1.4)
    ax.scatter(predicted, came_true, s=20.0 + 120.0 * counts / counts.max(), color=BLUE, zorder=3)
    error = float(np.average(np.abs(predicted - came_true), weights=counts))
    ax.set_title(f"expected calibration error {error:.3f}")
    ax.set(xlabel=names[0], ylabel=names[1])
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    return ax


def calibration_curve(truth: Values, p: Values, bins: int) -> tuple[Values, Values, Values]:
    """Mean probability, mean truth and examples of each bin of equal width that has examples."""
    places = np.minimum((p * bins).astype(np.int64), bins - 1)
    counts = np.bincount(places, minlength=bins)
    kept = counts > 0
    sums = (np.bincount(places, weights=each, minlength=bins)[kept] for each in (p, truth))
    n = counts[kept].astype(np.float64)
    predicted, came_true = (each / n for each in sums)
    return predicted, came_true, n


def wilson_interval(share: Values, n: Values) -> tuple[Values, Values]:
    """Bounds of 95% for a share that was found in n examples (Wilson 1927), within [0, 1].

    >>> low, high = wilson_interval(np.array([0.0, 0.5]), np.array([10.0, 10.0]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 0.237], [0.278, 0.763])
    """
    z = 1.959963984540054
    middle = (share + z * z / (2.0 * n)) / (1.0 + z * z / n)
    half = z / (1.0 + z * z / n) * np.sqrt(share * (1.0 - share) / n + (z / (2.0 * n)) ** 2)
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)
