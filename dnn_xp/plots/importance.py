"""How much each feature matters to a model's score."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.common.checks import check_int
from dnn_xp.common.errors import ArgumentTypeError
from dnn_xp.common.messages import describe, optional_package
from dnn_xp.data.given import examples_of
from dnn_xp.data.host import to_host
from dnn_xp.data.readers.tables import is_frame
from dnn_xp.model.model import Model
from dnn_xp.plots.answers import features_of
from dnn_xp.plots.style import BLUE, Axes, new_axes, shortened, with_grid


def permutation_importance(
    model: Model,
    X: Any,
    Y: Any,
    *,
    repeats: int = 5,
    seed: int = 0,
    most: int = 15,
    examples: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """By how much the score falls when the values of a feature are shuffled among the examples.

    scikit-learn's ``sklearn.inspection.permutation_importance``, which has to be installed. Of a
    table whole columns are shuffled, before they become features. Two features that say the same
    share their importance.

    Parameters
    ----------
    model : Model
        Of any kind: its score is accuracy or R2.
    X, Y : arrays, or frame and column name
        Examples, as `Model.evaluate` takes them, in memory; new ones say what the model has
        learned to use, those of the training also what it has learned by heart.
    repeats, seed : int
        Shuffles of each feature, and the seed of all.
    most : int
        Features that are drawn, the most important ones.
    examples : {"columns", "rows"}, optional
        Where the examples are.
    ax : matplotlib Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib Axes
        A bar a feature, the mean over the repeats; its line is their standard deviation.

    Raises
    ------
    ImportError
        Without scikit-learn.
    TypeError
        For a file: read it first.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np, dnn_xp
    >>> from dnn_xp.plots import permutation_importance
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> ax = permutation_importance(dnn_xp.train(X, X[0] > 0, iterations=50), X, X[0] > 0)
    >>> [each.get_text() for each in ax.get_yticklabels()]
    ['x0', 'x1']
    """
    inspection: Any = optional_package(
        "sklearn.inspection", purpose="Permutation importance", extra="sklearn"
    )
    check_int("repeats", repeats, at_least=1)
    check_int("most", most, at_least=1)
    rows, targets, names = _rows(model, X, Y, examples)
    found = inspection.permutation_importance(
        _Fitted(), rows, targets, scoring=_Score(model), n_repeats=repeats, random_state=seed
    )
    order = np.argsort(-found.importances_mean, kind="stable")[:most]
    ax = new_axes(ax)
    with_grid(ax)
    places = np.arange(len(order))
    ax.barh(places, found.importances_mean[order], height=0.7, color=BLUE)
    how: dict[str, Any] = {"fmt": "none", "ecolor": "black", "elinewidth": 1.2}
    ax.errorbar(found.importances_mean[order], places, xerr=found.importances_std[order], **how)
    ax.set_yticks(places, [shortened(names[each], 24) for each in order])
    ax.invert_yaxis()
    metric = "R2" if model.kind == "regression" else "accuracy"
    ax.set_xlabel(f"fall of {metric} when shuffled")
    return ax


def _rows(model: Model, X: Any, Y: Any, examples: str | None) -> tuple[Any, Any, tuple[str, ...]]:
    """X (m, n) or a pandas frame, Y with examples as rows, and the names of the columns of X."""
    if is_frame(X) or hasattr(X, "to_pandas"):
        frame = X if hasattr(X, "iloc") else X.to_pandas()
        if isinstance(Y, str):
            Y, frame = frame[Y], frame.drop(columns=Y)
        frame = frame.drop(columns=[each for each in [model.target_name] if each in frame.columns])
        return frame, Y, tuple(map(str, frame.columns))
    if not hasattr(X, "shape"):
        wanted = "an array or a data frame in memory"
        raise ArgumentTypeError("X", describe(X), wanted, "read the file first")
    turned = examples_of(X, examples) == "columns"
    rows = to_host(X)
    targets = Y if isinstance(Y, (list, tuple)) else to_host(Y)
    if turned:
        rows = rows.T
        targets = np.asarray(targets).T
    return rows, np.asarray(targets), features_of(model)


class _Fitted:
    """What scikit-learn takes for an estimator; the model itself is in the score."""

    def fit(self) -> None:
        """Nothing: the model is trained."""


class _Score:
    """Accuracy or R2 of the model."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def __call__(self, estimator: object, X: Any, Y: Any) -> float:
        return self._model.evaluate(X, Y, examples="rows").score
