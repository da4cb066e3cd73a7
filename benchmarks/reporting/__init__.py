"""Turns the JSON of the measurements into one Markdown page and its plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.measure import say
from benchmarks.reporting import gpu, plots, readme, tables
from benchmarks.reporting.markdown import conditions
from benchmarks.reporting.suite import load_suite
from benchmarks.results import HERE, load, results_folder

# What is measured, in the order of the page: title, table and plot of each.
SECTIONS = {
    "peers": ("One exact full-batch gradient", tables.peers, plots.peers),
    "minibatch": ("One epoch of mini-batches with Adam", tables.minibatch, plots.minibatch),
    "growth": ("Growth with m", tables.growth, plots.growth),
    "sweep": ("Block size", tables.sweep, plots.sweep),
    "overhead": ("Overhead of small problems", tables.overhead, None),
    "estimators": ("Whole fits beside scikit-learn", tables.estimators, None),
    "out_of_core": ("A file larger than memory", tables.out_of_core, None),
    "pytest": ("NumPy and CuPy", tables.suite, plots.suite),
    "gpu-crossover": ("From which size on a GPU pays", gpu.crossover, gpu.crossover_plot),
    "gpu-streaming": ("Examples larger than a GPU's memory", gpu.streaming, None),
    "gpu-training": ("Whole trainings on a GPU", gpu.training, None),
    "gpu-gradients": ("One exact full-batch gradient on a GPU", gpu.gradients, None),
}

# Names of the measurements that the README shows side by side.
README_MACHINES = ("amd-epyc", "intel-xeon")


def write(results: Path, report: Path) -> None:
    """Write report.md and the plots; what was not measured is left out."""
    report.mkdir(parents=True, exist_ok=True)
    parts = ["# Benchmarks\n"]
    for kind, (title, table, plot) in SECTIONS.items():
        content: dict[str, Any] | None
        content = load_suite(results) if kind == "pytest" else load(kind, results)
        if content is None:
            say(f"{kind}: not measured yet")
            continue
        image = report / f"{kind}.png"
        plotted = plot is not None and _plot(plot, content, image)
        parts.append(f"## {title}\n\n{table(content)}")
        if plotted:
            parts.append(f"![{title}]({image.name})\n")
        parts.append(conditions(content["machine"], content["settings"]))
    page = report / "report.md"
    page.write_text("\n".join(parts))
    say(f"wrote {page}")
    if results.name in README_MACHINES:
        _update_readme()


def _update_readme() -> None:
    folders = [results_folder(1, name) for name in README_MACHINES]
    found = [(load("peers", each), load("minibatch", each)) for each in folders]
    pairs = [(peers, minibatch) for peers, minibatch in found if peers and minibatch]
    if pairs:
        peers, minibatch = zip(*pairs, strict=True)
        readme.update(HERE.parent / "README.md", list(peers), list(minibatch))
        say("wrote the tables in README.md")


def _plot(plot: Any, content: dict[str, Any], image: Path) -> bool:
    try:
        plot(content, image)
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        say("matplotlib is not installed: tables without plots")
        return False
    say(f"wrote {image}")
    return True
