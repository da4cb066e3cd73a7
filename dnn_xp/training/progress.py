"""What a training prints: a tqdm bar on a terminal, plain lines elsewhere, nothing when silent."""

from __future__ import annotations

import math
import sys
from typing import Any

from dnn_xp.training.state import Report


class Progress:
    """Shows the reports of a training.

    Parameters
    ----------
    verbose : bool
        False prints nothing.
    total : int
        Updates that the training will do.
    metric : str
        What the score of a report is.
    """

    _LINES = 20

    def __init__(self, *, verbose: bool, total: int, metric: str) -> None:
        self._metric = metric
        self._total = total
        self._verbose = verbose
        self._done = 0
        self._next_line = 0
        self._bar: Any = None
        # A bar redraws its line, which fills the log of a job or a notebook's file with fragments.
        if verbose and (sys.stderr.isatty() or "ipykernel" in sys.modules):
            try:
                from tqdm.auto import tqdm
            except ImportError:
                return
            self._bar = tqdm(total=total, unit="update", leave=True)

    def show(self, report: Report) -> None:
        """Show the figures of a report."""
        if not self._verbose:
            return
        iteration = report.iteration
        figures = {"cost": f"{report.cost:.6g}"}
        if not math.isnan(report.score):
            figures["validation cost"] = f"{report.validation_cost:.6g}"
            figures[self._metric] = f"{report.score:.4f}"
        if self._bar is not None:
            self._bar.set_postfix(figures, refresh=False)
            self._bar.update(iteration - self._done)
        elif iteration >= self._next_line or iteration == self._total:
            line = ", ".join(f"{name} {value}" for name, value in figures.items())
            print(f"update {iteration} of {self._total}: {line}", file=sys.stderr)
            self._next_line = iteration + max(1, self._total // self._LINES)
        self._done = iteration

    def close(self) -> None:
        """Finish the bar."""
        if self._bar is not None:
            self._bar.close()
