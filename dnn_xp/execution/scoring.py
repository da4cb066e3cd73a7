"""Cost and score of a network on given examples, in one pass over blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dnn_xp.execution.examples import Examples
from dnn_xp.execution.objective import Objective
from dnn_xp.formulas.types import Array


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Cost and score on given examples.

    Attributes
    ----------
    cost : float
        (1/m) sum of weights * loss, without penalties, in the units of Y.
    metric : str
        "accuracy" (an example is correct when all its outputs are) or "r2".
    score : float
        Value of the metric. R2 is the mean over outputs of 1 - residual / total sum of squares; of a
        constant output it is 1 for a perfect prediction, else 0.
    examples : int
        Number of examples.
    """

    cost: float
    metric: str
    score: float
    examples: int

    @property
    def accuracy(self) -> float:
        """Share of examples predicted correctly; AttributeError for a regression."""
        return self._only("accuracy")

    @property
    def r2(self) -> float:
        """Coefficient of determination; AttributeError for a classification."""
        return self._only("r2")

    def _only(self, metric: str) -> float:
        if self.metric != metric:
            msg = f"this evaluation has no {metric}: the model's metric is {self.metric!r}"
            raise AttributeError(msg)
        return self.score


def score(objective: Objective, theta: Array, examples: Examples, kind: str) -> Evaluation:
    """Evaluate at theta; `kind` is that of the targets ("regression" scores R2, the others accuracy)."""
    to_host = objective.backend.to_host
    if kind != "regression":
        J, correct = objective.correct(theta, examples, multiclass=kind == "multiclass")
        return Evaluation(float(J), "accuracy", float(correct), examples.m)
    J, *sums = objective.squares(theta, examples)
    eps = float(np.finfo(to_host(sums[0]).dtype).eps)
    center, residual, total = (to_host(array).astype(np.float64)[:, 0] for array in sums)
    if objective.target_standardization is not None:
        mean, scale = (array[:, 0] for array in objective.target_standardization)
        center = mean + scale * center
        residual, total = residual * scale**2, total * scale**2
    # The mean of equal values equals them only up to rounding.
    constant = total <= (16.0 * eps * center) ** 2
    share = residual / np.where(constant, 1.0, total)
    r2 = np.where(constant, np.where(residual > 0.0, 0.0, 1.0), 1.0 - share)
    return Evaluation(float(J) * objective.unit, "r2", float(np.mean(r2)), examples.m)
