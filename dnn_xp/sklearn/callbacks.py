"""scikit-learn's callbacks of a fit, which are experimental and came with version 1.9."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


class Told:
    """Tells an estimator's callbacks of a fit and of its epochs; nothing where there are none.

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
        self._context = None
        if HAVE_CALLBACKS and (
            getattr(estimator, "_skl_callbacks", None) or hasattr(estimator, "_parent_callback_ctx")
        ):
            self._context = estimator._init_callback_context(max_subtasks=epochs)
            self._context.call_on_fit_task_begin(estimator=estimator, **self._data)

    @property
    def epoch_ended(self) -> Callable[[Callable[[], Any]], bool] | None:
        """What is called after each epoch with what makes a model; None where nobody listens."""
        return None if self._context is None else self._epoch_ended

    def _epoch_ended(self, make_model: Callable[[], Any]) -> bool:
        estimator, given = self._estimator, self._data
        assert self._context is not None
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
        if self._context is not None:
            self._context.call_on_fit_task_end(estimator=self._estimator, **self._data)
