"""Tables and plots of `python -m benchmarks.gpu_report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.reporting.markdown import duration, size, table
from benchmarks.reporting.plots import BLUE, GREY, ORANGE, figure_of, save

CROSSOVER_NOTE = """\
One exact full-batch gradient by NumPy on all cores and by {gpu}, each with the data where it
computes. Between the measured m, curves are straight lines in logarithms.
"""
STREAMING_NOTE = """\
X takes twice the memory that was left free on the device, so that `dnn_xp.train` sends it there
block by block in every iteration. Beside it the same training, in the same blocks, with all of X
on the device. The rate is that of X over the whole iteration: the copies are at least as fast.
"""
TRAINING_NOTE = """\
Seconds of one update of a whole training, of ours by `dnn_xp.train` with a report now and then; in
brackets with one at every update, which reads the cost. Loops of the peers read none. An epoch of
ours ends with the exact cost on all examples. The cost is that after 20 updates of a full batch, or
after the last epoch of mini-batches, whose shuffles differ.
"""
GRADIENTS_NOTE = """\
Time of one exact full-batch gradient, its error against float64, and how many times the floor it
takes: the time that the products need at the device's own rate, or the bytes of perfectly fused
layers at its own bandwidth, whichever is longer. A high error is more than the precision explains.
"""


def _absent(rows: list[dict[str, Any]], *keys: str) -> str:
    """Return a line for each row that was left out; `keys` say which one it is."""
    lines = [
        f"- {', '.join(str(row[key]) for key in keys if row.get(key) is not None)}: {row['left_out']}\n"
        for row in rows
        if "left_out" in row
    ]
    return f"\nLeft out:\n\n{''.join(lines)}" if lines else ""


def _name(row: dict[str, Any]) -> str:
    return f"{row['shape']}, {row['dtype']}"


def crossover(content: dict[str, Any]) -> str:
    """Return the times over m by network and dtype, and where they cross."""
    figures = content["figures"]
    parts = [CROSSOVER_NOTE.format(gpu=figures["gpu"])]
    for each in figures.get("crossovers", []):
        rows = [
            row for row in content["rows"] if _name(row) == _name(each) and "gpu_seconds" in row
        ]
        lines = [
            [
                f"{row['m']:,}",
                f"{row['flops']:.1e}",
                duration(row["cpu_seconds"]) if "cpu_seconds" in row else "too long",
                duration(row["gpu_seconds"]),
            ]
            for row in rows
        ]
        at = each["operations"]
        where = "nowhere here" if at is None else f"from {at:.2g} operations a step on"
        parts.append(
            f"### {_name(each)}\n\n{table(['m', 'operations', 'CPU', 'GPU'], lines)}\n"
            f"The GPU is faster {where}.\n"
        )
    figure = figures.get("crossover")
    if figure is not None:
        parts.append(f"In all of them it is faster from **{figure:.2g} operations a step** on.\n")
    return "\n".join(parts) + _absent(content["rows"], "shape", "dtype", "m")


def crossover_plot(content: dict[str, Any], image: Path) -> None:
    """Draw both times over m, one panel for each network and dtype, and mark the crossing."""
    found = content["figures"]["crossovers"]
    columns = min(2, len(found))
    lines = -(-len(found) // columns)
    drawn, axes = figure_of(columns, 5.2 * columns, 3.6 * lines, lines)
    for ax, each in zip(axes, found, strict=False):
        rows = [row for row in content["rows"] if _name(row) == _name(each)]
        for key, label, colour, marker in (
            ("cpu_seconds", "NumPy, all cores", BLUE, "o"),
            ("gpu_seconds", content["figures"]["gpu"], ORANGE, "s"),
        ):
            points = [(row["m"], row[key]) for row in rows if key in row]
            ax.plot(*zip(*points, strict=True), color=colour, marker=marker, ms=4, label=label)
        at = each["operations"]
        if at is not None:
            m = at / (rows[0]["flops"] / rows[0]["m"])
            label = f"m = {m:,.0f}: {at:.2g} operations"
            ax.axvline(m, color=GREY, linewidth=1, linestyle="--", label=label)
        ax.set(xscale="log", yscale="log", xlabel="m (examples)", ylabel="seconds")
        ax.set_title(f"{_name(each)}: one exact gradient", fontsize=10, loc="left")
        ax.grid(alpha=0.25, linewidth=0.5)
        ax.legend(fontsize=8, frameon=False)
    save(drawn, image)


def streaming(content: dict[str, Any]) -> str:
    """Return one line for each network: an iteration with the data travelling and with them there."""
    lines = [
        [
            row["shape"],
            f"{row['m']:,}",
            size(row["X_bytes"]),
            size(row["allowed_bytes"]),
            duration(row["streamed"]["seconds"]),
            duration(row["resident"]["seconds"]),
            f"{row['times_resident']:.2f}",
            f"{row['bytes_per_second'] / 1e9:.1f} GB/s",
            "the same bits" if row["same_bits"] else f"{row['largest_difference']:.0e} apart",
        ]
        for row in content["rows"]
        if "streamed" in row
    ]
    head = ["", "m", "X", "memory", "streamed", "on the device", "ratio", "rate", "parameters"]
    return f"{STREAMING_NOTE}\n{table(head, lines)}{_absent(content['rows'], 'shape')}"


def training(content: dict[str, Any]) -> str:
    """Return the times of an update by job, then memory over many steps and agreement."""
    rows = content["rows"]
    timed = [row for row in rows if "seconds" in row]
    parts = [TRAINING_NOTE]
    for job in dict.fromkeys((r["shape"], r["m"], r["optimizer"], r["batch_size"]) for r in timed):
        name, m, optimizer, batch_size = job
        lines = []
        for row in timed:
            if (row["shape"], row["m"], row["optimizer"], row["batch_size"]) != job:
                continue
            every = row.get("seconds_reporting")
            lines.append(
                [
                    row["candidate"],
                    duration(row["seconds"]) + (f" ({duration(every)})" if every else ""),
                    duration(row["best"]),
                    f"{row['cost']:.5f}",
                ]
            )
        batches = f", batches of {batch_size}" if batch_size else ""
        parts.append(
            f"### {name}, m = {m:,}{batches}, {optimizer}\n\n"
            f"{table(['', 'an update', 'best', 'cost'], lines)}"
        )
    parts += [
        f"CuPy held {size(row['bytes'][0])} after {row['steps'][0]} steps and "
        f"{size(row['bytes'][1])} after {row['steps'][1]:,}.\n"
        for row in rows
        if "growth" in row
    ]
    lines = [
        [
            f"{row['candidate']}, {row['optimizer']}, {row['dtype']}",
            f"{row['difference']:.1e}",
            f"{row['wanted']:.0e}" + ("" if row["met"] else ", **not met**"),
        ]
        for row in rows
        if "difference" in row
    ]
    if lines:
        head = ["parameters after 100 steps, against NumPy", "difference", "wanted"]
        parts.append(table(head, lines))
    return "\n".join(parts) + _absent(
        rows, "what", "candidate", "shape", "optimizer", "dtype", "batch_size"
    )


def gradients(content: dict[str, Any]) -> str:
    """Return a table for each network and precision: time, times the floor, error."""
    parts = [GRADIENTS_NOTE]
    measured = [row for row in content["rows"] if "median" in row]
    for name, precision in dict.fromkeys((row["shape"], row["precision"]) for row in measured):
        lines = [
            [
                row["candidate"],
                f"{row['m']:,}",
                duration(row["median"]),
                duration(row["best"]),
                f"{row['median'] / row['floor']:.2f}" if row["floor"] else "",
                f"{row['error']:.0e}" + ("" if row["as_wanted"] else ", **high**"),
                row["note"],
            ]
            for row in measured
            if (row["shape"], row["precision"]) == (name, precision)
        ]
        head = ["", "m", "median", "best", "times the floor", "error", "setting"]
        parts.append(f"### {name}, {precision}\n\n{table(head, lines)}")
    return "\n".join(parts) + _absent(content["rows"], "shape", "precision", "candidate")
