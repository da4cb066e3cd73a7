"""Puts the short tables into the README, between its markers, so that no figure is typed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.epochs import CANDIDATES as EPOCHS
from benchmarks.peers import CANDIDATES, OURS
from benchmarks.reporting.markdown import conditions, duration, table

START, END = "<!-- benchmark table: start -->", "<!-- benchmark table: end -->"


def _cells(row: dict[str, Any], names: list[str]) -> list[str]:
    """Return ours as a time, then how many times as long each of the others takes."""
    found = row["candidates"]
    ratios = [f"{found[name]['ratio']:.2f}" if name in found else "" for name in names]
    return [duration(found[OURS]["median"]), *ratios]


def peers(content: dict[str, Any]) -> str:
    """Return one line for each network: one exact full-batch gradient."""
    names = [name for name in CANDIDATES if name != OURS]
    lines = [
        [
            f"{row['shape']}, m = {row['m']:,}",
            *_cells(row, names),
            f"{row['candidates'][OURS]['fraction']:.0%}",
        ]
        for row in content["rows"]
    ]
    return table(["one exact full-batch gradient", OURS, *names, "of GEMM"], lines)


def minibatch(content: dict[str, Any]) -> str:
    """Return one line for each batch size: one epoch of Adam."""
    found = {name for row in content["rows"] for name in row["candidates"]}
    names = [name for name in EPOCHS if name in found and name != OURS]
    lines = [
        [f"m = {row['m']:,}, batches of {row['batch_size']:,}", *_cells(row, names)]
        for row in content["rows"]
    ]
    network = "-".join(map(str, content["rows"][0]["sizes"]))
    return table([f"one epoch of Adam, {network}", OURS, *names], lines)


def update(readme: Path, of_peers: dict[str, Any], of_minibatch: dict[str, Any]) -> None:
    """Replace what stands between the markers."""
    text = readme.read_text()
    before, rest = text.split(START)
    _, after = rest.split(END)
    legend = (
        "Time of dnn_xp, and how many times as long the others take (below 1, they are faster); "
        "float32.\n"
    )
    parts = [
        legend,
        peers(of_peers),
        minibatch(of_minibatch),
        conditions(of_peers["machine"], of_peers["settings"]),
    ]
    readme.write_text("\n".join([before + START, "", *parts, END + after]))
