"""Error against seconds: a point for each method, relative to the best and to the fastest."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reporting.plots import LINES, figure_of, save

Point = tuple[float, float]


def draw(points: dict[str, Point], baseline: str, image: Path) -> None:
    """Draw methods at (seconds, error), both as multiples of the baseline's, ours filled."""
    figure, (ax,) = figure_of(1, 7.5, 4.8)
    by_time = sorted(points, key=lambda method: points[method][0])
    for number, (method, (time, error)) in enumerate(points.items()):
        above = by_time.index(method) % 2 == 0
        colour, marker = LINES[number % len(LINES)]
        ours = method.startswith("dnn_xp")
        ax.plot(
            time,
            error,
            marker,
            color=colour,
            markersize=10,
            markerfacecolor=colour if ours else "white",
            markeredgewidth=1.8,
        )
        ax.annotate(
            method,
            (time, error),
            xytext=(0, 9 if above else -18),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            fontweight="bold" if ours else "normal",
        )
    ax.axhline(1.0, color="#d0d3d6", linewidth=1, zorder=0)
    ax.axvline(1.0, color="#d0d3d6", linewidth=1, zorder=0)
    ax.set_xscale("log")
    ax.margins(0.14)
    ax.set_xlabel(f"seconds to train and predict, as a multiple of {baseline}'s (log)")
    ax.set_ylabel(f"test error, as a multiple of {baseline}'s")
    ax.set_title("Lower left is better; geometric means over sets; filled: dnn_xp", fontsize=10)
    save(figure, image)
