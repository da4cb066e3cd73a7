"""What an estimator watches between epochs, and when it stops: the rules of MLPClassifier."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from dnn_xp.formulas.types import Array


@dataclass
class Watch:
    """Figures of the epochs so far, and how long none was better.

    Attributes
    ----------
    tol : float
        What a loss must fall by, or a score rise by, to count as better.
    patience : float
        Epochs in a row without one that is better, after which to stop.
    by_score : bool
        Whether the score on the validation examples is watched, and the best parameters are kept.
    losses, validation_losses, scores : list of float
        One figure an epoch.
    best_loss, best_score : float
        Of those so far.
    since : int
        Epochs without a better one.
    best : array (p,), optional
        theta of the best score.
    best_epoch : int
        Where that was, counted from 1.
    """

    tol: float
    patience: float
    by_score: bool
    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    best_score: float = -math.inf
    since: int = 0
    best: Array | None = None
    best_epoch: int = 0

    def add(self, theta: Array, loss: float, validation: tuple[float, float] | None = None) -> bool:
        """Take the figures of an epoch, `validation` being loss and score; whether to stop."""
        self.losses.append(loss)
        if validation is not None:
            self.validation_losses.append(validation[0])
            self.scores.append(validation[1])
        if self.by_score:
            score = self.scores[-1]
            self.since = self.since + 1 if score < self.best_score + self.tol else 0
            if score > self.best_score:
                self.best_score, self.best, self.best_epoch = score, theta, len(self.losses)
        else:
            self.since = self.since + 1 if loss > self.best_loss - self.tol else 0
            self.best_loss = min(self.best_loss, loss)
        return self.since > self.patience

    def why(self) -> str:
        """Why it stops, in scikit-learn's words."""
        watched = "Validation score" if self.by_score else "Training loss"
        return (
            f"{watched} did not improve more than tol={self.tol:f} for {self.patience:d} "
            "consecutive epochs."
        )

    def kept(self) -> dict[str, Any]:
        """What goes on in the next fit of a warm start."""
        names = ("losses", "validation_losses", "scores", "best_loss", "best_score", "since")
        return {name: getattr(self, name) for name in names}
