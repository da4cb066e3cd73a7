"""The memory that this process can have at most, and the refusal of a training that needs more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dnn_xp.execution.memory import Plan, format_bytes

_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


class NotEnoughMemoryError(MemoryError):
    """A training needs more memory than this process can have; raised before it is allocated."""


def check_host_memory(plan: Plan, parameter_count: int) -> None:
    """Refuse a training whose plan does not fit into the memory that this process can have.

    That is physical memory and swap, the limit of the control group, and what the limit of the
    address space leaves, whether free at the moment or not.

    Raises
    ------
    NotEnoughMemoryError
        Naming what the training needs and what there is.
    """
    # Parameters are drawn in float64 on the host, wherever the training computes.
    drawn = 8 * parameter_count
    needed = max(plan.host_peak_bytes, drawn)
    limits = dict(_limits())
    if not limits or needed <= min(limits.values()):
        return
    what = min(limits, key=lambda each: limits[each])
    of_parameters = max(drawn, plan.parameter_bytes)
    remedy = (
        "Make hidden layers smaller"
        if of_parameters > limits[what]
        else "Pass a smaller block_size, or X as a file that is read block by block"
    )
    raise NotEnoughMemoryError(
        f"the training needs up to {format_bytes(needed)} on the host, {format_bytes(of_parameters)} "
        f"of it for {parameter_count} parameters; {what} is {format_bytes(limits[what])}. {remedy}."
    )


def _limits() -> Iterator[tuple[str, int]]:
    """Names and bytes of the limits that the system tells."""
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        pass
    else:
        yield "this machine's memory", physical + 1024 * _kilobytes("meminfo", "SwapTotal")
    for limit in _control_group_limits():
        yield "the memory limit of this process's control group", limit
    if (left := _address_space_left()) is not None:
        yield "the address space left to this process (ulimit -v)", left


def _kilobytes(file: str, name: str) -> int:
    """An entry of a file of /proc; 0 where there is none."""
    try:
        for line in (_PROC / file).read_text().splitlines():
            key, _, value = line.partition(":")
            if key == name:
                return int(value.split()[0])
    except (OSError, ValueError, IndexError):
        pass
    return 0


def _control_group_limits() -> Iterator[int]:
    """Of version 2: that of the group of this process, and those of the groups around it."""
    try:
        lines = (_PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for group in (Path(line.removeprefix("0::")) for line in lines if line.startswith("0::")):
        for each in (group, *group.parents):
            try:
                yield int((_CGROUPS / each.relative_to("/") / "memory.max").read_text())
            except (OSError, ValueError):  # not there, or "max"
                continue


def _address_space_left() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    return max(0, limit - 1024 * _kilobytes("self/status", "VmSize"))
