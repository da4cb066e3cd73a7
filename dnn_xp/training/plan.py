"""plan: what a training will take, before anything is allocated."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from dnn_xp.backends import choose_backend
from dnn_xp.common.checks import check_int
from dnn_xp.data import as_source, working_dtype
from dnn_xp.data.host import is_array
from dnn_xp.data.sources.labels import code_dtype
from dnn_xp.execution.block_size import block_size_of, gradient_flops
from dnn_xp.execution.memory import Plan
from dnn_xp.execution.placement import fits, label_bytes, resides
from dnn_xp.execution.threads import threads_used
from dnn_xp.training.inputs import dtype_name, examples_held_out, validation_pair
from dnn_xp.training.memory import plan_passes
from dnn_xp.training.options import (
    hidden_activations,
    hidden_sizes,
    keep_probabilities,
    optimizer_vectors,
    steps,
    yes_or_no,
)


def plan(
    X: Any,
    *,
    outputs: int = 1,
    examples: str = "columns",
    hidden: str | Sequence[int] = "auto",
    activation: str | Sequence[str] = "relu",
    optimizer: str = "adam",
    batch_size: int | None = None,
    keep_prob: float | Sequence[float] = 1.0,
    sample_weight: Any = None,
    validation: Any = None,
    standardize: bool = False,
    dtype: Any = None,
    device: str | None = None,
    fallback: bool = True,
    block_size: str | int = "auto",
    threads: int | None = None,
) -> Plan:
    """Peak memory and blocks of a training, known from the shapes alone; nothing is read or allocated.

    Parameters
    ----------
    X : array, dataset, path, or pair of int
        What :func:`dnn_xp.train` would get, or just its shape (n_x, m).
    outputs : int
        Outputs of the network: 1 for two classes or one value, else the number of classes.
    examples, hidden, activation, optimizer, batch_size, keep_prob, standardize, dtype, device, \
fallback, block_size, threads
        As in :func:`dnn_xp.train`.
    sample_weight : array, optional
        As in :func:`dnn_xp.train`; True will do as well.
    validation : float or pair (X, Y), optional
        As in :func:`dnn_xp.train`, of which Y is not looked at.

    Returns
    -------
    Plan
        ``host_peak_bytes`` and ``device_peak_bytes`` beyond the data as given, and the chosen
        blocks; prints as a sentence. Y is counted as class labels, which are kept as small integers.
        What a list, a frame, or a file that is no array takes to be loaded is not counted.

    Raises
    ------
    TypeError, ValueError
        As :func:`dnn_xp.train` for the same arguments.

    Examples
    --------
    >>> import dnn_xp
    >>> plan = dnn_xp.plan((28, 10_000_000), hidden=[32, 32], dtype="float32", threads=2)
    >>> plan.threads, plan.host_peak_bytes < 100e6
    (2, True)
    """
    if isinstance(X, tuple) and len(X) == 2 and all(isinstance(extent, int) for extent in X):
        n_x, m = (
            check_int(name, extent, at_least=1)
            for name, extent in zip(("n_x", "m"), X, strict=True)
        )
        source = None
    else:
        source = as_source(X, examples=examples)
        n_x, m = source.n, source.m
    if dtype is not None:
        dtype = dtype_name(dtype)
    else:
        dtype = "float32" if source is None else working_dtype(source.dtype)
    sizes = (n_x, *hidden_sizes(hidden), check_int("outputs", outputs, at_least=1))
    standardize = yes_or_no("standardize", standardize)
    activations = hidden_activations(activation, len(sizes) - 2)
    drops_out = bool(keep_probabilities(keep_prob, len(sizes) - 2))
    fraction = isinstance(validation, Real)
    held_out = 0
    if fraction:
        held_out = examples_held_out(float(validation), m)
    elif validation is not None:
        held_out = validation_pair(validation, n_x, examples=examples)[0].m
    m = m - held_out if fraction else m
    at_once = steps(optimizer, None, None, None, batch_size, m).batch_size or m
    backend, _ = choose_backend(
        device,
        X if is_array(X) else None,
        fallback=fallback,
        step_operations=gradient_flops(sizes, at_once),
    )
    given = np.dtype(dtype if source is None else source.dtype)
    elsewhere = backend.library != "numpy"
    is_there = not elsewhere if source is None else resides(source, backend)
    was_in_memory = source is None or source.in_memory
    X_bytes = n_x * given.itemsize
    in_memory = was_in_memory and (is_there or not elsewhere or fits(X_bytes * m, backend))
    split = fraction and was_in_memory
    # Mini-batches are gathered from a copy with each example's features side by side.
    across = batch_size is not None and (examples == "columns" or split)
    placed: tuple[int, ...] = ()
    if in_memory and elsewhere and not is_there:
        placed = (m, held_out)
    elif in_memory and not elsewhere and across:
        placed = (m,)
    itemsize = np.dtype(dtype).itemsize
    weights = itemsize * m if sample_weight is not None else 0
    labels = [label_bytes(sizes[-1], part, itemsize, elsewhere=elsewhere) for part in (m, held_out)]
    return plan_passes(
        sizes,
        activations,
        backend,
        m=m,
        held_out=held_out,
        batch_size=batch_size,
        drops_out=drops_out,
        given=given,
        working=dtype,
        standardized=standardize,
        moments_taken=standardize,
        bytes_ahead=0 if in_memory else X_bytes,
        read=not was_in_memory,
        split=split,
        block_size=block_size_of(block_size, sizes, dtype=dtype, backend=backend),
        threads=threads_used(threads, backend),
        optimizer_vectors=optimizer_vectors(optimizer),
        data_bytes=sum(labels) + X_bytes * sum(placed) + (weights if elsewhere else 0),
        held_bytes=code_dtype(sizes[-1]).itemsize * (m + held_out)
        + weights
        + (X_bytes * (m + held_out) if split else 0),
    )
