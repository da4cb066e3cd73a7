"""Plots of the results, as PNG. Matplotlib is imported when one is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers import OURS
from benchmarks.reporting.markdown import duration
from benchmarks.reporting.suite import CPU, GPU, crossover, series

BLUE, GREY, ORANGE = "#1f6fb4", "#9aa0a6", "#d9661f"
# Told apart by lightness and marker too, not by colour alone.
LINES = (
    ("#1f6fb4", "o"),
    ("#d9661f", "s"),
    ("#4c9a52", "^"),
    ("#8a5aa8", "D"),
    ("#7a4b2a", "v"),
    ("#c44e79", "P"),
    ("#6b7178", "X"),
)


def figure_of(
    columns: int, width: float, height: float, rows: int = 1, **options: Any
) -> tuple[Any, Any]:
    """Return figure and axes, drawn without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, list(axes.flat)


def save(figure: Any, image: Path) -> None:
    """Write the picture."""
    figure.savefig(image, dpi=150)


def _bars(ax: Any, candidates: dict[str, Any], title: str) -> None:
    """Draw one horizontal bar of the median for each candidate, ours on top and in colour."""
    names = list(candidates)
    values = [candidates[name]["median"] for name in names]
    colours = [BLUE if name.startswith(OURS) else GREY for name in names]
    bars = ax.barh(names, values, color=colours, height=0.7)
    labels = []
    for name, value in zip(names, values, strict=True):
        ratio = candidates[name]["ratio"]
        times = "" if name == OURS or ratio is None else f"  ({ratio:.1f}×)"
        labels.append(duration(value) + times)
    ax.bar_label(bars, labels, padding=3, fontsize=8)
    ax.invert_yaxis()
    ax.set_xlim(0, max(values) * 1.45)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_title(title, fontsize=10, loc="left")


def _panels(count: int) -> tuple[Any, list[Any]]:
    columns = min(3, count)
    rows = -(-count // columns)
    figure, axes = figure_of(columns, max(6.0, 4.3 * columns), 2.5 * rows, rows)
    for ax in axes[count:]:
        ax.set_visible(False)
    return figure, axes


def peers(content: dict[str, Any], image: Path) -> None:
    """Draw the times of one gradient, one panel for each network."""
    rows = [row for row in content["rows"] if row["candidates"]]
    figure, axes = _panels(len(rows))
    for ax, row in zip(axes, rows, strict=False):
        _bars(ax, row["candidates"], f"{row['shape']}, m = {row['m']:,}")
    figure.suptitle("One exact full-batch gradient, float32: median time (times ours)", fontsize=11)
    save(figure, image)


def minibatch(content: dict[str, Any], image: Path) -> None:
    """Draw the times of one epoch, one panel for each m and batch size."""
    rows = [row for row in content["rows"] if row["candidates"]]
    figure, axes = _panels(len(rows))
    for ax, row in zip(axes, rows, strict=False):
        _bars(ax, row["candidates"], f"m = {row['m']:,}, batches of {row['batch_size']}")
    network = "-".join(map(str, rows[0]["sizes"])) if rows else ""
    figure.suptitle(f"One epoch of Adam, {network}, float32: median time (times ours)", fontsize=11)
    save(figure, image)


def growth(content: dict[str, Any], image: Path) -> None:
    """Draw time and peak memory over m, on logarithmic scales, one row for each network."""
    rows = content["rows"]
    figure, axes = figure_of(2, 10, 3.8 * len(rows), len(rows))
    for row, (left, right) in zip(rows, zip(axes[::2], axes[1::2], strict=True), strict=True):
        for (name, of), (colour, marker) in zip(row["candidates"].items(), LINES, strict=False):
            style = {
                "color": colour,
                "marker": marker,
                "markersize": 4,
                "linewidth": 2.2 if name == OURS else 1.2,
                "label": name,
            }
            left.plot(of["m"], of["seconds"], **style)
            right.plot(of["memory_m"], [count / 2**20 for count in of["bytes"]], **style)
        for ax, label in ((left, "seconds"), (right, "peak memory above the data, MiB")):
            ax.set(xscale="log", yscale="log", xlabel="m (examples)", ylabel=label)
            ax.grid(alpha=0.25, linewidth=0.5)
        left.set_title(f"{row['shape']}: one exact full-batch gradient", fontsize=10, loc="left")
        left.legend(fontsize=8, frameon=False)
    save(figure, image)


def sweep(content: dict[str, Any], image: Path) -> None:
    """Draw the time over the block size, relative to the best, one panel for each network."""
    rows = [row for row in content["rows"] if len(row["median"]) > 3]
    figure, axes = _panels(len(rows))
    for ax, row in zip(axes, rows, strict=False):
        best = row["median"][str(row["best"])]
        sizes = sorted(int(name) for name in row["median"] if name != "auto")
        ax.plot(
            sizes,
            [row["median"][str(size)] / best for size in sizes],
            color=GREY,
            marker="o",
            markersize=4,
        )
        auto = row["median"]["auto"] / best
        ax.axhline(auto, color=BLUE, linewidth=1.5, label=f"auto: {auto:.2f}")
        ax.legend(fontsize=8, frameon=False, loc="upper center")
        ax.set_xscale("log", base=2)
        ax.set_ylim(0, 1.15 * max(row["median"].values()) / best)
        ax.set_xlabel("block size (examples)", fontsize=8)
        ax.set_ylabel("time / best", fontsize=8)
        ax.set_title(f"{row['shape']}, m = {row['m']:,}", fontsize=10, loc="left")
    save(figure, image)


def suite(content: dict[str, Any], image: Path) -> None:
    """Draw one step and whole training over m on CPU and GPU, with the crossover."""
    rows = content["rows"]
    figure, axes = figure_of(2, 10, 3.8)
    for ax, kind in zip(axes, ("one step", "training"), strict=True):
        for device, label, colour, marker in (
            (CPU, "NumPy", BLUE, "o"),
            (GPU, "CuPy", ORANGE, "s"),
        ):
            m, seconds = series(rows, kind, device)
            if m:
                ax.plot(m, seconds, color=colour, marker=marker, label=label)
        at = crossover(rows, kind)
        if at is not None:
            ax.axvline(at, color=GREY, linewidth=1, linestyle="--", label=f"m = {at:,.0f}")
        ax.set(xscale="log", yscale="log", xlabel="m (examples)", ylabel="seconds")
        ax.set_title(f"28-32-32-1: {kind}", fontsize=10, loc="left")
        ax.grid(alpha=0.25, linewidth=0.5)
        if ax.has_data():
            ax.legend(fontsize=8, frameon=False)
    save(figure, image)
