"""scikit-learn's callbacks of a fit, which are experimental and came with version 1.9."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = [
    "HAVE_CALLBACKS",
    "CallbackSupportMixin",
    "FitCallbacks",
    "has_callbacks",
    "with_callbacks",
]

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    HAVE_CALLBACKS = True
except ImportError:  # scikit-learn below 1.9
    HAVE_CALLBACKS = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing, where scikit-learn has no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """The method as it is."""
        return method


def has_callbacks(estimator: Any) -> bool:
    """Whether the estimator has callbacks."""
    return HAVE_CALLBACKS and bool(getattr(estimator, "_skl_callbacks", None))


class FitCallbacks:
    """Calls the callbacks of an estimator for a fit and its epochs.

    Parameters
    ----------
    estimator
        The one that is fitted.
    epochs : int
        How many there are at most.
    X, y
        As they were given to fit.
    """

    def __init__(self, estimator: Any, epochs: int, X: Any, y: Any) -> None:
        self._estimator, self._data = estimator, {"X": X, "y": y}
        self._context = estimator._init_callback_context(max_subtasks=epochs)
        self._context.call_on_fit_task_begin(estimator=estimator, **self._data)

    def epoch_ended(self, make_model: Callable[[], Any]) -> bool:
        """After an epoch, with what makes the model of the moment; whether a callback asks to stop."""
        estimator, given = self._estimator, self._data
        epoch = self._context.subcontext(task_name="epoch")
        epoch.call_on_fit_task_begin(estimator=estimator, **given)
        return bool(
            epoch.call_on_fit_task_end(
                estimator=estimator,
                **given,
                reconstruction_attributes=lambda: estimator._fitted_attributes(make_model()),
            )
        )

    def ended(self) -> None:
        """After the fit."""
        self._context.call_on_fit_task_end(estimator=self._estimator, **self._data)
