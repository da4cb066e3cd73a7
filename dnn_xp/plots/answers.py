"""Examples with a model's answers, as NumPy arrays on the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import Argument, ArgumentValueError
from dnn_xp.common.messages import listing
from dnn_xp.data.host import to_host
from dnn_xp.data.targets.classes import class_codes
from dnn_xp.formulas.number_encodings import encoded_rows
from dnn_xp.model.model import Model, given_for, targets_for

Values = npt.NDArray[np.float64]


class Answers(NamedTuple):
    """What was wanted and what a model says.

    Attributes
    ----------
    Y : array (n_L, m)
        Values, or 0 and 1 for each label; of classes, their codes (1, m).
    A : array (n_L, m)
        The outputs: values or probabilities.
    codes : array (m,)
        Of classes: the predicted ones.
    """

    Y: Values
    A: Values
    codes: npt.NDArray[np.int64]


def check_kind(model: Model, kinds: Sequence[str], remedy: str) -> None:
    """Raise where the model is of another kind than those that a picture is for."""
    if model.kind not in kinds:
        raise ArgumentValueError(
            "model",
            (f"a {model.kind} model, with ", Argument("cost", model.cost)),
            f"of kind {' or '.join(repr(each) for each in kinds)}",
            remedy,
        )


def answers_of(model: Model, X: Any, Y: Any, examples: str | None) -> Answers:
    """Y as the model's network is trained on it, and its outputs for X.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        For what `Model.evaluate` refuses.
    """
    given = given_for(model, X, Y, examples)
    Z = np.asarray(to_host(model.decision_function(X, examples=examples)), dtype=np.float64)
    Z = Z.T if given.examples == "rows" else Z
    targets, _ = targets_for(model, given)
    A = np.asarray(model.network.activations[-1].forward(Z, xp=np))
    codes = Z.argmax(axis=0) if len(Z) > 1 else (Z[0] > 0).astype(np.int64)
    if model.kind in ("binary", "multiclass"):
        wanted: Any = class_codes(targets, len(labels_of(model)))[np.newaxis]
    else:
        wanted = to_host(targets.block(0, targets.m))
    return Answers(np.asarray(wanted, dtype=np.float64), A, codes)


def labels_of(model: Model) -> tuple[str, ...]:
    """Names of the classes, labels or values that the outputs stand for."""
    if model.kind in ("binary", "multiclass"):
        classes = [0, 1] if model.classes is None else model.classes
        return tuple(str(each) for each in classes)
    names = model.settings.get("target_names") or ()
    count = model.sizes[-1]
    return tuple(map(str, names)) if len(names) == count else _numbered("Y", count)


def features_of(model: Model) -> tuple[str, ...]:
    """Names of the features as the first layer gets them; x0, x1, ... where there are none.

    What an encoding of numbers makes besides has no names of its own.
    """
    names = () if model.encoder is None else model.encoder.names_out
    names = names or tuple(model.settings.get("feature_names") or ())
    if model.network.embeddings and model.encoder is not None:
        # The first layer gets several features of an embedded column, which come last.
        embedded = zip(model.encoder.embedded, model.network.embeddings, strict=True)
        names = (
            *names[: -len(model.network.embeddings)],
            *(f"{name}[{row}]" for name, (_, d) in embedded for row in range(d)),
        )
    count = model.sizes[0] - encoded_rows(model.network.number_encoding)
    return tuple(names) if len(names) == count else _numbered("x", count)


def _numbered(letter: str, count: int) -> tuple[str, ...]:
    return tuple(f"{letter}{place}" for place in range(count))


def spread(m: int, limit: int) -> npt.NDArray[np.int64]:
    """At most `limit` of m positions, evenly spread.

    >>> spread(10, 3).tolist(), spread(2, 3).tolist()
    ([0, 4, 9], [0, 1])
    """
    return np.linspace(0, m - 1, min(m, limit)).astype(np.int64)


def check_places(model: Model, features: Sequence[int | str]) -> tuple[int, int]:
    """Two different features, by number or name, as numbers."""
    names = features_of(model)
    places = [names.index(each) if each in names else each for each in features]
    if len(places) != 2 or places[0] == places[1]:
        raise ArgumentValueError("features", repr(tuple(features)), "two different features")
    for each in places:
        if isinstance(each, bool) or not isinstance(each, int) or not 0 <= each < len(names):
            wanted = f"names or numbers of the model's features {listing(names)}"
            raise ArgumentValueError("features", repr(each), wanted)
    return int(places[0]), int(places[1])
