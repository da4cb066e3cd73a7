"""What a tracker is: `log(step, values)`, and from it a callback of `train`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from dnn_xp.model.model import Model


def figures(model: Model) -> dict[str, float]:
    """The figures of a model's newest report, by the names that a History has for them.

    Parameters
    ----------
    model : Model
        As a callback of :func:`dnn_xp.train` gets it, or as `train` returns it.

    Returns
    -------
    dict of str to float
        "cost", "learning_rate" and "seconds"; with validation examples "validation_cost" and
        "validation_accuracy" or "validation_r2".

    Examples
    --------
    >>> import numpy as np, dnn_xp
    >>> from dnn_xp.trackers import figures
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> model = dnn_xp.train(X, X[0] > 0, iterations=5, validation=0.2)
    >>> sorted(figures(model))
    ['cost', 'learning_rate', 'seconds', 'validation_accuracy', 'validation_cost']
    """
    history = model.history
    columns = {
        "cost": history.costs,
        "validation_cost": history.validation_costs,
        **history.metrics,
        "learning_rate": history.learning_rates,
        "seconds": history.seconds,
    }
    return {name: float(column[-1]) for name, column in columns.items() if column}


class Tracker:
    """Takes the figures of each report of a training: derive from it and write `log`.

    A tracker is a callback: ``train(X, Y, callbacks=[tracker])`` calls
    ``log(iteration, figures(model))`` at every report. Used in a ``with`` statement it is closed
    at the end of the block.

    Examples
    --------
    >>> import numpy as np, dnn_xp
    >>> from dnn_xp.trackers import Tracker
    >>> class Printed(Tracker):
    ...     def log(self, step, values):
    ...         print(step, *values)
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> model = dnn_xp.train(X, X[0] > 0, iterations=2, callbacks=[Printed()])
    0 cost learning_rate seconds
    1 cost learning_rate seconds
    2 cost learning_rate seconds
    """

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write values, by name, after `step` updates."""
        raise NotImplementedError(f"{type(self).__name__} has no method log(step, values)")

    def close(self) -> None:
        """Write what is not written yet. The default does nothing."""

    def __call__(self, iteration: int, cost: float, model: Model) -> None:
        """Log the newest report: what `train` calls."""
        self.log(iteration, figures(model))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
