"""What Y means: two classes, many classes, several labels at once, or values to be fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.checks import check_choice
from dnn_xp.common.errors import Argument, ArgumentTypeError, ArgumentValueError, Pass
from dnn_xp.data.finite import check_finite
from dnn_xp.data.sources.base import Source
from dnn_xp.data.targets.rules import binary, check_probabilities, multiclass, values
from dnn_xp.data.targets.source import target_source
from dnn_xp.data.targets.survey import Survey, survey_targets
from dnn_xp.formulas.activations import ACTIVATIONS
from dnn_xp.formulas.costs import COSTS

_SUGGESTED = {
    "binary": ("sigmoid", "binary_cross_entropy"),
    "multilabel": ("sigmoid", "binary_cross_entropy"),
    "multiclass": ("softmax", "softmax_cross_entropy"),
    "regression": ("identity", "squared_error"),
}


@dataclass(frozen=True)
class Targets:
    """Y as the network is trained on it.

    Attributes
    ----------
    kind : "binary", "multiclass", "multilabel" or "regression"
    source : Source
        (n_y, m) targets, block by block; a LabelSource for class labels.
    classes : numpy.ndarray or None
        The labels of the classes, sorted. None for multilabel and regression.
    n_y : int
        Outputs of the network.
    output_activation, cost : str
        As given, or those of the kind.
    counts : numpy.ndarray or None
        Examples of each class, or with each label; None for regression and probabilities.
    """

    kind: str
    source: Source
    classes: npt.NDArray[Any] | None
    n_y: int
    output_activation: str
    cost: str
    counts: npt.NDArray[np.int64] | None


def encode_targets(
    Y: Any,
    *,
    m: int,
    examples: str = "columns",
    argument: str = "Y",
    cost: str | None = None,
    output_activation: str | None = None,
    classes: npt.ArrayLike | None = None,
    n_x: int | None = None,
    dtype: str = "float32",
) -> Targets:
    """Check Y and decide what it means.

    Without a cost or an output activation:

    - (m,) or (1, m) of integers, bool or text: two distinct values are two classes (sigmoid), more
      are many classes (softmax).
    - (m,) or (1, m) of floats: values (identity, squared_error); two classes where all are exactly
      0.0 or 1.0, as in the course.
    - (n_y, m) of 0 and 1 only: one-hot classes (softmax) when every column sums to 1, else
      several labels per example (sigmoid).
    - (n_y, m) of other floats: n_y values (identity, squared_error).

    A given cost, else a given output activation, decides instead: one whose activation is
    sigmoid takes two classes or probabilities in [0, 1]; softmax takes labels, one-hot columns or
    probabilities that sum to 1; all others take values.

    Parameters
    ----------
    Y : array, dataset, series, data frame, list, path, or Source
        (m,), or (n_y, m), or (m, n_y) with examples="rows".
    m, n_x : int
        Examples and features of X.
    examples : {"columns", "rows"}
        Where the examples of a two-dimensional Y are.
    argument : str
        Its name in errors.
    cost, output_activation : str, optional
        As the user passed them.
    classes : array of labels, optional
        The classes known already (evaluation, warm start); other labels are refused.
    dtype : {"float32", "float64"}
        Of the blocks made from labels.

    Returns
    -------
    Targets

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        For a Y that does not fit X or the cost, holds NaN or infinity, has one class only, or has
        labels outside the known classes.

    Examples
    --------
    >>> targets = encode_targets(["cat", "dog", "cat", "cow"], m=4)
    >>> targets.kind, targets.classes.tolist(), targets.counts.tolist()
    ('multiclass', ['cat', 'cow', 'dog'], [2, 1, 1])
    >>> targets.source.block(1, 3)
    array([[0., 1.],
           [0., 0.],
           [1., 0.]], dtype=float32)
    """
    wanted = _wanted_activation(cost, output_activation)
    source = target_source(Y, m=m, examples=examples, argument=argument, n_x=n_x)
    check_finite(source, argument)
    labels = {None: "zero_one", "sigmoid": "whole", "softmax": "whole"}.get(wanted, "none")
    survey = survey_targets(source, labels=labels)
    known = None if classes is None else np.asarray(classes)
    kind = _kind(survey, source.n, wanted, known, argument)
    maker = {"binary": binary, "multiclass": multiclass}.get(kind, values)
    found, encoded, counts = maker(source, survey, known, argument, dtype)
    if found is not None and found.dtype.kind == "f" and found.dtype.itemsize > 8:
        # No file format stores floats wider than float64.
        wanted_labels = "labels of bool, integers, float64 or text"
        got = f"labels of dtype {found.dtype}"
        raise ArgumentTypeError(argument, got, wanted_labels, "convert them to float64")
    if kind == "multilabel":
        check_probabilities(survey, argument)
        counts = survey.totals.astype(np.int64) if survey.zero_one else None
    activation, suggested = _SUGGESTED[kind]
    if cost is not None:
        activation, suggested = COSTS[cost].activation, cost
    elif output_activation is not None:
        matching = [each.name for each in COSTS.values() if each.activation == output_activation]
        suggested = suggested if suggested in matching or not matching else matching[0]
    if suggested == "poisson" and survey.lowest < 0:
        wanted_counts = ("counts of 0 or more for ", Argument("cost", "poisson"))
        raise ArgumentValueError(argument, f"{survey.lowest:g}", wanted_counts)
    return Targets(
        kind, encoded, found, encoded.n, output_activation or activation, suggested, counts
    )


def _wanted_activation(cost: str | None, output_activation: str | None) -> str | None:
    """The output activation that decides what Y means: that of the cost, else the one given."""
    if cost is not None:
        check_choice("cost", cost, COSTS)
    if output_activation is not None:
        check_choice("output_activation", output_activation, ACTIVATIONS)
    return output_activation if cost is None else COSTS[cost].activation


def _kind(
    survey: Survey,
    n_y: int,
    wanted: str | None,
    known: npt.NDArray[Any] | None,
    argument: str,
) -> str:
    if survey.text and n_y > 1:
        raise ArgumentTypeError(
            argument,
            f"text with {n_y} entries per example",
            "one label per example, or 0 and 1 for several labels per example",
        )
    if wanted is not None:
        few = "binary" if n_y == 1 else "multilabel"
        return {"sigmoid": few, "softmax": "multiclass"}.get(wanted, "regression")
    if n_y > 1:
        if survey.zero_one:
            return "multiclass" if survey.distributions else "multilabel"
        if not survey.floating:
            raise ArgumentValueError(
                argument,
                f"integers from {survey.lowest:g} to {survey.highest:g}",
                f"0 and 1 where integers are labels, {n_y} per example",
                ("for values pass floats, or ", Pass("cost", "squared_error")),
            )
        return "regression"
    if known is not None:
        return "binary" if len(known) == 2 else "multiclass"
    if survey.floating:
        return "binary" if survey.zero_one else "regression"
    return "binary" if survey.distinct is not None and len(survey.distinct) <= 2 else "multiclass"
