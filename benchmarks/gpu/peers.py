"""The peers on a device, as their users write them: PyTorch eager and compiled, JAX jit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.gpu.ours import DeviceStep
from benchmarks.shapes import Problem


def torch_step(data: Problem, *, device: str, precision: str, compiled: bool = False) -> DeviceStep:
    """PyTorch: float32, TF32 switched on, or autocast to bfloat16."""
    import torch

    from benchmarks.peers import torch_network

    if compiled:
        torch.compiler.reset()
    loss = torch.compile(torch_network.loss, dynamic=False) if compiled else torch_network.loss
    leaves = [
        leaf.detach().to(device).requires_grad_() for leaf in torch_network.tensors(data.parameters)
    ]
    rows, labels = (array.to(device) for array in torch_network.data(data.X, data.Y))
    kind = torch.device(device).type

    @contextmanager
    def session() -> Iterator[None]:
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        try:
            with torch.autocast(kind, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
                yield
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before

    def run() -> Any:
        cost = loss(leaves, rows, labels)
        return cost, torch.autograd.grad(cost, leaves)

    def wait(_: Any) -> None:
        if kind == "cuda":
            torch.cuda.synchronize()

    def convert(result: Any) -> Any:
        cost, flat = result
        return torch_network.convert((cost.cpu(), [array.cpu().float() for array in flat]))

    return DeviceStep(run, wait, convert, session, "examples as rows")


def jax_step(data: Problem, *, device: str, precision: str) -> DeviceStep:
    """JAX: float32 or TF32 products, or layers in bfloat16 with the cost in float32."""
    import jax
    import jax.numpy as jnp

    # Not from jax_jit, which keeps JAX on the CPU.
    from benchmarks.peers.jax_network import convert, cross_entropy, rows_output

    def cost(parameters: Any, X: Any, Y: Any) -> Any:
        if precision == "bfloat16":
            parameters = jax.tree_util.tree_map(lambda a: a.astype(jnp.bfloat16), parameters)
            X = X.astype(jnp.bfloat16)
        Z = rows_output(parameters, X).astype(jnp.float32)
        return cross_entropy(Z, Y, axis=1)

    step = jax.jit(jax.value_and_grad(cost))
    weights = [(jnp.asarray(W), jnp.asarray(b)) for W, b in data.parameters]
    rows, labels = (jnp.asarray(np.ascontiguousarray(array.T)) for array in (data.X, data.Y))
    name = "tensorfloat32" if precision == "tf32" else "float32"

    return DeviceStep(
        run=lambda: step(weights, rows, labels),
        wait=jax.block_until_ready,
        convert=convert,
        session=lambda: jax.default_matmul_precision(name),
        note="examples as rows",
    )
