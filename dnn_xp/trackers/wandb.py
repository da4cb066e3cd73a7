"""Figures for Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dnn_xp.common.messages import optional_package
from dnn_xp.trackers.protocol import Tracker


class WeightsAndBiases(Tracker):
    """Logs to a run of Weights & Biases.

    Parameters
    ----------
    run : wandb run, optional
        Left out, the active one, or a new one of ``wandb.init(**options)``, which `close` finishes.
    **options
        Of ``wandb.init``: project, name, ``mode="offline"``, ...
    """

    def __init__(self, run: Any = None, **options: Any) -> None:
        package: Any = optional_package(
            "wandb", purpose="The tracker WeightsAndBiases", extra="trackers"
        )
        found = package.run if run is None and not options else run
        self._started = found is None
        self.run: Any = package.init(**options) if self._started else found

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values; wandb would keep them until the next step."""
        self.run.log(dict(values), step=step, commit=True)

    def close(self) -> None:
        """Finish the run if it was started here."""
        if self._started:
            self.run.finish()
            self._started = False
