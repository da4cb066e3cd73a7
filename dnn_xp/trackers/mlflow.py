"""Figures for MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dnn_xp.common.messages import optional_package
from dnn_xp.trackers.protocol import Tracker


class MLflow(Tracker):
    """Logs metrics to a run of MLflow; the package mlflow-skinny is enough.

    Parameters
    ----------
    run_id : str, optional
        The run; left out, the active one, or the one that ``mlflow.start_run()`` starts now.
    """

    def __init__(self, run_id: str | None = None) -> None:
        self._mlflow: Any = optional_package(
            "mlflow", purpose="The tracker MLflow", extra="trackers"
        )
        self._started = run_id is None and self._mlflow.active_run() is None
        if self._started:
            self._mlflow.start_run()
        self.run_id: str = run_id or self._mlflow.active_run().info.run_id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log the metrics."""
        self._mlflow.log_metrics(dict(values), step=step, run_id=self.run_id)

    def close(self) -> None:
        """End the run if it was started here."""
        if self._started:
            self._mlflow.end_run()
            self._started = False
