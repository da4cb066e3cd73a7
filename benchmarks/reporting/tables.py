"""Markdown tables of the results."""

from __future__ import annotations

from typing import Any

from benchmarks.peers import OURS
from benchmarks.reporting.markdown import duration, size, table
from benchmarks.reporting.suite import CPU, GPU, crossover, series

PEERS_NOTE = """\
Float32; cost and gradients of every candidate are checked against float64 first, then all are
timed in the same rounds. `time / ours` is the median over the rounds, `best / best` compares the
fastest rounds of both: above 1, ours is faster.
`of GEMM` is the arithmetic of the matrix products per second, as a fraction of what one product of
2048 x 2048 float32 matrices reaches in NumPy on all cores in the same rounds.
"""
GROWTH_NOTE = """\
Peak memory is what a process grows by during one gradient, above the data and above what the same
takes for 64 examples. The slopes are those of the largest m: 1 is growth in proportion to m, 0 is
none.
"""
OVERHEAD_NOTE = """\
One iteration of full-batch gradient descent with its exact cost: `dnn_xp.train` beside a plain loop
of NumPy expressions, both in turn. `ours / bare` is the median over the rounds. What a training
takes once, before its first iteration, is `start`.
"""
ESTIMATORS_NOTE = """\
`DNNClassifier.fit` and `MLPClassifier.fit` with the same parameters, whole fits in turn, from the same
initial parameters and with the same order of batches. `theirs / ours` is the median over the rounds:
above 1, ours is faster. Losses are those of the last epoch, scores of 20,000 examples not trained on.
"""
OUT_OF_CORE_NOTE = """\
One exact full-batch gradient, standardization on the fly, from a file of float32 examples as rows
under a limit of private writable memory that the kernel enforces; and of as many of them as are
held in memory, without a limit. The peak is that of anonymous resident memory.
"""


def _left_out(row: dict[str, Any]) -> str:
    return "".join(f"\n{name} is left out: {why}.\n" for name, why in row["left_out"].items())


def _times_ours(name: str, ratio: float | None) -> str:
    return "" if name == OURS or ratio is None else f"{ratio:.2f}"


def peers(content: dict[str, Any]) -> str:
    """Return a table for each network: times, fraction of the GEMM peak, time over ours."""
    parts = [PEERS_NOTE]
    for row in content["rows"]:
        gemm = row["gemm"]
        parts.append(
            f"### {row['shape']}, m = {row['m']:,}\n\n"
            f"{row['flops'] / 1e9:,.1f} GFLOP; GEMM {gemm['gflops_median']:,.0f} GFLOP/s (median), "
            f"{gemm['gflops_best']:,.0f} (best); {row['rounds']} rounds.\n"
        )
        lines = [
            [
                name,
                duration(found["median"]),
                duration(found["best"]),
                _times_ours(name, found["ratio"]),
                _times_ours(name, found["ratio_best"]),
                f"{found['fraction']:.0%}",
                f"{found['fraction_best']:.0%}",
                f"{found['error']:.0e}",
                found["note"],
            ]
            for name, found in row["candidates"].items()
        ]
        head = ["", "median", "best", "time / ours", "best / best"]
        head += ["of GEMM", "of GEMM, best", "error", "setting"]
        parts.append(table(head, lines) + _left_out(row))
    return "\n".join(parts)


def minibatch(content: dict[str, Any]) -> str:
    """Return a table for each number of examples and batch size."""
    parts = [
        "The cost is the exact one after the first epoch from the same start; shuffles differ.\n"
    ]
    for row in content["rows"]:
        network = "-".join(map(str, row["sizes"]))
        parts.append(f"### {network}, m = {row['m']:,}, batches of {row['batch_size']}\n")
        lines = [
            [
                name,
                duration(found["median"]),
                duration(found["best"]),
                _times_ours(name, found["ratio"]),
                f"{found['cost']:.4f}",
                found["note"],
            ]
            for name, found in row["candidates"].items()
        ]
        head = ["", "median", "best", "time / ours", "cost", "included"]
        parts.append(table(head, lines) + _left_out(row))
    return "\n".join(parts)


def _slope(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def growth(content: dict[str, Any]) -> str:
    """Return times and peak memory over m, with their log-log slopes, for each network."""
    parts = [GROWTH_NOTE]
    for row in content["rows"]:
        figures = row["candidates"]
        all_m = sorted({m for of in figures.values() for m in of["m"]})
        head = ["", *(f"m = {m:,}" for m in all_m), "slope"]
        for title, unit, at, values, slope in (
            ("time", duration, "m", "seconds", "time_slope"),
            ("peak memory", size, "memory_m", "bytes", "memory_slope"),
        ):
            lines = []
            for name, of in figures.items():
                found = dict(zip(of[at], of[values], strict=True))
                cells = [unit(found[m]) if m in found else "" for m in all_m]
                lines.append([name, *cells, _slope(of[slope])])
            parts.append(f"### {row['shape']}: {title}\n\n{table(head, lines)}")
    return "\n".join(parts)


def sweep(content: dict[str, Any]) -> str:
    """Return one line for each network: the automatic block size against the best one."""
    lines = []
    for row in content["rows"]:
        best = row["median"][str(row["best"])]
        times = [duration(row["median"]["auto"]), duration(best), f"{row['auto_over_best']:.2f}"]
        lines.append([row["shape"], f"{row['m']:,}", row["auto"], str(row["best"]), *times])
    head = ["", "m", "auto", "best", "time, auto", "time, best", "auto / best"]
    return table(head, lines)


def overhead(content: dict[str, Any]) -> str:
    """Return one line for each small problem: an iteration of ours against the bare expressions."""
    lines = [
        [
            row["shape"],
            f"{row['m']:,}",
            duration(row["bare_seconds"]),
            duration(row["ours_seconds"]),
            f"{row['ratio']:.2f}",
            f"{row['ratio_of_best']:.2f}",
            duration(row["start_seconds"]),
        ]
        for row in content["rows"]
    ]
    head = ["", "m", "bare NumPy", "ours", "ours / bare", "best / best", "start, once"]
    return f"{OVERHEAD_NOTE}\n{table(head, lines)}"


def estimators(content: dict[str, Any]) -> str:
    """Return one line for each case and number of examples: a fit of ours against scikit-learn's."""
    lines = [
        [
            row["case"],
            f"{row['m']:,}",
            f"{row['epochs']}",
            duration(row["theirs_seconds"]),
            duration(row["ours_seconds"]),
            f"{row['ratio']:.2f}" if row["same"] else "mismatch",
            f"{row['theirs_loss']:.4f}, {row['ours_loss']:.4f}",
            f"{row['theirs_score']:.4f}, {row['ours_score']:.4f}",
        ]
        for row in content["rows"]
    ]
    head = ["", "m", "epochs", "theirs", "ours", "theirs / ours", "losses", "scores"]
    return f"{ESTIMATORS_NOTE}\n{table(head, lines)}"


def out_of_core(content: dict[str, Any]) -> str:
    """Return a line for the file and one for memory: time of an example, peak, limit."""
    parts = []
    for row in content["rows"]:
        network = "-".join(map(str, row["network"]))
        lines = []
        for mode in ("memory", "file"):
            found = row[mode]
            each = found["seconds_per_gradient"] / found["m"] * 1e9
            limit = found["limit_bytes"]
            lines.append(
                [
                    mode,
                    f"{found['m']:,}",
                    f"{each:.0f} ns",
                    size(found["peak_anonymous_bytes"]),
                    "none" if limit is None else size(limit),
                ]
            )
        head = ["", "m", "an example", "peak above the start", "limit"]
        parts.append(
            f"{network}: from the file at {row['speed_of_memory']:.2f} of the speed of blocks in "
            f"memory.\n\n{table(head, lines)}"
        )
    return "\n".join([OUT_OF_CORE_NOTE, *parts])


def suite(content: dict[str, Any]) -> str:
    """Return one step and whole training over m by device, then the kernels and products."""
    rows = content["rows"]
    parts = []
    for kind in ("one step", "training"):
        m, cpu = series(rows, kind, CPU)
        _, gpu = series(rows, kind, GPU)
        if not m:
            continue
        gpu_cells = [duration(seconds) for seconds in gpu] or ["not measured"] * len(m)
        lines = [
            [f"{examples:,}", duration(seconds), cell]
            for examples, seconds, cell in zip(m, cpu, gpu_cells, strict=True)
        ]
        parts.append(f"### {kind}, 28-32-32-1\n\n{table(['m', 'NumPy', 'CuPy'], lines)}")
        if gpu:
            at = crossover(rows, kind)
            found = "at no m measured here" if at is None else f"from about m = {at:,.0f}"
            parts.append(f"The GPU is faster {found}.\n")
    kernels = [row for row in rows if row["kind"] == "kernel"]
    if kernels:
        lines = [
            [row["name"], row["device"], f"{row['m']:,}", duration(row["median"])]
            for row in kernels
        ]
        parts.append(f"### Kernels\n\n{table(['', 'device', 'm', 'median'], lines)}")
    products = [row for row in rows if row["kind"] == "product"]
    if products:
        lines = [[row["name"], duration(row["median"])] for row in products]
        parts.append(f"### Products of layers, one core\n\n{table(['', 'median'], lines)}")
    return "\n".join(parts)
