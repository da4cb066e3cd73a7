"""PyTorch, on the device of the caller's tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.backends.record import Backend, unchanged
from dnn_xp.formulas.types import Array


def torch_backend(device: Any = "cpu", *, compiled: bool = False) -> Backend:
    """PyTorch on one device; `compiled` compiles the functions of a block by torch.compile."""
    import array_api_compat.torch as xp
    import torch

    device = torch.device(device)
    on_cuda = device.type == "cuda"

    def from_host(array: np.ndarray) -> Array:
        # A copy: torch warns about read-only arrays, and negative strides are refused.
        return torch.asarray(np.array(array), device=device)

    def to_host(array: Array) -> np.ndarray:
        return np.asarray(array.detach().cpu().numpy())

    def synchronize() -> None:
        if on_cuda:
            torch.cuda.synchronize(device)

    def memory_available() -> int | None:
        return int(torch.cuda.mem_get_info(device)[0]) if on_cuda else None

    return Backend(
        library="torch",
        version=str(torch.__version__),
        device_name=str(device),
        xp=xp,
        from_host=from_host,
        to_host=to_host,
        compile=torch.compile if compiled else unchanged,
        synchronize=synchronize,
        memory_available=memory_available,
        bfloat16=True,
        block_bytes=1 << 30 if on_cuda else 1 << 22,
        largest_block=1 << 20 if on_cuda else 1 << 16,
    )
