"""How well classes are told apart: confusion matrix, ROC curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.model.model import Model
from dnn_xp.plots.answers import Answers, Values, answers_of, check_kind, labels_of, spread
from dnn_xp.plots.style import COLORS, GREY, LINES, Axes, new_axes, shortened, with_grid

# Classes up to which each cell of a confusion matrix has its number, and each class its name.
_NUMBERED, _NAMED = 12, 30
_DRAWN = 2_000


def confusion_matrix(
    model: Model, X: Any, Y: Any, *, examples: str | None = None, ax: Axes | None = None
) -> Axes:
    """How many examples of each class were predicted as each class.

    Parameters
    ----------
    model : Model
        Of two or more classes.
    X, Y : arrays, frame and column name, datasets or paths
        Examples, as `Model.evaluate` takes them.
    examples : {"columns", "rows"}, optional
        Where the examples are.
    ax : matplotlib Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib Axes
        A row for each true class, shaded by its shares.

    Raises
    ------
    ValueError
        For a regression and for several labels at once.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np, dnn_xp
    >>> from dnn_xp.plots import confusion_matrix
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> ax = confusion_matrix(dnn_xp.train(X, X[0] > 0, iterations=50), X, X[0] > 0)
    >>> sum(int(each.get_text()) for each in ax.texts)
    60
    """
    check_kind(model, ("binary", "multiclass"), "plots.residuals shows values, plots.roc labels")
    found, labels = answers_of(model, X, Y, examples), labels_of(model)
    K = len(labels)
    pairs = found.Y[0].astype(np.int64) * K + found.codes
    counts = np.bincount(pairs, minlength=K * K).reshape(K, K)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax = new_axes(ax, square=True)
    image = ax.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    ax.figure.colorbar(image, ax=ax, label="share of the true class", shrink=0.85)
    if K <= _NUMBERED:
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.5 else "black"
            ax.text(column, row, f"{count}", ha="center", va="center", color=color, fontsize=9)
    if K <= _NAMED:
        names = [shortened(each) for each in labels]
        long = K > 5 and max(map(len, names)) > 3
        ax.set_xticks(range(K), names, rotation=90 if long else 0)
        ax.set_yticks(range(K), names)
    share = np.trace(counts) / max(counts.sum(), 1)
    ax.set(xlabel="predicted", ylabel="true", title=f"{share:.1%} of {counts.sum():,} right")
    return ax


def roc(
    model: Model, X: Any, Y: Any, *, examples: str | None = None, ax: Axes | None = None
) -> Axes:
    """Receiver operating characteristic: true against false positives over all thresholds.

    Parameters
    ----------
    model : Model
        Of classes or labels. One curve for two classes, else one a class against all others; of
        more than seven classes, those with the smallest areas.
    X, Y : arrays, frame and column name, datasets or paths
        Examples, as `Model.evaluate` takes them.
    examples : {"columns", "rows"}, optional
        Where the examples are.
    ax : matplotlib Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib Axes
        The legend has the area under each curve: 1 is perfect, 0.5 is chance.

    Raises
    ------
    ValueError
        For a regression, and where no class has examples both in it and out of it.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np, dnn_xp
    >>> from dnn_xp.plots import roc
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> ax = roc(dnn_xp.train(X, X[0] > 0, iterations=200), X, X[0] > 0)
    >>> ax.get_legend().get_texts()[0].get_text()
    'True, area 1.000'
    """
    check_kind(model, ("binary", "multiclass", "multilabel"), "plots.residuals shows values")
    found, labels = answers_of(model, X, Y, examples), labels_of(model)
    if model.kind == "binary":
        labels = labels[1:]
    truths = _one_each(found, len(labels), model.kind)
    curves = []
    for place, label in enumerate(labels):
        truth = truths[place] > 0.5
        if truth.any() and not truth.all():
            false, true = roc_curve(truth, found.A[place])
            curves.append((float(np.trapezoid(true, false)), place, label, false, true))
    if not curves:
        wanted = "examples of a class and examples that are not in it"
        raise ArgumentValueError("Y", "examples of one class only", wanted)
    # Those that are told apart worst, in the order of the classes.
    shown = sorted(sorted(curves)[: len(COLORS)], key=lambda each: each[1])
    ax = new_axes(ax, square=True)
    with_grid(ax)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    for color, line, (area, _, label, false, true) in zip(COLORS, LINES, shown, strict=False):
        at = spread(len(false), _DRAWN)
        said = f"{shortened(label)}, area {area:.3f}"
        ax.plot(false[at], true[at], color=color, linestyle=line, linewidth=1.8, label=said)
    title = f"lowest {len(shown)} of {len(curves)}" if len(shown) < len(curves) else None
    ax.legend(loc="lower right", frameon=False, title=title)
    ax.set(xlabel="false positives, share", ylabel="true positives, share")
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    return ax


def roc_curve(truth: Any, scores: Values) -> tuple[Values, Values]:
    """Shares of false and true positives, from (0, 0) to (1, 1), one point for each distinct score.

    >>> false, true = roc_curve(np.array([True, False, True]), np.array([0.9, 0.5, 0.5]))
    >>> false.tolist(), true.tolist()
    ([0.0, 0.0, 1.0], [0.0, 0.5, 1.0])
    """
    order = np.argsort(-scores, kind="stable")
    truth, scores = truth[order], scores[order]
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    true = np.cumsum(truth)[last] / truth.sum()
    false = np.cumsum(~truth)[last] / (~truth).sum()
    return np.append(0.0, false), np.append(0.0, true)


def _one_each(found: Answers, count: int, kind: str) -> Values:
    """Truth (count, m) of each class or label."""
    if kind != "multiclass":
        return found.Y
    return np.asarray(np.arange(count)[:, np.newaxis] == found.Y, dtype=np.float64)
