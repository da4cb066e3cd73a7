"""The class of each example, and weights of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.checks import check_choice, check_float
from dnn_xp.common.errors import Argument, ArgumentTypeError, ArgumentValueError, Pass, Text
from dnn_xp.common.messages import describe, listing
from dnn_xp.data.finite import reading_ranges
from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import Source
from dnn_xp.data.sources.labels import LabelSource, code_dtype
from dnn_xp.data.targets.kinds import Targets

Codes = npt.NDArray[np.signedinteger[Any]]
# "balanced", or pairs (label, weight)
ClassWeight = str | tuple[tuple[Any, float], ...]

_WANTED = "'balanced' or a mapping from each label to its weight"
_COUNTED_AT_ONCE = 1 << 20


def has_classes(targets: Targets) -> bool:
    """Whether each example has one class: not values, several labels at once, or probabilities."""
    return targets.classes is not None and targets.counts is not None


def class_codes(source: Source, n_classes: int) -> Codes:
    """The class of each example (m,), 0 to K - 1, from targets (1, m) of 0 and 1 or one-hot (K, m)."""
    if isinstance(source, LabelSource) and isinstance(source.codes, np.ndarray):
        return source.codes
    codes = np.empty(source.m, dtype=code_dtype(n_classes))
    for start, stop in reading_ranges(source):
        block = to_host(source.block(start, stop))
        codes[start:stop] = block[0] if source.n == 1 else block.argmax(axis=0)
    return codes


def count_classes(codes: Codes, n_classes: int) -> npt.NDArray[np.int64]:
    """Examples of each class (K,)."""
    counts = np.zeros(n_classes, dtype=np.int64)
    # In parts, because bincount converts its input to int64.
    for start in range(0, len(codes), _COUNTED_AT_ONCE):
        counts += np.bincount(codes[start : start + _COUNTED_AT_ONCE], minlength=n_classes)
    return counts


def plain_label(label: Any) -> Any:
    """A label as Python's str, bool, int or float."""
    label = label.item() if isinstance(label, np.generic) else label
    return label.decode("utf-8") if isinstance(label, bytes) else label


def check_class_weight(name: str, value: Any) -> ClassWeight | None:
    """None, "balanced", or the pairs (label, weight) of a mapping, in one order.

    Examples
    --------
    >>> check_class_weight("class_weight", {"up": 2, "down": 1})
    (('down', 1.0), ('up', 2.0))
    """
    if value is None or isinstance(value, str):
        return None if value is None else str(check_choice(name, value, ("balanced",)))
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, Sequence) and all(
        isinstance(each, (list, tuple)) and len(each) == 2 for each in value
    ):
        pairs = list(value)
    else:
        raise ArgumentTypeError(name, describe(value), _WANTED, "such as {0: 1.0, 1: 5.0}")
    if not pairs:
        raise ArgumentValueError(name, describe(value), _WANTED, "such as {0: 1.0, 1: 5.0}")
    checked = []
    for label, weight in pairs:
        label = plain_label(label)
        if not isinstance(label, (str, bool, int, float)):
            raise ArgumentTypeError(name, f"the label {describe(label)}", "of labels, as in Y")
        checked.append((label, check_float(f"{name}[{label!r}]", weight, at_least=0.0)))
    return tuple(sorted(checked, key=lambda pair: (type(pair[0]).__name__, str(pair[0]))))


def weights_of_classes(
    class_weight: ClassWeight, classes: npt.NDArray[Any], counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The weight of each class (K,).

    "balanced" is ``w_k = m / (K count_k)`` over the K classes that have examples, 0 for the others.

    Parameters
    ----------
    class_weight : "balanced" or tuple of (label, weight)
        As `check_class_weight` returns it.
    classes : array of labels (K,)
        The classes.
    counts : array of int (K,)
        Examples of each.

    Raises
    ------
    ArgumentValueError
        For labels that are no class, classes without a weight, and weights that are all 0.

    References
    ----------
    G. King, L. Zeng: Logistic Regression in Rare Events Data, Political Analysis 9 (2001), as
    :func:`sklearn.utils.class_weight.compute_class_weight` has it.

    Examples
    --------
    >>> weights_of_classes("balanced", np.asarray(["no", "yes"]), np.asarray([9, 1]))
    array([0.55555556, 5.        ])
    """
    present = counts > 0
    weights = np.zeros(len(counts))
    if isinstance(class_weight, str):
        weights[present] = counts.sum() / (np.count_nonzero(present) * counts[present])
        return weights
    given = dict(class_weight)
    labels = [plain_label(label) for label in classes.tolist()]
    unknown = [label for label in given if label not in labels]
    missing = [label for label in labels if label not in given]
    if unknown or missing:
        wrong = [f"the unknown labels {listing(unknown)}"] if unknown else []
        wrong += [f"no weight for {listing(missing)}"] if missing else []
        wanted = f"one weight for each of the classes {listing(labels)}"
        raise ArgumentValueError("class_weight", " and ".join(wrong), wanted)
    weights[:] = [given[label] for label in labels]
    if not weights[present].any():
        wanted = "weights of which at least one is above 0"
        raise ArgumentValueError("class_weight", "0 for all classes of Y", wanted)
    return weights


def check_weighable(targets: Targets, class_weight: ClassWeight | None) -> None:
    """Raise ArgumentValueError where classes are to be weighted and the examples have none."""
    if class_weight is None or has_classes(targets):
        return
    several = targets.kind == "multilabel"
    seen = "several labels per example" if several else "values or probabilities"
    way: Text = ("weight examples with ", Argument("sample_weight"))
    if not several and targets.n_y == 1:
        way = ("for labels ", Pass("cost", "softmax_cross_entropy"), "; otherwise ", *way)
    got = repr(class_weight) if isinstance(class_weight, str) else "a mapping"
    raise ArgumentValueError(
        "class_weight",
        f"{got} with a Y of {seen}",
        "left out unless each example has one class",
        way,
    )


def said_of_weights(
    class_weight: ClassWeight, classes: npt.NDArray[Any], weights: npt.NDArray[np.float64]
) -> str:
    """`balanced (0: 0.5, 1: 5)`, the weights as they were used."""
    each = [f"{label}: {weight:.4g}" for label, weight in zip(classes, weights, strict=True)]
    shown = ", ".join(each[:10]) + (f", ... ({len(each)} in all)" if len(each) > 10 else "")
    return f"balanced ({shown})" if isinstance(class_weight, str) else shown


class WeightedSource:
    """The weight of each example (1, m): that of its class, times its own."""

    in_memory = True
    dtype: np.dtype[Any] = np.dtype(np.float64)
    n = 1

    def __init__(
        self, codes: Codes, weights: npt.NDArray[np.float64], own: Source | None = None
    ) -> None:
        self._codes, self._weights, self._own = codes, weights, own
        self.m = len(codes)

    def block(self, start: int, stop: int) -> npt.NDArray[np.float64]:
        """Weights of examples start to stop - 1: (1, stop - start)."""
        own = None if self._own is None else self._own.block(start, stop)
        return self._product(self._codes[start:stop], own)

    def gather(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Weights of the examples at these positions: (1, len(indices))."""
        own = None if self._own is None else self._own.gather(indices)
        return self._product(self._codes[indices], own)

    def _product(self, codes: Codes, own: Any) -> npt.NDArray[np.float64]:
        weights: npt.NDArray[np.float64] = self._weights[codes][None, :]
        return weights if own is None else weights * to_host(own).astype(np.float64)
