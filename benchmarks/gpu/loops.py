"""Whole training loops of the peers on a device: gradient, update, and for mini-batches the shuffle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.epochs import BETA1, BETA2, EPSILON, LEARNING_RATE
from benchmarks.shapes import Parameters, Problem


class Job(NamedTuple):
    """A training: full batches, or epochs of mini-batches of a size.

    The rate is `LEARNING_RATE` with Adam and `DESCENT_RATE` with gradient descent.
    """

    shape: str
    sizes: tuple[int, ...]
    m: int
    optimizer: str
    batch_size: int | None = None


class Loop(NamedTuple):
    """A training that goes on from call to call.

    Attributes
    ----------
    run
        Takes so many full-batch updates, or epochs of mini-batches, and waits for the last one.
    parameters
        [(W, b), ...] as NumPy arrays.
    """

    run: Callable[[int], None]
    parameters: Callable[[], Parameters]


DESCENT_RATE = 0.1


def torch_loop(data: Problem, job: Job, device: str, mode: str | None) -> Loop:
    """PyTorch with its fused optimizers; `mode` is that of torch.compile, None is eager."""
    import torch

    from benchmarks.peers import torch_network

    torch.compiler.reset()
    torch.set_float32_matmul_precision("highest")
    loss: Any = torch_network.loss
    if mode is not None:
        loss = torch.compile(loss, mode=mode, dynamic=False)
    leaves = [
        leaf.detach().to(device).requires_grad_() for leaf in torch_network.tensors(data.parameters)
    ]
    rows, labels = (array.to(device) for array in torch_network.data(data.X, data.Y))
    optimizer: Any
    if job.optimizer == "adam":
        optimizer = torch.optim.Adam(
            leaves, lr=LEARNING_RATE, betas=(BETA1, BETA2), eps=EPSILON, fused=True
        )
    else:
        optimizer = torch.optim.SGD(leaves, lr=DESCENT_RATE, fused=True)

    def update(X: Any, Y: Any) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss(leaves, X, Y).backward()
        optimizer.step()

    def run(count: int) -> None:
        for _ in range(count):
            if job.batch_size is None:
                update(rows, labels)
                continue
            for part in torch.randperm(len(rows), device=device).split(job.batch_size):
                update(rows[part], labels[part])
        if device == "cuda":
            torch.cuda.synchronize()

    def parameters() -> Parameters:
        arrays = [leaf.detach().cpu().numpy().copy() for leaf in leaves]
        return [(W, b[:, None]) for W, b in zip(arrays[::2], arrays[1::2], strict=True)]

    return Loop(run, parameters)


def jax_loop(data: Problem, job: Job) -> Loop:
    """JAX: one jitted function that gathers a batch, takes its gradient and updates."""
    import jax
    import jax.numpy as jnp

    from benchmarks.epochs.jax_adam import adam, zeros
    from benchmarks.peers.jax_network import rows_cost

    def descend(theta: Any, state: Any, t: Any, X: Any, Y: Any) -> Any:
        gradient = jax.grad(rows_cost)(theta, X, Y)
        if job.optimizer == "adam":
            return adam(theta, state, t, gradient)
        tree = jax.tree_util.tree_map
        return tree(lambda W, g: W - DESCENT_RATE * g, theta, gradient), state

    def gathered(theta: Any, state: Any, t: Any, X: Any, Y: Any, indices: Any) -> Any:
        return descend(theta, state, t, X[indices], Y[indices])

    step = jax.jit(descend if job.batch_size is None else gathered, donate_argnums=(0, 1))
    rows, labels = (jnp.asarray(np.ascontiguousarray(array.T)) for array in (data.X, data.Y))
    # Copies, since a donated buffer must not be the caller's memory.
    theta = [(jnp.array(W), jnp.array(b)) for W, b in data.parameters]
    state = zeros(theta)
    rng = np.random.default_rng(0)
    t = 0

    def run(count: int) -> None:
        nonlocal theta, state, t
        with jax.default_matmul_precision("float32"):
            for _ in range(count):
                if job.batch_size is None:
                    t += 1
                    theta, state = step(theta, state, float(t), rows, labels)
                    continue
                order = jnp.asarray(rng.permutation(len(rows)).astype(np.int32))
                for start in range(0, len(order), job.batch_size):
                    t += 1
                    batch = order[start : start + job.batch_size]
                    theta, state = step(theta, state, float(t), rows, labels, batch)
        jax.block_until_ready(theta)

    return Loop(run, lambda: [(np.array(W), np.array(b)) for W, b in theta])
