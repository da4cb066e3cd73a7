"""A sweep as parallel coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dnn_xp.common.messages import optional_package
from dnn_xp.sweeping.points import shown

if TYPE_CHECKING:
    from dnn_xp.sweeping.result import Sweep

# Numbers that differ by this factor are shown on a logarithmic axis.
_WIDE = 20.0


class _Scale:
    """Values of one option on 0 to 1: numbers in proportion or by logarithm, all else as categories."""

    def __init__(self, values: Sequence[Any]) -> None:
        numbers = [each for each in values if _is_number(each)]
        self._positions: dict[str, float] | None = None
        self._log = False
        if len(numbers) == len(values) and len(set(numbers)) > 1:
            self._low, self._high = min(numbers), max(numbers)
            self._log = self._low > 0 and self._high / self._low >= _WIDE
            distinct = sorted(set(numbers))
            marked = distinct if len(distinct) <= 6 else self._marks()
            self.ticks = [(self(each), shown(each)) for each in marked]
            return
        names = list(dict.fromkeys(map(shown, values)))
        last = max(1, len(names) - 1)
        self._positions = {
            name: place / last if len(names) > 1 else 0.5 for place, name in enumerate(names)
        }
        self.ticks = [(place, name) for name, place in self._positions.items()]

    def __call__(self, value: Any) -> float:
        if self._positions is not None:
            return self._positions[shown(value)]
        low, high, value = map(self._stretched, (self._low, self._high, value))
        return float((value - low) / (high - low))

    def _stretched(self, value: float) -> float:
        return math.log(value) if self._log else float(value)

    def _marks(self) -> list[float]:
        """The bounds and what lies between them, in proportion."""
        low, high = self._stretched(self._low), self._stretched(self._high)
        inner = [low + (high - low) * share for share in (0.25, 0.5, 0.75)]
        between = map(math.exp, inner) if self._log else inner
        return [self._low, *between, self._high]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def plot(sweep: Sweep, ax: Any = None) -> Any:
    """A line for each point that has a score, over an axis for each option and one for the score.

    Lines are coloured by what was compared (viridis; dark is better), the best one is wide.
    """
    if ax is None:
        pyplot: Any = optional_package(
            "matplotlib.pyplot", purpose="Plotting a sweep", extra="plot"
        )
        _, ax = pyplot.subplots(figsize=(7, 4), layout="constrained")
    matplotlib: Any = optional_package("matplotlib", purpose="Plotting a sweep", extra="plot")
    trials = [each for each in sweep.trials if not math.isnan(each.validation_cost)]
    names = list(dict.fromkeys(name for each in trials for name in each.options))
    scores = [each.validation_cost if sweep.by == "cost" else each.score for each in trials]
    columns = [[each.options.get(name) for each in trials] for name in names] + [scores]
    scales = [_Scale(column) for column in columns]
    # Ranks spread the colours evenly, whatever the distances of the scores.
    best_first = sorted(set(scores), reverse=sweep.by == "score")
    colours = matplotlib.colormaps["viridis_r"]
    for trial, score, *values in zip(trials, scores, *columns, strict=True):
        share = 0.9 - 0.9 * best_first.index(score) / max(1, len(best_first) - 1)
        is_best = trial.number == sweep.best.number
        ax.plot(
            range(len(scales)),
            [scale(value) for scale, value in zip(scales, values, strict=True)],
            color=colours(share),
            linewidth=3.0 if is_best else 1.2,
            zorder=3 if is_best else 2,
            alpha=1.0 if is_best else 0.8,
        )
    paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}
    for place, scale in enumerate(scales):
        ax.axvline(place, color="0.6", linewidth=1.0, zorder=1)
        for height, text in scale.ticks:
            ax.text(place + 0.03, height, text, va="center", fontsize=9, zorder=4, bbox=paper)
    last = "validation cost" if sweep.by == "cost" else f"validation {sweep.metric}"
    ax.set_xticks(range(len(scales)), [*names, last])
    ax.set_yticks([])
    ax.set_xlim(-0.1, len(scales) - 0.7)
    ax.spines[:].set_visible(False)
    ax.set_title(f"{len(trials)} points; the wide line is the best")
    return ax
