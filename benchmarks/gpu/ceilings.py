"""What the device reaches on a plain copy and a plain product: the ceilings that figures are held against."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.gpu.cases import Ceilings

COPY_BYTES = 1 << 30
ORDER = 8192
REPEATS = 5


def _seconds(run: Callable[[], Any], wait: Callable[[], Any]) -> float:
    run()
    wait()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        wait()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(device: str, scale: float) -> tuple[Ceilings, dict[str, float]]:
    """Return the ceilings, and the bytes a second of copies from the host; by PyTorch.

    A copy on the device counts the bytes read and those written.
    """
    import torch

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    count = max(1 << 16, int(COPY_BYTES * scale)) // 4
    order = max(256, int(ORDER * scale))
    source = torch.randn(count, device=device)
    target = torch.empty_like(source)
    moved = 2 * 4 * count / _seconds(lambda: target.copy_(source), wait)
    from_host = {}
    for name in ("pageable", "pinned"):
        if name == "pinned" and device != "cuda":
            continue
        host = torch.randn(count, pin_memory=name == "pinned")
        seconds = _seconds(lambda host=host: target.copy_(host, non_blocking=True), wait)  # type: ignore[misc]  # mypy does not type defaults of a lambda
        from_host[name] = 4 * count / seconds
    flops = {}
    before = torch.backends.cuda.matmul.allow_tf32
    for precision in ("float32", "tf32", "bfloat16"):
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        A, B = (torch.randn(order, order, device=device, dtype=dtype) for _ in range(2))
        flops[precision] = 2 * order**3 / _seconds(lambda A=A, B=B: A @ B, wait)  # type: ignore[misc]  # mypy does not type defaults of a lambda
    torch.backends.cuda.matmul.allow_tf32 = before
    return Ceilings(moved, flops), from_host
