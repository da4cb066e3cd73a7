"""Others' ways to one exact full-batch gradient, each by a `make`."""

from __future__ import annotations

from typing import cast

from benchmarks import candidate
from benchmarks.candidate import MakeStep

OURS = "dnn_xp"
WITH_MKL = "dnn_xp, MKL"
CANDIDATES = {
    OURS: "benchmarks.ours:make",
    "naive NumPy": "benchmarks.peers.naive_numpy:make",
    "scikit-learn": "benchmarks.peers.sklearn_mlp:make",
    "torch eager": "benchmarks.peers.torch_whole:make",
    "torch.compile": "benchmarks.peers.torch_whole:make_compiled",
    "torch blocked": "benchmarks.peers.torch_blocked:make",
    "JAX jit": "benchmarks.peers.jax_jit:make",
    # After PyTorch, which would find this MKL in place of its own.
    WITH_MKL: "benchmarks.ours:make_with_mkl",
}


def load(name: str) -> MakeStep:
    """Return the `make` of a candidate, or raise NotAvailable."""
    return cast(MakeStep, candidate.load(CANDIDATES[name]))
