"""Checks and splits what train is given, and places it on the device."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dnn_xp.backends.choice import level_of_user
from dnn_xp.backends.record import Backend
from dnn_xp.common.errors import Argument, ArgumentValueError
from dnn_xp.common.messages import counted
from dnn_xp.data.agreement import check_features, check_same_library
from dnn_xp.data.encoding import TableEncoder
from dnn_xp.data.finite import (
    VALUES_OF_A_BLOCK,
    check_finite,
    examples_of_a_block,
    reading_ranges,
)
from dnn_xp.data.given import Given, take_given
from dnn_xp.data.host import to_host, working_dtype
from dnn_xp.data.quantiles import (
    Binned,
    Sample,
    bin_edges,
    quantiles,
    sample_of,
    scaled_by,
)
from dnn_xp.data.sources.base import Source
from dnn_xp.data.sources.subset import with_contiguous_examples
from dnn_xp.data.splits import (
    Split,
    SplitWarning,
    choose_split,
    classes_missing,
    group_codes,
    said_of_missing,
)
from dnn_xp.data.standardize import Moments, block_moments, finalize_moments, merge_moments
from dnn_xp.data.targets.classes import (
    ClassWeight,
    Codes,
    WeightedSource,
    check_weighable,
    class_codes,
    count_classes,
    has_classes,
    said_of_weights,
    weights_of_classes,
)
from dnn_xp.data.targets.kinds import Targets, encode_targets
from dnn_xp.data.targets.notes import warn_of_ambiguous_targets
from dnn_xp.data.targets.weights import encode_weights, weight_source
from dnn_xp.execution.engine import Engine, block_ranges
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.placement import held_bytes, place, source_bytes, stored_bytes
from dnn_xp.execution.scaling import ScaleOfX
from dnn_xp.formulas.number_encodings import NumberEncoding
from dnn_xp.model.model import Model
from dnn_xp.training.specification import Problem

Standardization = tuple[np.ndarray, np.ndarray]
# Values of a block of the pass that takes the mean of Y, which may come with weights.
VALUES_OF_TARGETS = 1 << 16


@dataclass(frozen=True, slots=True)
class Prepared:
    """Checked and split examples, before they are placed on the device.

    Attributes
    ----------
    X : Source
        Training examples.
    targets : Targets
        What Y means, with the source of the training targets.
    weights : Source or None
        Weights of the examples, of mean 1.
    validation : pair of Source, or None
        X and Y to validate on.
    dtype : str
        "float32" or "float64".
    copied_bytes : int
        What was copied to split off the validation examples.
    flat_targets : bool
        Whether Y was one-dimensional.
    notes : dict
        What was decided of validation and class weights, for the settings of the model.
    given : Given or None
        What came, with the encoding of a table.
    validation_weights : Source or None
        Weights of the examples to validate on, of mean 1.
    """

    X: Source
    targets: Targets
    weights: Source | None
    validation: tuple[Source, Source] | None
    dtype: str
    copied_bytes: int = 0
    flat_targets: bool = True
    notes: dict[str, str] = field(default_factory=dict)
    given: Given | None = None
    validation_weights: Source | None = None

    @property
    def encoder(self) -> TableEncoder | None:
        """How the table X was encoded; None for arrays."""
        return None if self.given is None else self.given.encoder

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
        X = with_contiguous_examples(self.X) if for_batches else self.X
        weights = None if self.weights is None else place(self.weights, backend)
        training = Examples(place(X, backend), place(self.targets.source, backend), weights)
        if self.validation is None:
            return training, None
        X, Y = (place(source, backend) for source in self.validation)
        weights = self.validation_weights
        return training, Examples(X, Y, None if weights is None else place(weights, backend))


def given_as_asked(X: Any, Y: Any, asked: Problem, model: Model | None) -> Given:
    """X and Y as a specification reads them: by a model's encoder, or by one that is learned from X."""
    return take_given(
        X,
        Y,
        examples=asked.examples,
        encoder=None if model is None else model.encoder,
        learn=model is None,
        missing=asked.missing,
        embedding=asked.embedding,
        target="" if model is None else model.target_name,
    )


def prepare(
    X: Any,
    Y: Any,
    asked: Problem,
    *,
    dtype: str | None,
    sample_weight: Any,
    validation: Any = None,
    last: bool = False,
    groups: Any = None,
    model: Model | None = None,
    rng: np.random.Generator,
) -> Prepared:
    """Check X, Y and weights, and split off the validation examples; X is not checked for NaN yet.

    `validation` is a fraction or a pair (X, Y); of a fraction, `last` and `groups` say which
    examples. `model` brings cost, classes and number of features. X and Y may be a Given and Targets,
    which were read before.
    """
    given = given_as_asked(X, Y, asked, model)
    source, Y, examples = given.X, given.Y, given.examples
    if model is not None:
        check_features(source, model.network.n_x, examples=examples)
    check_same_library(X, Y)
    dtype = dtype or dtype_of(given)
    common: dict[str, Any] = {
        "examples": examples,
        "cost": asked.cost if model is None else model.cost,
        "output_activation": asked.output_activation if model is None else model.activations[-1],
        "dtype": dtype,
    }
    classes = None if model is None else model.classes
    targets = _targets(Y, m=source.m, n_x=source.n, classes=classes, **common)
    if model is None and asked.cost is None and asked.output_activation is None:
        warn_of_ambiguous_targets(targets)
    check_weighable(targets, asked.class_weight)
    weights = weight_source(sample_weight, m=source.m)
    flat = targets.n_y == 1 and _is_flat(Y)
    prepared = Prepared(source, targets, weights, None, dtype, flat_targets=flat, given=given)
    if isinstance(validation, float):
        classes = targets.classes if has_classes(targets) else None
        codes = None if classes is None else class_codes(targets.source, len(classes))
        split = choose_split(
            source.m,
            examples_held_out(validation, source.m),
            rng,
            last=last or not (source.in_memory and targets.source.in_memory),
            codes=codes,
            groups=None if groups is None else group_codes(groups, m=source.m),
        )
        if split.held_out == 0:
            raise ArgumentValueError(
                "validation",
                f"{validation:g}, which holds out no example: every class has only one",
                "of classes with two or more examples",
                "pass examples of your own to validate on, validation=(X, Y)",
            )
        prepared = _set_aside(prepared, split, codes)
    elif validation is not None:
        prepared = _with_pair(prepared, validation, asked, common)
    return _weighted(prepared, asked.class_weight)


def _targets(Y: Any, **how: Any) -> Targets:
    """Y encoded, unless it is already."""
    return Y if isinstance(Y, Targets) else encode_targets(Y, **how)


def _weighted(prepared: Prepared, class_weight: ClassWeight | None) -> Prepared:
    """The weights of the training examples, scaled to a mean of 1: their own times their class's."""
    targets, weights, notes = prepared.targets, prepared.weights, prepared.notes
    argument = "sample_weight"
    if class_weight is not None:
        assert targets.classes is not None
        codes = class_codes(targets.source, len(targets.classes))
        counts = count_classes(codes, len(targets.classes))
        of_classes = weights_of_classes(class_weight, targets.classes, counts)
        weights, argument = WeightedSource(codes, of_classes, weights), "class_weight"
        notes = notes | {"class_weight": said_of_weights(class_weight, targets.classes, of_classes)}
    m, dtype = prepared.X.m, prepared.dtype
    weights = encode_weights(weights, m=m, argument=argument, dtype=dtype)
    return replace(prepared, weights=weights, notes=notes)


def _set_aside(prepared: Prepared, split: Split, codes: Codes | None) -> Prepared:
    """The examples of a split, those to train on being the others."""
    X, Y, weights, copied = prepared.X, prepared.targets.source, prepared.weights, 0
    if split.testing is not None or (X.in_memory and Y.in_memory):
        copied = source_bytes(X) + stored_bytes(Y)
        # Check before the split, while positions are those of the user's X.
        check_finite(X, "X")
    else:
        # The pass that may standardize X checks the training part.
        blocks = block_ranges(split.held_out, examples_of_a_block(X.n))
        first = split.first
        check_finite(X, "X", blocks=[(first + start, first + stop) for start, stop in blocks])
    said = split.said
    if codes is not None:
        classes = prepared.targets.classes
        assert classes is not None
        testing = count_classes(codes[split.chosen], len(classes))
        training = count_classes(codes, len(classes)) - testing
        said = _tell_missing(said, classes, training, testing)
    training_X, testing_X = split.parts(X)
    training_Y, testing_Y = split.parts(Y)
    return replace(
        prepared,
        X=training_X,
        targets=replace(prepared.targets, source=training_Y),
        weights=None if weights is None else split.parts(weights)[0],
        validation=(testing_X, testing_Y),
        copied_bytes=copied,
        notes={"validation": said},
    )


def _tell_missing(said: str, classes: np.ndarray, training: np.ndarray, testing: np.ndarray) -> str:
    """The note on a split and the classes that are on one side only; warn of untrained ones."""
    untrained, untested = classes_missing(classes, training, testing)
    if untrained:
        warnings.warn(SplitWarning(untrained, said), stacklevel=level_of_user())
    return said + said_of_missing(untrained, untested)


def _with_pair(
    prepared: Prepared, validation: Any, asked: Problem, common: dict[str, Any]
) -> Prepared:
    """With the given pair (X, Y) as validation examples."""
    targets, given = prepared.targets, prepared.given
    assert given is not None
    others_given = validation_given(validation[0], validation[1], given, examples=asked.examples)
    held_out = others_given.X
    check_finite(held_out, "validation X")
    # Validation targets are encoded as the training targets are.
    common |= {"cost": targets.cost, "output_activation": targets.output_activation}
    others = _targets(
        others_given.Y,
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
    said = f"{counted(held_out.m, 'example')} given"
    if targets.classes is not None and targets.counts is not None and others.counts is not None:
        said = _tell_missing(said, targets.classes, targets.counts, others.counts)
    return replace(prepared, validation=(held_out, others.source), notes={"validation": said})


def validation_given(X: Any, Y: Any, given: Given, *, examples: str | None) -> Given:
    """Examples to validate on, of the features of the training examples."""
    held_out = take_given(
        X,
        Y,
        examples=examples,
        encoder=given.encoder,
        target=given.target,
        argument="validation X",
    )
    check_features(held_out.X, given.X.n, argument="validation X", examples=held_out.examples)
    return held_out


def dtype_of(given: Given) -> str:
    """The working dtype: that of the columns of a table, or of the array."""
    if given.encoder is None or given.encoder.plain:
        return working_dtype(given.X.dtype)
    return given.encoder.working


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
    if isinstance(Y, Targets):
        return True
    if hasattr(Y, "shape"):
        return len(Y.shape) == 1
    return not (isinstance(Y, (list, tuple)) and len(Y) > 0 and np.ndim(Y[0]) > 0)


def finite_or_standardized(
    X: Source,
    engine: Engine,
    *,
    standardize: bool,
    by: str = "moments",
    encoder: TableEncoder | None = None,
    encoding: NumberEncoding | None = None,
) -> ScaleOfX | None:
    """Check X for NaN and infinity; with `standardize` the same pass gives mean and scale (n_0, 1).

    Features that an encoder made 0 or 1 keep the scale 1: divided by its standard deviation, a rare
    category would be far from all others. Codes of embedded categories stay as they are. Quantiles
    scale all other features, and are clipped. A piecewise `encoding` gets its bins, from the sample of
    the quantiles, for which moments take one more pass.
    """
    if not standardize:
        by = "none"
    if by == "moments":
        moments = source_moments(X, None, engine, values=VALUES_OF_A_BLOCK)
        found = standardization_from(moments, X, encoder)
        return found if encoding is None else binned(found, sample_of(X), encoding)
    if by == "none" and encoding is None:
        check_finite(X, "X")
        return None
    sample = sample_of(X)
    codes = 0 if encoder is None else len(encoder.embedded)
    by_quantiles = quantiles(sample, codes=codes) if by == "quantiles" else None
    return by_quantiles if encoding is None else binned(by_quantiles, sample, encoding)


def binned(
    standardization: Standardization | None, sample: Sample, encoding: NumberEncoding
) -> Binned:
    """A standardization, or none, with the bins of a piecewise encoding."""
    n = len(sample.lows)
    mean, scale = standardization or (np.zeros((n, 1)), np.ones((n, 1)))
    features = [j for start, stop in encoding.rows for j in range(start, stop)]
    edges = bin_edges(sample, features, encoding.outputs)
    edges = (edges - mean[features]) / scale[features]
    return Binned(mean, scale, edges, scaled_by(standardization))


def standardization_from(
    moments: Moments, X: Source, encoder: TableEncoder | None = None
) -> Standardization:
    """Mean and scale of X by its moments; where these are not finite, the error says where X is not."""
    if not _are_finite(moments):
        check_finite(X, "X")
        raise _too_large("X")
    mean, scale = finalize_moments(moments)
    if encoder is None:
        return mean, scale
    codes = len(encoder.embedded)
    if codes:
        mean[-codes:] = 0.0
    return mean, np.where(encoder.one_hot[:, None], 1.0, scale)


def standardized_targets(Y: Source, weights: Source | None, engine: Engine) -> Standardization:
    """Mean and scale of the targets, (n_L, 1) each; weighted as the examples are."""
    moments = source_moments(Y, weights, engine)
    if not _are_finite(moments):
        raise _too_large("Y")
    return finalize_moments(moments)


def target_range(Y: Source) -> Standardization:
    """The lowest and the highest value of each output, (n_L, 1) each, in one pass over blocks."""
    lows, highs = [], []
    for start, stop in reading_ranges(Y):
        block = np.asarray(to_host(Y.block(start, stop)), dtype=np.float64)
        lows.append(block.min(axis=1, keepdims=True))
        highs.append(block.max(axis=1, keepdims=True))
    return np.min(lows, axis=0), np.max(highs, axis=0)


def _too_large(argument: str) -> ArgumentValueError:
    got, wanted = (
        "values too large to be standardized in float64",
        "of a scale whose squares float64 holds",
    )
    return ArgumentValueError(argument, got, wanted, "scale it down first")


def source_moments(
    source: Source, weights: Source | None, engine: Engine, *, values: int = VALUES_OF_TARGETS
) -> Moments:
    """The moments of all examples, weighted or not, in one pass over blocks of about `values` values."""

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
