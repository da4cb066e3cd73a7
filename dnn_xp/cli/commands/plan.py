"""dnn-xp plan: what memory and time a training will take, without it."""

from __future__ import annotations

import time
import warnings
from argparse import Namespace
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.cli.config import specification_of
from dnn_xp.cli.inputs.parts import held_out, part_of
from dnn_xp.cli.inputs.reading import read_examples
from dnn_xp.cli.train_options import options_of
from dnn_xp.cli.wording import tell
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.text_tables import text_table
from dnn_xp.data.targets.kinds import encode_targets
from dnn_xp.execution.block_size import gradient_flops
from dnn_xp.formulas.number_encodings import encoded_rows
from dnn_xp.training.arguments import PlanArguments
from dnn_xp.training.plan import outline
from dnn_xp.training.run import Run, decide
from dnn_xp.training.train import train

# Operations of the updates that are measured, about a second's on two cores.
_OPERATIONS = 1e10
# Updates of the shorter training, and how many more the longer one has.
_FIRST, _MORE, _MOST = 2, 6, 6 * 4**3
# Seconds between the two that are enough to tell.
_ENOUGH = 0.1


class Asked(NamedTuple):
    """What is planned: a run, what it is said to be of, and the options of the training."""

    run: Run
    said: list[tuple[str, str]]
    options: dict[str, Any]


def run(args: Namespace) -> int:
    """Print the plan."""
    specification_of(args)  # before anything is read
    options = options_of(args) | {"seed": args.seed}
    asked = _of_shape(args, options) if args.data is None else _of_data(args, options)
    run = asked.run
    sizes, m = run.network.sizes, run.penalties.m
    if run.batch_size is None:
        length = f"{run.iterations:,} iterations over {m:,} examples"
    else:
        updates = (run.epochs or 0) * -(-m // run.batch_size)
        length = f"{run.epochs:,} epochs over {m:,} examples, {updates:,} updates"
    parameters = f"{run.network.parameter_count:,} parameters"
    several = f"{run.network.members} of " if run.network.members > 1 else ""
    network = f"{several}{'-'.join(map(str, sizes))}, {parameters}, {run.network.cost.name}"
    lines = [
        *asked.said,
        ("network", network),
        ("training", length),
        ("memory", str(run.plan)),
        ("time", _time(run, asked.options)),
        ("device", str(run.record)),
    ]
    tell(text_table(lines))
    tell("\nNothing was trained.")
    return 0


def _of_shape(args: Namespace, options: dict[str, Any]) -> Asked:
    n_x, m = args.shape
    given = PlanArguments((n_x, m), outputs=args.outputs, examples="rows", **options)
    said = [("data", f"{m:,} examples, {n_x:,} features")]
    return Asked(decide(given.specification, outline(given)), said, options)


def _of_data(args: Namespace, options: dict[str, Any]) -> Asked:
    if args.shape is not None:
        raise ArgumentValueError("--shape", "a value with DATA", "left out where DATA is given")
    examples = read_examples(args)
    for_test, split = held_out(
        examples, args.test_fraction, args.seed, options, last=args.test_part == "last"
    )
    X, Y = part_of(examples, ~for_test)
    named = {name: options[name] for name in ("cost", "output_activation")}
    targets = encode_targets(Y, m=len(Y), examples="rows", **named)
    known = {"cost": targets.cost, "output_activation": targets.output_activation}
    given = PlanArguments(X, outputs=targets.n_y, examples="rows", **{**options, **known})
    said = [("data", f"{examples.where}: {examples.X.m:,} examples"), ("split", split)]
    return Asked(decide(given.specification, outline(given)), said, {**options, **known})


def _time(run: Run, options: Mapping[str, Any]) -> str:
    """How long the training will take, by a few of its updates on random numbers."""
    m, batch_size = run.penalties.m, run.batch_size
    updates = _FIRST + _MORE
    operations = run.network.members * gradient_flops(run.network.sizes, 1)
    most = int(_OPERATIONS / updates / operations)
    few = min(m, max(most, 256, batch_size or 0))
    taken, measured = _seconds_each(run, few, options)
    seconds = taken * m / few
    length, unit = (run.iterations, "iteration") if batch_size is None else (run.epochs, "epoch")
    fewer = "" if few == m else f", on {few:,} examples"
    return (
        f"about {_rounded(seconds * (length or 0))}: {_rounded(seconds)} an {unit}, measured in "
        f"{measured} of random numbers{fewer}; reading and checking the data not counted"
    )


def _seconds_each(run: Run, m: int, options: Mapping[str, Any]) -> tuple[float, int]:
    """Seconds of an iteration or an epoch on m random examples, by the difference of two trainings, and of how many."""
    network, rng = run.network, np.random.default_rng(0)
    # Each feature is a number, the network's as wide as it will be or, with one-hot ones, wider.
    features = network.sizes[0] - encoded_rows(network.number_encoding)
    X = rng.standard_normal((m, features), dtype=np.float32)
    X = X.astype(run.dtype, copy=False)
    Y = _targets(network.cost.name, m, network.sizes[-1], rng)
    length = "iterations" if run.batch_size is None else "epochs"
    unused = ("validation", "validation_part", "patience", "class_weight", "iterations", "epochs")
    kept = {name: value for name, value in options.items() if name not in unused}
    given = {**kept, "examples": "rows", "l2": run.penalties.l2}

    def seconds_of(updates: int) -> float:
        how: dict[str, Any] = {**given, length: updates}
        start = time.perf_counter()
        train(X, Y, **how)
        return time.perf_counter() - start

    more = _MORE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while True:
            taken = seconds_of(_FIRST + more) - seconds_of(_FIRST)
            if taken >= _ENOUGH or more >= _MOST:
                return max(taken, 0.0) / more, more
            # So few are lost in what a training takes besides its updates.
            more *= 4


def _targets(cost: str, m: int, outputs: int, rng: np.random.Generator) -> Any:
    """Targets of a network of so many outputs."""
    if cost == "softmax_cross_entropy":
        return np.arange(m) % outputs
    shape = (m,) if outputs == 1 else (m, outputs)
    if cost == "binary_cross_entropy":
        labels = rng.integers(0, 2, shape)
        labels[:2] = [0, 1] if outputs == 1 else [[0] * outputs, [1] * outputs]
        return labels
    if cost == "poisson":
        return rng.poisson(2.0, shape).astype(np.float64)
    return rng.standard_normal(shape)


def _rounded(seconds: float) -> str:
    """Two digits, in a unit that suits."""
    sizes = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3}
    unit = next((each for each, size in sizes.items() if seconds >= size), "ms")
    return f"{float(f'{seconds / sizes[unit]:.2g}'):g} {unit}"
