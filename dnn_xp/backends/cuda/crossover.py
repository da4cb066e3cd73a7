"""From which size on a GPU pays, as it was measured: what device="auto" goes by."""

from __future__ import annotations

from typing import NamedTuple


class Crossover(NamedTuple):
    """A measured crossover, and where to read how it was measured.

    Attributes
    ----------
    operations : float
        Arithmetic of one gradient step, as `block_size.gradient_flops` counts it, from which CUDA was
        faster on every network that was measured.
    device, against : str
        The GPU, and the processor that it was compared with.
    versions, commit : str
        What it was measured with.
    results : str
        The file in benchmarks/results/ that has the figures.
    """

    operations: float
    device: str
    against: str
    versions: str
    commit: str
    results: str


# Nobody has measured it yet. `python -m benchmarks.gpu_report --parts crossover` measures it on a
# GPU and prints the line that belongs here.
MEASURED: Crossover | None = None


def gpu_pays(step_operations: float) -> tuple[bool, str]:
    """Whether a step of this much arithmetic was measured to be faster with CUDA, and why (not)."""
    if MEASURED is None:
        return (
            False,
            "host arrays stay on the CPU: from which size a GPU pays has not been measured",
        )
    pays = step_operations >= MEASURED.operations
    return pays, (
        f"{step_operations:.2g} operations a step, {'above' if pays else 'below'} the "
        f"{MEASURED.operations:.2g} from which a GPU paid on {MEASURED.device}"
    )
