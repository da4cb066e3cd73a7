"""How a training went: costs and rates over the updates, afterwards and while it runs."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe
from dnn_xp.model.history import History
from dnn_xp.model.model import Model
from dnn_xp.plots.style import BLUE, GREY, VERMILLION, Axes, new_axes, with_grid

# From this ratio of the largest to the smallest cost on, the axis is logarithmic.
_DECADE = 10.0


def learning_curves(
    history: History | Model, *, rate: bool | None = None, ax: Axes | None = None
) -> Axes:
    """Cost, validation cost and learning rate over the updates.

    Parameters
    ----------
    history : History or Model
        Of a training.
    rate : bool, optional
        Whether the learning rate is drawn, on an axis of its own at the right; left out, where it
        changes.
    ax : matplotlib Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib Axes
        The axis is logarithmic where the costs are positive and span a factor of ten. The dot is
        the report with the lowest validation cost. Costs of the training include penalties,
        validation costs do not; of a Model with penalties the legend says so.

    Raises
    ------
    TypeError, ValueError
        For something else, and for a history without reports.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np, dnn_xp
    >>> from dnn_xp.plots import learning_curves
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> ax = learning_curves(dnn_xp.train(X, X[0] > 0, iterations=20, validation=0.2))
    >>> [line.get_label() for line in ax.lines]
    ['training', 'validation', 'lowest']
    """
    found = history.history if isinstance(history, Model) else history
    if not isinstance(found, History):
        raise ArgumentTypeError("history", describe(history), "a History or a Model")
    if not found.iterations:
        raise ArgumentValueError("history", repr(found), "of a training that reported its cost")
    ax = new_axes(ax)
    with_grid(ax)
    steps = found.iterations
    dot = "." if len(steps) == 1 else ""
    label = "training" + (", penalties included" if _penalized(history) else "")
    ax.plot(steps, found.costs, color=BLUE, linewidth=1.8, marker=dot, label=label)
    if found.validation_costs:
        style: dict[str, Any] = {"color": VERMILLION, "linewidth": 1.8, "linestyle": "--"}
        ax.plot(steps, found.validation_costs, marker=dot, label="validation", **style)
        best = int(np.argmin(found.validation_costs))
        place = steps[best], found.validation_costs[best]
        ax.plot(*place, "o", color=VERMILLION, markersize=5, label="lowest")
    if _decades(found.costs + found.validation_costs):
        ax.set_yscale("log")
    ax.set(xlabel="updates", ylabel="cost")
    changes = len(set(found.learning_rates)) > 1
    lines = ax.get_lines()
    if changes if rate is None else rate:
        right = ax.twinx()
        right.spines[["top"]].set_visible(False)
        right.set_ylabel("learning rate", color=GREY)
        right.tick_params(axis="y", colors=GREY)
        drawn = right.plot(
            steps, found.learning_rates, color=GREY, linestyle=":", label="learning rate"
        )
        lines = [*lines, *drawn]
    if len(lines) > 1:
        ax.legend(handles=lines, frameon=False)
    return ax


def _penalized(history: History | Model) -> bool:
    """Whether the costs of a model include penalties, which validation costs do not."""
    settings = history.settings if isinstance(history, Model) else {}
    return any(settings.get(name) for name in ("l1", "l2"))


def _decades(costs: tuple[float, ...]) -> bool:
    """Whether costs are positive and span a factor of ten."""
    return min(costs) > 0.0 and max(costs) >= _DECADE * min(costs)


class LiveCurve:
    """A callback of `train` that draws the learning curves while the training runs.

    In a notebook the picture is replaced in place; elsewhere the figure of a window is redrawn.

    Parameters
    ----------
    every : float
        Seconds between two pictures, at least; a picture takes about a tenth of one.
    ax : matplotlib Axes, optional
        Where to draw; a new figure otherwise.

    Notes
    -----
    The last reports may fall into such a pause: ``with LiveCurve() as live:`` draws them at the end
    of the block, ``live.close()`` does without it.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np, dnn_xp
    >>> from dnn_xp.plots import LiveCurve
    >>> X = np.random.default_rng(0).standard_normal((2, 60))
    >>> with LiveCurve() as live:
    ...     model = dnn_xp.train(X, X[0] > 0, iterations=20, callbacks=[live])
    >>> bool(live.ax.lines[0].get_xdata()[-1] == 20)
    True
    """

    def __init__(self, *, every: float = 0.5, ax: Axes | None = None) -> None:
        self.ax = new_axes(ax)
        self._every = every
        self._last = float("-inf")
        self._waiting: Model | None = None
        self._handle: Any = None

    def __call__(self, iteration: int, cost: float, model: Model) -> None:
        """Draw the curves so far, unless the last picture is too young: what `train` calls."""
        self._waiting = model
        if time.perf_counter() - self._last >= self._every:
            self._draw()

    def close(self) -> None:
        """Draw what is not drawn yet."""
        self._draw()

    def __enter__(self) -> LiveCurve:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _draw(self) -> None:
        if self._waiting is None:
            return
        model, self._waiting = self._waiting, None
        figure = self.ax.figure
        for other in [each for each in figure.axes if each is not self.ax]:
            # The axis of the learning rate, which the next picture makes anew.
            if other.bbox.bounds == self.ax.bbox.bounds:
                other.remove()
        self.ax.clear()
        learning_curves(model, ax=self.ax)
        if "ipykernel" in sys.modules:
            from IPython.display import display

            if self._handle is None:
                self._handle = display(figure, display_id=True)
                # Or the notebook shows the figure again at the end of the cell.
                sys.modules["matplotlib.pyplot"].close(figure)
            else:
                self._handle.update(figure)
        else:
            figure.canvas.draw_idle()
            figure.canvas.flush_events()
        self._last = time.perf_counter()
