"""plan: what a training will take, decided as the training itself, before anything is read or allocated."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.common.checks import check_int
from dnn_xp.data.given import Given
from dnn_xp.data.sources.base import Source
from dnn_xp.data.sources.labels import LabelSource, code_dtype
from dnn_xp.data.sources.subset import RangeSource
from dnn_xp.data.targets.kinds import Targets
from dnn_xp.execution.memory import Plan
from dnn_xp.execution.placement import source_bytes, stored_bytes
from dnn_xp.formulas.costs import COSTS
from dnn_xp.model.model import Model
from dnn_xp.training.arguments import PlanArguments, takes
from dnn_xp.training.inputs import (
    Prepared,
    dtype_of,
    examples_held_out,
    given_as_asked,
    validation_given,
)
from dnn_xp.training.memory import Outline
from dnn_xp.training.run import decide
from dnn_xp.training.specification import Problem


@takes(PlanArguments)
def plan(arguments: PlanArguments) -> Plan:
    """Peak memory and blocks of a training, known from the shapes alone; nothing is read or allocated.

    Takes what :func:`dnn_xp.train` takes, apart from Y, and refuses what it refuses. In the place
    of X its shape (n_x, m) will do, and of `sample_weight` True. Of a pair (X, Y) to validate on, Y
    is not looked at.

    Parameters
    ----------
    {parameters}

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
    asked = arguments.specification
    return decide(asked, outline(arguments), model=arguments.warm_start).plan


def outline(arguments: PlanArguments) -> Prepared:
    """The shapes of what `prepare` would make of the same arguments."""
    asked = arguments.specification
    given = _outlined(arguments.X, asked, arguments.warm_start)
    X = given.X
    dtype = asked.wanted_dtype or ("float32" if isinstance(X, Outline) else dtype_of(given))
    if isinstance(X, Outline):
        X = Outline(X.n, X.m, dtype, contiguous=X.contiguous)
    held_out: Source | None = None
    copied, m = 0, X.m
    if arguments.validation_pair is not None:
        X_validation = arguments.validation_pair[0]
        held_out = validation_given(X_validation, None, given, examples=asked.examples).X
    elif asked.validation is not None:
        last = m - examples_held_out(asked.validation, m)
        if X.in_memory:
            copied = source_bytes(X) + stored_bytes(_labels(arguments.outputs, m, dtype))
        X, held_out = _part(X, 0, last, given.examples), _part(X, last, m, given.examples)
        m = last
    labels = _labels(arguments.outputs, m, dtype)
    weighted = arguments.sample_weight is not None or asked.class_weight is not None
    return Prepared(
        X,
        _targets(arguments, labels),
        Outline(1, m, dtype) if weighted else None,
        None if held_out is None else (held_out, _labels(arguments.outputs, held_out.m, dtype)),
        dtype,
        copied,
        given=given,
    )


def _outlined(X: Any, asked: Problem, model: Model | None) -> Given:
    if not (isinstance(X, tuple) and len(X) == 2 and all(isinstance(each, int) for each in X)):
        return given_as_asked(X, None, asked, model)
    examples = asked.examples or "columns"
    n_x, m = (check_int(name, n, at_least=1) for name, n in zip(("n_x", "m"), X, strict=True))
    return Given(Outline(n_x, m, "float32", contiguous=examples == "rows"), None, examples)


def _part(source: Source, first: int, last: int, examples: str) -> Source:
    """Examples that are set aside, or the others: a copy in memory, a range of a file."""
    if not source.in_memory:
        return RangeSource(source, first, last)
    array = getattr(source, "array", None)
    rows = examples == "rows"
    return Outline(source.n, last - first, source.dtype, array=array, contiguous=rows)


def _labels(outputs: int, m: int, dtype: str) -> LabelSource:
    """Class labels that take no memory: one code, m times."""
    codes = np.broadcast_to(np.zeros((), dtype=code_dtype(outputs)), (m,))
    return LabelSource(codes, outputs, dtype=dtype)


def _targets(arguments: PlanArguments, labels: LabelSource) -> Targets:
    cost, activation = arguments.cost, arguments.output_activation
    if cost is None:
        likely = "binary_cross_entropy" if arguments.outputs == 1 else "softmax_cross_entropy"
        fitting = [name for name, each in COSTS.items() if each.activation == activation]
        cost = likely if activation is None else (*fitting, "squared_error")[0]
    activation = activation or COSTS[cost].activation
    return Targets("", labels, None, arguments.outputs, activation, cost, None)
