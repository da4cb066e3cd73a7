"""plan: what a training will take, before anything is allocated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dnn_xp.backends import choose_backend
from dnn_xp.batches import shuffle_bytes
from dnn_xp.data import as_source, working_dtype
from dnn_xp.data.host import is_array
from dnn_xp.data.standardize import itemsize_meanwhile
from dnn_xp.engine import default_threads
from dnn_xp.formulas.hyperparameters import whole
from dnn_xp.intake import dtype_name
from dnn_xp.options import hidden_sizes, optimizer_vectors, yes_or_no
from dnn_xp.placement import fits, resides
from dnn_xp.planning import Plan, auto_block_size, gradient_flops, make_plan


def plan(
    X: Any,
    *,
    outputs: int = 1,
    examples: str = "columns",
    hidden: str | Sequence[int] = "auto",
    optimizer: str = "adam",
    batch_size: int | None = None,
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
    examples, hidden, optimizer, batch_size, standardize, dtype, device, fallback, block_size, threads
        As in :func:`dnn_xp.train`.

    Returns
    -------
    Plan
        ``host_peak_bytes`` and ``device_peak_bytes`` beyond the data as given, and the chosen
        blocks; prints as a sentence. Class labels are kept as small integers besides, one byte an
        example, which the plan of a training counts.

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
            whole(name, extent, at_least=1) for name, extent in zip(("n_x", "m"), X, strict=True)
        )
        source = None
    else:
        source = as_source(X, examples=examples)
        n_x, m = source.n, source.m
    if dtype is not None:
        dtype = dtype_name(dtype)
    else:
        dtype = "float32" if source is None else working_dtype(source.dtype)
    sizes = (n_x, *hidden_sizes(hidden), whole("outputs", outputs, at_least=1))
    at_once = m if batch_size is None else min(m, whole("batch_size", batch_size, at_least=1))
    backend, _ = choose_backend(
        device,
        X if is_array(X) else None,
        fallback=fallback,
        step_operations=gradient_flops(sizes, at_once),
    )
    wanted = default_threads() if threads is None else whole("threads", threads, at_least=1)
    itemsize = np.dtype(dtype).itemsize
    if block_size == "auto":
        size = auto_block_size(sizes, at_once, dtype=dtype, backend=backend)
    else:
        size = min(whole("block_size", block_size, at_least=1), at_once)
    # Mini-batches are gathered from a copy with each example's features side by side; a device gets
    # a copy of all that fits there.
    x_bytes = n_x * np.dtype(dtype if source is None else source.dtype).itemsize
    elsewhere = backend.library != "numpy" if source is None else not resides(source, backend)
    too_large = elsewhere and backend.library != "numpy" and not fits(x_bytes * m, backend)
    in_memory = not too_large and (source is None or source.in_memory)
    across = batch_size is not None and examples == "columns" and backend.library == "numpy"
    copied = in_memory and (elsewhere or across)
    held = 0
    if batch_size is not None:
        held = shuffle_bytes(m, itemsize * (n_x + sizes[-1]), at_once, in_memory=in_memory)
    return make_plan(
        sizes,
        at_once,
        itemsize=itemsize,
        block_size=size,
        threads=wanted if backend.python_threads else 1,
        optimizer_vectors=optimizer_vectors(optimizer),
        on_device=backend.device_name != "cpu",
        data_bytes=itemsize * (n_x + sizes[-1]) * m if copied else 0,
        held_bytes=held,
        ahead_bytes=0 if in_memory else x_bytes,
        standardized_itemsize=itemsize_meanwhile(dtype if source is None else source.dtype, dtype)
        if yes_or_no("standardize", standardize)
        else 0,
    )
