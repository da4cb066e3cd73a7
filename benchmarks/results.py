"""Results on disk: one JSON file per kind of measurement, the latest one kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import machine

HERE = Path(__file__).resolve().parent


def results_folder(scale: float, name: str = "") -> Path:
    """Return where results go; those of a share of the data, or under a name, are kept apart."""
    return HERE / "results" / (name if scale == 1 else "trial")


def report_folder(scale: float, name: str = "") -> Path:
    """Return where reports go, in the same way."""
    return HERE / "report" / (name if scale == 1 else "trial")


def save(kind: str, rows: list[dict[str, Any]], *, folder: Path, **settings: Any) -> Path:
    """Write rows, settings and the machine; called after every row, so a break loses little."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}.json"
    content = {"kind": kind, "machine": machine.describe(), "settings": settings, "rows": rows}
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def load(kind: str, folder: Path) -> dict[str, Any] | None:
    """Return what `save` wrote, or None."""
    path = folder / f"{kind}.json"
    if not path.exists():
        return None
    content: dict[str, Any] = json.loads(path.read_text())
    return content
