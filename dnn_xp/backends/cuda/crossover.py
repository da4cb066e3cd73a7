"""The measured amount of arithmetic from which a GPU is faster, for device="auto"."""

from __future__ import annotations

from typing import NamedTuple


class Crossover(NamedTuple):
    """A measured crossover, and where its figures are.

    Attributes
    ----------
    operations : float
        Operations of one gradient step (`block_size.gradient_flops`) from which CUDA was faster on
        every measured network.
    device, against : str
        The GPU, and the CPU it was compared with.
    versions, commit : str
        Versions of the libraries, and the commit.
    results : str
        File of the figures in benchmarks/results/.
    """

    operations: float
    device: str
    against: str
    versions: str
    commit: str
    results: str


# Not measured yet. `python -m benchmarks.gpu_report --parts crossover` measures it on a GPU and prints
# the line for here.
MEASURED: Crossover | None = None


def gpu_pays(step_operations: float) -> tuple[bool, str]:
    """Whether CUDA was measured to be faster for a step of so many operations, and the reason in words."""
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
