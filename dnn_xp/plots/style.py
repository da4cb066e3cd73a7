"""Colours, markers and new Axes: readable at 600 pixels and without telling red from green."""

from __future__ import annotations

from typing import Any, TypeAlias

from dnn_xp.common.messages import optional_package

# matplotlib's Axes; Any, since matplotlib is optional and the types do not depend on it.
Axes: TypeAlias = Any

# Okabe and Ito, Color Universal Design (2008), the darkest first.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
COLORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
# Of another shape for each colour, so that a picture printed in grey is read, too.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
GREY = "#777777"

# At matplotlib's 100 dots per inch: 600 x 400 pixels.
_INCHES = (6.0, 4.0)


def new_axes(ax: Axes | None, *, square: bool = False) -> Axes:
    """`ax`, or that of a new figure of 600 x 400 pixels; without the frame's upper and right sides."""
    if ax is None:
        pyplot: Any = optional_package("matplotlib.pyplot", purpose="A plot", extra="plot")
        size = (_INCHES[0], 5.0) if square else _INCHES
        ax = pyplot.subplots(figsize=size, layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def with_grid(ax: Axes) -> None:
    """A light grid behind what is drawn."""
    ax.set_axisbelow(True)
    ax.grid(color="#DDDDDD", linewidth=0.6)


def shortened(name: object, limit: int = 18) -> str:
    """A name for an axis: its start and an ellipsis where it is long."""
    said = str(name)
    return said if len(said) <= limit else said[: limit - 1] + "…"
