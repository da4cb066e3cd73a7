"""The error for a cost that is not finite before the first update: X, Y or the initial parameters are too large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnn_xp.common.errors import Argument, ArgumentValueError, Part, Pass
from dnn_xp.data.finite import reading_ranges
from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import Source
from dnn_xp.formulas.types import Array

if TYPE_CHECKING:
    from dnn_xp.training.placed import Placed

# Larger values cannot be standardized in float64.
_SQUARES_FIT = 1e150


def first_cost_refused(cost: float, theta: Array, data: Placed) -> ArgumentValueError:
    """The error, naming the argument at fault.

    It is Y if |Y| is larger than the network's outputs, else X, or the initial parameters if X is
    standardized.
    """
    got = f"a cost of {cost} before the first update"
    dtype = str(theta.dtype).rpartition(".")[2]
    if data.kind == "regression" and (largest := _largest_target(theta, data)):
        way: tuple[Part, ...] = ("scale it down first",)
        if largest < _SQUARES_FIT:
            if dtype != "float64":
                way = (Pass("dtype", "float64"), ", or ", *way)
            fits = data.objective.network.activations[-1].name == "identity"
            if fits and data.target_standardization is None:
                way = (Pass("standardize_targets", True), ", or ", *way)
        wanted = f"of a scale whose cost {dtype} holds"
        return ArgumentValueError("Y", f"values up to {largest:.3g} and {got}", wanted, way)
    raw = data.standardization is None
    return ArgumentValueError(
        "X" if raw else "initialization",
        got,
        "of a scale at which the cost of the initial parameters is finite",
        (Pass("standardize", True), ", or a smaller ", Argument("initialization"))
        if raw
        else ("pass a smaller ", Argument("initialization")),
    )


def _largest_target(theta: Array, data: Placed) -> float:
    """The largest |Y| if no |A[L]| is larger, 0 otherwise."""
    objective, examples = data.objective, data.examples
    activation = objective.network.activations[-1]
    with np.errstate(all="ignore"):
        Z = objective.decision_function(theta, examples.X)
        A = to_host(activation.forward(Z, xp=objective.backend.xp))
        given, target = float(np.max(np.abs(A))), _largest(examples.Y)
    return target if given <= target else 0.0


def _largest(source: Source) -> float:
    return max(
        float(np.max(np.abs(to_host(source.block(start, stop)))))
        for start, stop in reading_ranges(source)
    )
