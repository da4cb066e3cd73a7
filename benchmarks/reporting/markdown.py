"""Markdown tables, and figures as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.measure import BUSY


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, its first column left-aligned and the others right-aligned."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def duration(seconds: float) -> str:
    """Return seconds with a unit that suits them.

    >>> duration(0.2404), duration(2.5), duration(3.2e-5)
    ('240 ms', '2.50 s', '32.0 µs')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{significant(seconds / size)} {unit}"
    return f"{significant(seconds / 1e-6)} µs"


def significant(value: float) -> str:
    """Return three significant digits, without an exponent."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def size(count: float) -> str:
    """Return bytes in MiB."""
    return f"{count / 2**20:,.1f} MiB"


def conditions(machine: dict[str, Any], settings: dict[str, Any]) -> str:
    """Return one paragraph on where, when and with what it was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    parts = [
        machine.get("gpu", ""),
        f"{machine['cpu']}, {machine['cores']} cores",
        machine.get("blas", ""),
        versions,
        ", ".join(f"{name}={value}" for name, value in machine.get("environment", {}).items()),
        f"commit {machine['commit']}",
        machine["date"],
    ]
    busy = settings.get("busy") or 0.0
    if busy > BUSY:
        parts.append(f"**other programs kept {busy:.1f} cores busy when it began**")
    if settings.get("scale", 1) != 1:
        parts.append(f"**a trial with a share of {settings['scale']} of the examples: no result**")
    if settings.get("device") == "cpu":
        parts.append("**without a GPU: no result**")
    return f"Measured on: {'; '.join(part for part in parts if part)}.\n"
