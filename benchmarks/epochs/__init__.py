"""One epoch of Adam on shuffled mini-batches, one module each with a `make`."""

from __future__ import annotations

from typing import cast

from benchmarks import candidate
from benchmarks.candidate import MakeEpoch
from benchmarks.peers import OURS, WITH_MKL

LEARNING_RATE = 1e-3
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

LOADER = "torch DataLoader"
CANDIDATES = {
    OURS: "benchmarks.epochs.ours:make",
    f"{OURS}, updates alone": "benchmarks.epochs.ours:make_updates",
    "scikit-learn": "benchmarks.epochs.sklearn_partial_fit:make",
    "torch indexing": "benchmarks.epochs.torch_indexing:make",
    LOADER: "benchmarks.epochs.torch_loader:make",
    "JAX jit": "benchmarks.epochs.jax_step:make",
    # After PyTorch, which would find this MKL in place of its own.
    f"{WITH_MKL}, updates alone": "benchmarks.epochs.ours:make_updates_with_mkl",
}


def load(name: str) -> MakeEpoch:
    """Return the `make` of a candidate, or raise NotAvailable."""
    return cast(MakeEpoch, candidate.load(CANDIDATES[name]))
