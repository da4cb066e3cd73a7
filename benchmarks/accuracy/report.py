"""Writes the tables and the plot into docs/accuracy.md, between its markers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.accuracy import ablation, statistics
from benchmarks.accuracy.methods import PACKAGES
from benchmarks.accuracy.panel import rows_of
from benchmarks.accuracy.plot import draw
from benchmarks.accuracy.sets import NAMES
from benchmarks.accuracy.statistics import By, Rows
from benchmarks.machine import ROOT
from benchmarks.reporting.markdown import table

START, END = "<!-- accuracy tables: start -->", "<!-- accuracy tables: end -->"
PAGE = ROOT / "docs" / "accuracy.md"
BASELINE, DEFAULT = "RealMLP-TD-S", "dnn_xp default"
SHIFT = 0.01
"""Added to errors by the authors of RealMLP, so that sets with hardly any do not decide a mean."""


SHARE = 0.75
"""Of the sets measured, those that a method needs to be ranked and drawn."""


def measured(folder: Path, methods: Iterable[str] = PACKAGES) -> dict[str, Rows]:
    """The rows of each method that has any."""
    found: dict[str, Rows] = {method: rows_of(method, folder) for method in methods}
    return {method: rows for method, rows in found.items() if rows}


def by_set(errors: By) -> str:
    """The mean error of each method on each set, the lowest one in bold."""
    lines = []
    for name in NAMES:
        means = {}
        for method, found in errors.items():
            own = [value for (of, _), value in found.items() if of == name]
            means[method] = float(np.mean(own)) if own else math.nan
        if all(math.isnan(mean) for mean in means.values()):
            continue
        best = min(mean for mean in means.values() if not math.isnan(mean))
        cells = [
            "" if math.isnan(mean) else f"**{mean:.4f}**" if mean == best else f"{mean:.4f}"
            for mean in means.values()
        ]
        lines.append([name, *cells])
    return table(["set", *errors], lines)


def ratios(errors: By, seconds: By, quiet: By) -> str:
    """Each method beside the baseline: errors, wins and times."""
    lines = []
    shifted = {
        method: {key: error + SHIFT for key, error in found.items()}
        for method, found in errors.items()
    }
    for method in errors:
        found = statistics.ratio(errors, method, BASELINE)
        if not found.sets:
            continue
        beside_default = statistics.ratio(errors, method, DEFAULT)
        lines.append(
            [
                method,
                f"{found.mean:.3f}",
                f"{found.low:.3f} to {found.high:.3f}",
                f"{statistics.ratio(shifted, method, BASELINE).mean:.3f}",
                f"{found.fewer} of {found.sets}",
                f"{beside_default.mean:.3f}" if beside_default.sets else "",
                times(seconds, method),
                times(quiet, method, sets=True),
            ]
        )
    head = ["method", "error", "95 %", "error + 0.01", "lower on", f"error / {DEFAULT}"]
    return table([*head, "seconds, disturbed", "seconds, alone (sets)"], lines)


def times(seconds: By, method: str, *, sets: bool = False) -> str:
    """How many times the baseline's seconds a method takes, below 1 as a fraction."""
    if method not in seconds or BASELINE not in seconds:
        return ""
    found = statistics.ratio(seconds, method, BASELINE)
    if not found.sets:
        return ""
    said = f"1/{1 / found.mean:.1f}" if found.mean < 1 else f"{found.mean:.2f}"
    return f"{said} ({found.sets})" if sets else said


def ranked(errors: By, methods: Sequence[str]) -> str:
    """Mean ranks over the sets that all methods share."""
    found = statistics.ranks(errors, methods)
    best = {
        key: min(errors[method][key] for method in methods)
        for key in statistics.common(errors, methods)
    }
    lines = [
        [
            method,
            f"{rank:.2f}",
            f"{statistics.geometric_mean([errors[method][key] / best[key] for key in best]):.3f}",
        ]
        for method, rank in sorted(found.mean.items(), key=lambda each: each[1])
    ]
    said = (
        f"\nOver the {found.sets} sets that all of these share. Mean ranks differ at 5 % from "
        f"{found.critical:.2f} on (Nemenyi); Friedman's p is {found.friedman:.1e}.\n"
    )
    return table(["method", "mean rank", "error / lowest error"], lines) + said


def on_one_split(errors: By, fewest: float) -> list[str]:
    """The methods that were measured on so many sets of one split, of the split with most of them.

    >>> on_one_split({"a": {("x", 0): 1.0}, "b": {("x", 0): 1.0}, "c": {("x", 1): 1.0}}, 1)
    ['a', 'b']
    """
    splits = sorted({split for found in errors.values() for _, split in found})
    groups = [
        [name for name, found in errors.items() if sum(of == split for _, of in found) >= fewest]
        for split in splits
    ]
    return max(groups, key=len, default=[])


def conditions(rows: dict[str, Rows]) -> str:
    """What it was measured on, and how many splits."""
    everything = [row for found in rows.values() for row in found]
    versions = {
        package: version for row in everything for package, version in row["versions"].items()
    }
    splits = ", ".join(
        f"{method} {len(found)} ({len({row['split'] for row in found})})"
        for method, found in rows.items()
        if method in PACKAGES
    )
    splits = f"Trainings (splits): {splits}. " if splits else ""
    dates = sorted(row["date"] for row in everything)
    threads = sorted({str(row.get("threads", 2)) for row in everything})
    busy = np.median([row["busy_elsewhere"] for row in everything])
    return (
        f"{splits}Measured from {dates[0]} to {dates[-1]}, commits "
        f"{', '.join(sorted({row['commit'].removesuffix('-dirty') for row in everything}))}, on "
        f"{', '.join(sorted({row['cpu'] for row in everything}))}, {' or '.join(threads)} threads; "
        f"{', '.join(f'{name} {version}' for name, version in sorted(versions.items()))}. "
        f"In the median other programs kept {busy:.1f} cores busy.\n"
    )


def write(folder: Path, page: Path = PAGE) -> None:
    """Replace what stands between the markers, and draw the plot beside it."""
    rows, still = measured(folder), measured(folder / "quiet")
    errors, quiet = statistics.errors(rows), statistics.seconds(still)
    sets = {method: len({of for of, _ in found}) for method, found in errors.items()}
    fewest = SHARE * max(sets.values())
    complete = [method for method in errors if sets[method] >= fewest]
    together = on_one_split(errors, fewest)
    parts = [
        "### Errors\n",
        by_set(errors),
        f"### Beside {BASELINE}\n",
        ratios(errors, statistics.seconds(rows), quiet),
        "### Ranks\n",
        ranked(errors, together) if len(together) > 2 else "Too few methods are complete.\n",
        conditions(rows),
    ]
    ablated = measured(folder / "ablation", ablation.METHODS)
    if ablated:
        parts += ["### Ablation\n", ablation.report(ablated), conditions(ablated)]
    disturbed = statistics.seconds(rows)
    alone = {method for method in quiet if statistics.common(quiet, [method, BASELINE])}
    points = {
        method: (
            statistics.ratio(quiet if method in alone else disturbed, method, BASELINE).mean,
            statistics.ratio(errors, method, BASELINE).mean,
        )
        for method in complete
    }
    drawn = {method: point for method, point in points.items() if not math.isnan(point[0])}
    draw(drawn, BASELINE, page.parent / "pictures" / "accuracy.png")
    before, rest = page.read_text().split(START)
    page.write_text("\n".join([before + START, "", *parts, END + rest.split(END)[1]]))
