"""What memory a training takes, from what it is made of: its passes over examples, and what it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import starmap
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.backends import Backend
from dnn_xp.data.finite import VALUES_OF_A_BLOCK, examples_of_a_block
from dnn_xp.execution.engine import blocks_in_flight
from dnn_xp.execution.memory import Pass, Plan, Values, make_plan
from dnn_xp.execution.objective import Examples
from dnn_xp.execution.placement import example_bytes_ahead, placed_bytes
from dnn_xp.formulas.activations import Activation
from dnn_xp.formulas.network import Network
from dnn_xp.training.batches import shuffle_bytes
from dnn_xp.training.descent import pays_to_replay
from dnn_xp.training.inputs import Intake

# Bytes of the arrays of a pass for each of its values, and a little: of the moments of X (in float64,
# less the mean, squared), and of a look at labels (positions among the classes, in int64).
_BYTES_OF_MOMENTS = 26
_BYTES_OF_LABELS = 28


def checking_bytes(
    n: int,
    m: int,
    *,
    given: npt.DTypeLike,
    standardize: bool,
    threads: int,
    read: bool,
    split: bool,
) -> int:
    """Bytes that looking at X (n, m) and Y takes: read from a file, standardized, split at random, or not."""
    examples = min(m, examples_of_a_block(n))
    at_once = min(threads, -(-m // examples)) if standardize else 1
    of_value = at_once * _BYTES_OF_MOMENTS if standardize else 0
    if read:
        in_flight = blocks_in_flight(at_once) if standardize else 1
        of_value += in_flight * np.dtype(given).itemsize
    # The order that was drawn, and both parts of it in order.
    of_split = 17 * m if split else 0
    return max(examples * n * of_value, min(m, VALUES_OF_A_BLOCK) * _BYTES_OF_LABELS) + of_split


def plan_training(
    intake: Intake,
    training: Examples,
    held_out: Examples | None,
    network: Network,
    backend: Backend,
    **rest: Any,
) -> Plan:
    """The plan of a training whose examples are where they are computed; `rest` as in `plan_passes`."""
    placed = [(training.X, intake.X), (training.Y, intake.targets.source)]
    if training.weights is not None and intake.weights is not None:
        placed.append((training.weights, intake.weights))
    if held_out is not None and intake.validation is not None:
        placed += [(held_out.X, intake.validation[0]), (held_out.Y, intake.validation[1])]
    return plan_passes(
        network.sizes,
        network.activations[:-1],
        backend,
        m=training.m,
        held_out=0 if held_out is None else held_out.m,
        drops_out=bool(network.keep_probs),
        given=intake.X.dtype,
        working=intake.dtype,
        bytes_ahead=0 if training.in_memory else example_bytes_ahead(training),
        read=not intake.X.in_memory,
        split=bool(intake.copied_bytes),
        data_bytes=sum(starmap(placed_bytes, placed)),
        held_bytes=intake.held_bytes,
        **rest,
    )


def plan_passes(
    sizes: Sequence[int],
    activations: Sequence[Activation],
    backend: Backend,
    *,
    m: int,
    held_out: int,
    batch_size: int | None,
    drops_out: bool,
    given: np.dtype[Any],
    working: str,
    standardized: bool,
    moments_taken: bool,
    bytes_ahead: int,
    read: bool,
    split: bool,
    block_size: Callable[[int], int],
    threads: int,
    held_bytes: int,
    **rest: Any,
) -> Plan:
    """The checks and passes of a training, put together.

    `standardized` says whether X is, `moments_taken` whether mean and scale have to be looked for;
    `read` whether X is a file, `split` whether examples are set aside at random; `bytes_ahead` are
    those of an example in what is read ahead.
    """
    on_device = backend.device_name != "cpu"
    at_once, ahead, shuffled = m, bytes_ahead, (0, 0)
    if batch_size is not None:
        at_once = min(m, batch_size)
        # Runs of a file, from which batches are gathered, are counted as held.
        each, ahead = given.itemsize * (sizes[0] + sizes[-1]), 0
        shuffled = shuffle_bytes(m, each, at_once, in_memory=not bytes_ahead, on_device=on_device)
    # A block is a view in NumPy and PyTorch.
    copied = backend.library not in ("numpy", "torch")
    step = Pass(at_once, block_size(at_once), ahead, gathered=copied or batch_size is not None)
    # A full-batch step gives the cost, too, unless units drop out.
    costs = [m] if drops_out or batch_size is not None else []
    if held_out:
        costs.append(held_out)
    return make_plan(
        sizes,
        step,
        *(Pass(each, block_size(each), bytes_ahead, gathered=copied) for each in costs),
        X=Values(given, working, standardized),
        threads=threads,
        elaborate=any(each.name not in ("relu", "identity") for each in activations),
        drops_out=drops_out,
        step_stays=backend.replay is not None
        and pays_to_replay(sizes, at_once, drops_out=drops_out, in_memory=not bytes_ahead),
        on_device=on_device,
        held_bytes=held_bytes + shuffled[0],
        held_on_device=shuffled[1],
        intake_bytes=checking_bytes(
            sizes[0],
            m,
            given=given,
            standardize=moments_taken,
            threads=threads,
            read=read,
            split=split,
        ),
        **rest,
    )
