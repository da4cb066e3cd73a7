"""From the arguments of train to checked, split and placed examples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from dnn_xp.backends import PRECISIONS, Backend
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import describe, unknown_name
from dnn_xp.data import (
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
from dnn_xp.data.finite import examples_of_a_block
from dnn_xp.data.sources.subset import RangeSource, side_by_side, subset
from dnn_xp.execution.engine import Engine, block_ranges
from dnn_xp.execution.objective import Examples
from dnn_xp.execution.placement import held_bytes, place, source_bytes, stored_bytes

Standardization = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Intake:
    """Checked examples on the host, before they are placed.

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
    """

    X: Source
    targets: Targets
    weights: Source | None
    validation: tuple[Source, Source] | None
    dtype: str
    copied_bytes: int = 0

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


def take_in(
    X: Any,
    Y: Any,
    *,
    examples: str,
    cost: str | None,
    output_activation: str | None,
    classes: np.ndarray | None,
    features: int | None,
    sample_weight: Any,
    validation: Any,
    dtype: str | None,
    rng: np.random.Generator,
) -> Intake:
    """Check everything that was brought, and split off the validation examples; X is not read for NaN yet."""
    source = as_source(X, examples=examples)
    if features is not None:
        check_features(source, features, examples=examples)
    check_same_library(X, Y)
    dtype = working_dtype(source.dtype) if dtype is None else dtype_name(dtype)
    common: dict[str, Any] = {
        "examples": examples,
        "cost": cost,
        "output_activation": output_activation,
        "dtype": dtype,
    }
    targets = encode_targets(Y, m=source.m, n_x=source.n, classes=classes, **common)
    weights = encode_weights(sample_weight, m=source.m, dtype=dtype)
    intake = Intake(source, targets, weights, None, dtype)
    if validation is None:
        return intake
    if isinstance(validation, Real):
        return _split(intake, float(validation), rng)
    held_out, Y_validation = validation_pair(validation, source.n, examples=examples)
    check_finite(held_out, "validation X")
    # What the training targets turned out to mean holds for the others too.
    common |= {"cost": targets.cost, "output_activation": targets.output_activation}
    others = encode_targets(
        Y_validation,
        m=held_out.m,
        n_x=held_out.n,
        argument="validation Y",
        classes=targets.classes,
        **common,
    )
    if others.n_y != targets.n_y:
        msg = f"validation Y has {others.n_y} outputs per example and Y has {targets.n_y}"
        raise ValueError(msg)
    return replace(intake, validation=(held_out, others.source))


def validation_pair(validation: Any, n: int, *, examples: str) -> tuple[Source, Any]:
    """The X of a pair (X, Y) as a source of n features, and Y as it is."""
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        msg = f"validation must be a fraction such as 0.1 or a pair (X, Y), got {describe(validation)}"
        raise TypeError(msg)
    X, Y = validation
    held_out = as_source(X, argument="validation X", examples=examples)
    check_features(held_out, n, argument="validation X", examples=examples)
    return held_out, Y


def dtype_name(dtype: Any) -> str:
    """Name of the working dtype, given as a name, a NumPy dtype or type, or that of a library."""
    name = getattr(dtype, "__name__", None) or str(dtype).rpartition(".")[2]
    if name not in ("float32", "float64"):
        raise unknown_name("dtype", dtype, ("float32", "float64"))
    return str(name)


def dtype_of(precision: Any, dtype: Any) -> str | None:
    """Name of the dtype that goes with a precision; that of `dtype`, or None, without one."""
    if precision is None:
        return None if dtype is None else dtype_name(dtype)
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    needed = "float64" if precision == "float64" else "float32"
    if dtype is not None and dtype_name(dtype) != needed:
        msg = (
            f"precision={precision!r} goes with dtype={needed!r}, got dtype={dtype_name(dtype)!r}. "
            "Leave one of them out"
        )
        raise ValueError(msg)
    return needed


def examples_held_out(fraction: float, m: int) -> int:
    """How many of m examples a fraction sets aside."""
    held_out = round(m * fraction) if 0.0 < fraction < 1.0 else 0
    if not 0 < held_out < m:
        raise ArgumentValueError(
            "validation",
            f"{fraction:g}, which leaves {held_out} of {m} examples to validate on",
            "a fraction of the examples such as 0.1",
        )
    return held_out


def _split(intake: Intake, fraction: float, rng: np.random.Generator) -> Intake:
    X, Y, weights, m = intake.X, intake.targets.source, intake.weights, intake.X.m
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
        weights = encode_weights(weights, m=last, dtype=intake.dtype)
    return replace(
        intake,
        X=part(X, training, 0, last),
        targets=replace(intake.targets, source=part(Y, training, 0, last)),
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
    with np.errstate(invalid="ignore", over="ignore"):
        (moments,) = engine.fold(
            lambda block: (block_moments(block),),
            lambda start, stop: (X.block(start, stop),),
            X.m,
            examples_of_a_block(X.n),
            combine=lambda left, right: (merge_moments(left[0], right[0]),),
            read_ahead=not X.in_memory,
        )
    if not (np.isfinite(moments.mean).all() and np.isfinite(moments.M2).all()):
        check_finite(X, "X")
        msg = "X holds values too large to be standardized in float64; scale it down first"
        raise ValueError(msg)
    return finalize_moments(moments)
