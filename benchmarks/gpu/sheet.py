"""The rows of one part of the report: one file, saved after each row, that survives what fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.candidate import NotAvailable
from benchmarks.measure import reason, say
from benchmarks.results import load

Row = dict[str, Any]


class Sheet:
    """One JSON file, to which the processes of a part add rows one after another.

    Parameters
    ----------
    part
        The file is gpu-<part>.json.
    folder
        Where it is.
    until
        The time (as `time.time()`) after which no further row is begun.
    settings
        What the results have to say of the options.
    commit
        What is measured, where the machine has no git to ask.
    """

    def __init__(
        self,
        part: str,
        folder: Path,
        *,
        until: float,
        settings: dict[str, Any],
        commit: str = "",
    ) -> None:
        self.kind = f"gpu-{part}"
        self._path = folder / f"{self.kind}.json"
        self._until = until
        described = machine.describe() | ({"commit": commit} if commit else {})
        self._head: dict[str, Any] = {"kind": self.kind, "machine": described, "settings": settings}
        before: dict[str, Any] = load(self.kind, folder) or {}
        self.rows: list[Row] = before.get("rows", [])
        self.figures: dict[str, Any] = before.get("figures", {})

    @property
    def machine(self) -> dict[str, Any]:
        """Where and with what is measured."""
        found: dict[str, Any] = self._head["machine"]
        return found

    def add(self, facts: Row, measure: Callable[[], Row]) -> Row:
        """Add what `measure` returns, or why there is nothing, and return it."""
        found: Row
        if time.time() > self._until:
            found = {"left_out": "no time was left"}
        else:
            try:
                found = measure()
            except NotAvailable as missing:
                found = {"left_out": str(missing)}
            except Exception as failure:  # such as what the device's memory does not hold
                found = {"left_out": reason(failure)}
        if "left_out" in found:
            named = [str(fact) for fact in facts.values() if isinstance(fact, (str, int))]
            say(f"{'  '.join(named)}  left out: {found['left_out']}")
        self.rows.append(facts | found)
        self.save()
        return found

    def save(self) -> None:
        """Write the file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        content = self._head | {"figures": self.figures, "rows": self.rows}
        self._path.write_text(json.dumps(content, indent=1) + "\n")


@dataclass(frozen=True)
class Task:
    """What one process measures.

    Attributes
    ----------
    library
        "cupy", "torch", "jax", "numpy", or "" where a part is one process.
    device, scale, seconds, host_share, cases, precisions
        What the command line says.
    sheet
        Where the rows go.
    """

    library: str
    device: str
    scale: float
    seconds: float
    host_share: float
    cases: tuple[str, ...]
    precisions: tuple[str, ...]
    sheet: Sheet
