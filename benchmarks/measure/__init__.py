"""One module for each kind of measurement; each has a `measure(options)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.peers import CANDIDATES, OURS
from benchmarks.shapes import SHAPES, Shape


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes
    ----------
    folder, report
        Where the results go, and the page made of them.
    scale
        The share of the examples that is measured.
    busy
        How many cores other programs kept busy before the measurement, if known.
    seconds, rounds
        Bounds of one interleaved comparison; None leaves the choice to the measurement.
    shapes, candidates
        The names to measure; empty means all.
    """

    folder: Path
    report: Path
    scale: float = 1.0
    busy: float | None = None
    seconds: float | None = None
    rounds: int | None = None
    shapes: Sequence[str] = ()
    candidates: Sequence[str] = ()

    @property
    def conditions(self) -> dict[str, Any]:
        """What the results have to say of these options."""
        return {"scale": self.scale, "busy": self.busy}

    def chosen_shapes(self, default: Sequence[str] = ()) -> list[Shape]:
        """Return the shapes that were asked for, or else the default ones, or else all."""
        names = self.shapes or default
        return [shape for shape in SHAPES if not names or shape.name in names]

    def chosen(self, available: Sequence[str] = tuple(CANDIDATES)) -> list[str]:
        """Return the candidates that were asked for; ours is always among them."""
        return [
            name for name in available if not self.candidates or name in (OURS, *self.candidates)
        ]


BUSY = 0.1  # of a core: more than that, and other programs disturb the figures


def warn(busy: float | None) -> None:
    """Say what makes the figures something else than this machine's usual ones."""
    if busy is not None and busy > BUSY:
        say(f"note: other programs keep {busy:.1f} cores busy; the figures will be disturbed")
    for name, value in machine.environment().items():
        if name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"):
            say(f"note: {name}={value} changes how fast NumPy's matrix products are")


def say(text: str) -> None:
    """Print a line of progress at once."""
    print(text, flush=True)


def reason(error: Exception) -> str:
    """Return an error as one line."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:200]
