"""From what train is given to checked, split and placed examples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dnn_xp.backends import Backend
from dnn_xp.common.errors import Argument, ArgumentValueError, Pass
from dnn_xp.common.messages import counted
from dnn_xp.data import (
    Moments,
    Source,
    Targets,
    as_source,
    block_moments,
    check_features,
    check_finite,
    check_same_library,
    encode_targets,
    encode_weights,
    finalize_moments,
    merge_moments,
    working_dtype,
)
from dnn_xp.data.finite import VALUES_OF_A_BLOCK, examples_of_a_block
from dnn_xp.data.sources.subset import RangeSource, side_by_side, subset
from dnn_xp.execution.engine import Engine, block_ranges
from dnn_xp.execution.objective import Examples
from dnn_xp.execution.placement import held_bytes, place, source_bytes, stored_bytes
from dnn_xp.model.model import Model
from dnn_xp.training.specification import Problem

Standardization = tuple[np.ndarray, np.ndarray]
# Values of a block of the pass that takes the mean of Y, which may come with weights.
VALUES_OF_TARGETS = 1 << 16


@dataclass(frozen=True, slots=True)
class Prepared:
    """Checked examples where they were brought, before they are placed.

    Attributes
    ----------
    X : Source
        Training examples.
    targets : Targets
        What Y means, with the source of the training targets.
    weights : Source or None
        Sample weights of mean 1.
    validation : pair of Source, or None
        X and Y to validate on.
    dtype : str
        "float32" or "float64".
    copied_bytes : int
        What was copied to split off the validation examples.
    flat_targets : bool
        Whether Y was one-dimensional.
    """

    X: Source
    targets: Targets
    weights: Source | None
    validation: tuple[Source, Source] | None
    dtype: str
    copied_bytes: int = 0
    flat_targets: bool = True

    @property
    def held_bytes(self) -> int:
        """Bytes that are held besides what was given: codes of labels, weights, split examples."""
        weights = 0 if self.weights is None else source_bytes(self.weights)
        if self.copied_bytes:
            return self.copied_bytes + weights
        others = () if self.validation is None else (self.validation[1],)
        return weights + sum(map(held_bytes, (self.targets.source, *others)))

    def placed(self, backend: Backend, *, for_batches: bool) -> tuple[Examples, Examples | None]:
        """Training and validation examples where the backend computes."""
        X = side_by_side(self.X) if for_batches else self.X
        weights = None if self.weights is None else place(self.weights, backend)
        training = Examples(place(X, backend), place(self.targets.source, backend), weights)
        if self.validation is None:
            return training, None
        X, Y = (place(source, backend) for source in self.validation)
        return training, Examples(X, Y, None)


def prepare(
    X: Any,
    Y: Any,
    asked: Problem,
    *,
    dtype: str | None,
    sample_weight: Any,
    validation: Any = None,
    model: Model | None = None,
    rng: np.random.Generator,
) -> Prepared:
    """Check everything that was brought, and split off the validation examples; X is not read for NaN yet.

    `validation` is a fraction or a pair (X, Y). `model` brings cost, classes and number of features.
    """
    examples = asked.examples
    source = as_source(X, examples=examples)
    if model is not None:
        check_features(source, model.sizes[0], examples=examples)
    check_same_library(X, Y)
    dtype = dtype or working_dtype(source.dtype)
    common: dict[str, Any] = {
        "examples": examples,
        "cost": asked.cost if model is None else model.cost,
        "output_activation": asked.output_activation if model is None else model.activations[-1],
        "dtype": dtype,
    }
    classes = None if model is None else model.classes
    targets = encode_targets(Y, m=source.m, n_x=source.n, classes=classes, **common)
    weights = encode_weights(sample_weight, m=source.m, dtype=dtype)
    flat = targets.n_y == 1 and _is_flat(Y)
    prepared = Prepared(source, targets, weights, None, dtype, flat_targets=flat)
    if validation is None:
        return prepared
    if isinstance(validation, float):
        return _split(prepared, validation, rng)
    held_out = validation_source(validation[0], source.n, examples=examples)
    check_finite(held_out, "validation X")
    # What the training targets turned out to mean holds for the others too.
    common |= {"cost": targets.cost, "output_activation": targets.output_activation}
    others = encode_targets(
        validation[1],
        m=held_out.m,
        n_x=held_out.n,
        argument="validation Y",
        classes=targets.classes,
        **common,
    )
    if others.n_y != targets.n_y:
        raise ArgumentValueError(
            "validation Y",
            f"{counted(others.n_y, 'output')} per example",
            (f"targets of {counted(targets.n_y, 'output')}, like ", Argument("Y")),
        )
    return replace(prepared, validation=(held_out, others.source))


def validation_source(X: Any, n: int, *, examples: str) -> Source:
    """The X of examples to validate on, as a source of n features."""
    held_out = as_source(X, argument="validation X", examples=examples)
    check_features(held_out, n, argument="validation X", examples=examples)
    return held_out


def examples_held_out(fraction: float, m: int) -> int:
    """How many of m examples a fraction sets aside."""
    held_out = round(m * fraction)
    if not 0 < held_out < m:
        raise ArgumentValueError(
            "validation",
            f"{fraction:g}, which leaves {held_out} of {m} examples to validate on",
            "a fraction of the examples such as 0.1",
        )
    return held_out


def _is_flat(Y: Any) -> bool:
    if hasattr(Y, "shape"):
        return len(Y.shape) == 1
    return not (isinstance(Y, (list, tuple)) and len(Y) > 0 and np.ndim(Y[0]) > 0)


def _split(prepared: Prepared, fraction: float, rng: np.random.Generator) -> Prepared:
    X, Y, weights, m = prepared.X, prepared.targets.source, prepared.weights, prepared.X.m
    held_out = examples_held_out(fraction, m)

    def part(source: Source, chosen: np.ndarray | None, first: int, last: int) -> Source:
        return RangeSource(source, first, last) if chosen is None else subset(source, chosen)

    training = testing = None
    last, copied = m - held_out, 0
    if X.in_memory and Y.in_memory:
        copied = source_bytes(X) + stored_bytes(Y)
        order = rng.permutation(m)
        training, testing = np.sort(order[held_out:]), np.sort(order[:held_out])
        # Now, because afterwards nobody knows which example was which.
        check_finite(X, "X")
    else:
        # The training part is looked at by the pass that may standardize it.
        blocks = block_ranges(held_out, examples_of_a_block(X.n))
        check_finite(X, "X", blocks=[(last + start, last + stop) for start, stop in blocks])
    if weights is not None:
        # Scaled anew: a mean of 1 over all examples is not one over a part of them.
        weights = part(weights, training, 0, last)
        weights = encode_weights(weights, m=last, dtype=prepared.dtype)
    return replace(
        prepared,
        X=part(X, training, 0, last),
        targets=replace(prepared.targets, source=part(Y, training, 0, last)),
        weights=weights,
        validation=(part(X, testing, last, m), part(Y, testing, last, m)),
        copied_bytes=copied,
    )


def finite_or_standardized(
    X: Source, engine: Engine, *, standardize: bool
) -> Standardization | None:
    """Look for NaN and infinity; with `standardize` the same pass gives mean and scale, (n_0, 1) each."""
    if not standardize:
        check_finite(X, "X")
        return None
    moments = source_moments(X, None, engine, values=VALUES_OF_A_BLOCK)
    if not _are_finite(moments):
        check_finite(X, "X")
        raise ArgumentValueError(
            "X",
            "values too large to be standardized in float64",
            "of a scale whose squares float64 holds",
            "scale it down first",
        )
    return finalize_moments(moments)


def standardized_targets(Y: Source, weights: Source | None, engine: Engine) -> Standardization:
    """Mean and scale of the targets, (n_L, 1) each; weighted as the examples are."""
    moments = source_moments(Y, weights, engine)
    if not _are_finite(moments):
        raise ArgumentValueError(
            "Y",
            "values too large to be standardized in float64",
            "of a scale whose squares float64 holds",
            ("scale it down first, or ", Pass("standardize_targets", False)),
        )
    return finalize_moments(moments)


def source_moments(
    source: Source, weights: Source | None, engine: Engine, *, values: int = VALUES_OF_TARGETS
) -> Moments:
    """The moments of all examples, weighted or not, in one pass over blocks of that many values by the engine."""

    def read(start: int, stop: int) -> tuple[Any, ...]:
        own = () if weights is None else (weights.block(start, stop),)
        return source.block(start, stop), *own

    with np.errstate(invalid="ignore", over="ignore"):
        (moments,) = engine.fold(
            lambda *block: (block_moments(*block),),
            read,
            source.m,
            examples_of_a_block(source.n, values=values),
            combine=lambda left, right: (merge_moments(left[0], right[0]),),
            read_ahead=not source.in_memory,
        )
    found: Moments = moments
    return found


def _are_finite(moments: Moments) -> bool:
    return bool(np.isfinite(moments.mean).all() and np.isfinite(moments.M2).all())
