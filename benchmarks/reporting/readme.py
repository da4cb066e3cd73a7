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


def peers(contents: list[dict[str, Any]]) -> str:
    """Return one line for each network and machine: one exact full-batch gradient."""
    names = _named(CANDIDATES, contents)
    lines = []
    for number, first in enumerate(contents[0]["rows"]):
        for content in contents:
            row = content["rows"][number]
            assert row["shape"] == first["shape"]
            network = f"{row['shape']}, m = {row['m']:,}" if content is contents[0] else ""
            fraction = f"{row['candidates'][OURS]['fraction']:.0%}"
            lines.append([network, _maker(content), *_cells(row, names), fraction])
    head = ["one exact full-batch gradient", "CPU", OURS, *names, "of GEMM"]
    return table(head, lines)


def minibatch(contents: list[dict[str, Any]]) -> str:
    """Return one line for each batch size and machine: one epoch of Adam."""
    names = _named(EPOCHS, contents)
    lines = []
    for number, first in enumerate(contents[0]["rows"]):
        for content in contents:
            row = content["rows"][number]
            assert (row["m"], row["batch_size"]) == (first["m"], first["batch_size"])
            of = f"m = {row['m']:,}, batches of {row['batch_size']:,}"
            lines.append(
                [of if content is contents[0] else "", _maker(content), *_cells(row, names)]
            )
    network = "-".join(map(str, contents[0]["rows"][0]["sizes"]))
    return table([f"one epoch of Adam, {network}", "CPU", OURS, *names], lines)


def _named(candidates: dict[str, str], contents: list[dict[str, Any]]) -> list[str]:
    """Return who was measured anywhere, in the order of `candidates`, ours left out."""
    found = {name for each in contents for row in each["rows"] for name in row["candidates"]}
    return [name for name in candidates if name in found and name != OURS]


def _maker(content: dict[str, Any]) -> str:
    cpu: str = content["machine"]["cpu"]
    return "Intel" if "Intel" in cpu else "AMD" if "AMD" in cpu else cpu


def update(
    readme: Path, of_peers: list[dict[str, Any]], of_minibatch: list[dict[str, Any]]
) -> None:
    """Replace what stands between the markers by the tables of all machines."""
    text = readme.read_text()
    before, rest = text.split(START)
    _, after = rest.split(END)
    legend = (
        "Time of dnn_xp, and how many times as long the others take (below 1, they are faster); "
        "float32.\n"
    )
    parts = [legend, peers(of_peers), minibatch(of_minibatch)]
    parts += [conditions(each["machine"], each["settings"]) for each in of_peers]
    readme.write_text("\n".join([before + START, "", *parts, END + after]))
