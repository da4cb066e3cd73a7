"""What can be used here, and why not the rest."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from typing import NamedTuple

from dnn_xp.backends.cuda.backend import cupy_backend, why_not_cuda
from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.common.text_tables import text_table
from dnn_xp.execution.threads import default_threads


class DeviceLine(NamedTuple):
    """One device or library: its name, whether it can be used, and what there is to say."""

    name: str
    usable: bool
    detail: str


class DeviceReport(tuple[DeviceLine, ...]):
    """A tuple of :class:`DeviceLine` that prints as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        return text_table(
            [(each.name, "yes" if each.usable else "no", each.detail) for each in self]
        )


def devices() -> DeviceReport:
    """What `device=` can be here, which array libraries can bring their own arrays, and why not the rest.

    Returns
    -------
    DeviceReport
        A tuple of (name, usable, detail) that prints as a table.

    Examples
    --------
    >>> import dnn_xp
    >>> report = dnn_xp.devices()
    >>> report[0].name, report[0].usable
    ('cpu', True)
    """
    cpu = numpy_backend()
    free = cpu.memory_available()
    memory = "" if free is None else f", {free / 2**30:.1f} GiB of memory free"
    lines = [DeviceLine("cpu", True, f"NumPy {cpu.version}, {default_threads()} threads{memory}")]
    problem = why_not_cuda(0)
    lines.append(
        DeviceLine("cuda", problem is None, _cuda_detail() if problem is None else problem)
    )
    for library in ("torch", "jax"):
        found = importlib.util.find_spec(library) is not None
        # The version is read from the metadata: importing PyTorch to print a line would take
        # seconds.
        detail = (
            f"{importlib.metadata.version(library)}: its arrays go in, and it computes"
            if found
            else "not installed"
        )
        lines.append(DeviceLine(library, found, detail))
    return DeviceReport(lines)


def _cuda_detail() -> str:
    backend = cupy_backend(0)
    free = backend.memory_available() or 0
    return f"CuPy {backend.version}, {free / 2**30:.1f} GiB of device memory free"
