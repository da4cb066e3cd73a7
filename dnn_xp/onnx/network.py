"""The nodes of a model: standardization, layers, outputs. Examples are rows: X is (N, n_0).

A[l] of the graph is the transpose of A[l] of the formulas: ``A[l] = g[l](A[l-1] W[l]^T + b[l]^T)``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import listing
from dnn_xp.data.quantiles import scaled_by
from dnn_xp.data.targets.classes import plain_label
from dnn_xp.formulas.tabular import CLIP, RATIO_LIMIT
from dnn_xp.onnx.activations import ACTIVATIONS
from dnn_xp.onnx.encodings import encoded_numbers
from dnn_xp.onnx.graph import Graph

if TYPE_CHECKING:
    from dnn_xp.model.model import Model


def check_exportable(model: Model) -> None:
    """Raise ArgumentValueError for an activation whose nodes are not known."""
    unknown = [name for name in dict.fromkeys(model.activations) if name not in ACTIVATIONS]
    if unknown:
        raise ArgumentValueError(
            "model",
            f"the activation {listing(unknown)}",
            f"one of the activations {listing(ACTIVATIONS)}, whose ONNX operators are known",
            "add an entry for it to dnn_xp.onnx.ACTIVATIONS",
        )


def linear_outputs(
    graph: Graph, X: str | None, model: Model, dtype: str, codes: Sequence[str] = ()
) -> list[str]:
    """Z[L] (N, n_L) in the units of Y and the model's dtype; of each member of an ensemble.

    From X (N, n) of a dtype, None where there is none, and the codes (N, 1) of embedded columns:
    ``A[0] = [standardized X, E[1]^T[codes[1]], ..., what encodes numbers]``.
    """
    standardized = None if X is None else _standardized(graph, X, model, dtype, len(codes))
    unclipped = None
    if model.network.number_encoding is not None:
        assert X is not None
        unclipped = _standardized(graph, X, model, dtype, len(codes), clipped=False)
    names = (*model.activations[:-1], "identity")
    constant = graph.constant if model.network.ensemble is None else _shared_constants(graph)
    found: list[str] = []
    A0 = ""
    for member in model.members:
        if not A0 or model.network.rows_copies > 1:
            A0 = _first(graph, standardized, unclipped, member, codes, constant)
        found.append(
            _in_units_of_targets(graph, _of_layers(graph, A0, member, names, constant), model)
        )
    return found


def _first(
    graph: Graph,
    standardized: str | None,
    unclipped: str | None,
    model: Model,
    codes: Sequence[str],
    constant: Callable[[npt.NDArray[Any]], str],
) -> str:
    """A[0] (N, n_0) of a single network."""
    parts = [] if standardized is None else [standardized]
    for E, each in zip(model.embeddings.values(), codes, strict=True):
        table = np.ascontiguousarray(model.backend.to_host(E).T)
        taken = graph.node("Gather", constant(table), each)
        parts.append(graph.reshaped(taken, -1, table.shape[1]))
    if unclipped is not None:
        parts.append(encoded_numbers(graph, parts[0], unclipped, model))
    return parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=1)


def _of_layers(
    graph: Graph,
    A: str,
    model: Model,
    names: Sequence[str],
    constant: Callable[[npt.NDArray[Any]], str],
) -> str:
    """Z[L] (N, n_L) of a single network, from A[0]."""
    to_host = model.backend.to_host
    mixes = (*model.mixes, *([None] * (len(names) - len(model.mixes))))
    for (W, b), name, a in zip(model.parameters, names, mixes, strict=True):
        weights = constant(np.ascontiguousarray(to_host(W)))
        bias = constant(np.ascontiguousarray(to_host(b).reshape(-1)))
        Z = graph.node("Gemm", A, weights, bias, transB=1)
        A = ACTIVATIONS[name](graph, Z)
        if a is not None:
            share = constant(np.ascontiguousarray(to_host(a).reshape(-1)))
            A = graph.node("Add", Z, graph.node("Mul", share, graph.node("Sub", A, Z)))
    return A


def _shared_constants(graph: Graph) -> Callable[[npt.NDArray[Any]], str]:
    """`graph.constant` with equal arrays as one constant: those of layers that members share."""
    names: dict[tuple[tuple[int, ...], bytes], str] = {}

    def constant(values: npt.NDArray[Any]) -> str:
        key = values.shape, hashlib.sha256(values.data).digest()
        if key not in names:
            names[key] = graph.constant(values)
        return names[key]

    return constant


def _standardized(
    graph: Graph, X: str, model: Model, dtype: str, embedded: int, *, clipped: bool = True
) -> str:
    """(X - mean) / scale, without the last rows, which hold codes; not clipped unless `clipped`.

    In float64 where X has it, or where float32 has no room for the moments.
    """
    if model.standardization is not None:
        wide = "float32" if _fits_float32(model.standardization) else "float64"
        if dtype == "float32" and "float64" in (wide, model.dtype):
            X, dtype = graph.cast(X, "float64"), "float64"
        n = len(model.standardization[0]) - embedded
        moments = model.standardization[0][:n], model.standardization[1][:n]
        mean, scale = _rows(graph, moments, dtype)
        X = graph.node("Div", graph.node("Sub", X, mean), scale)
        if clipped and scaled_by(model.standardization) == "quantiles":
            X = _smoothly_clipped(graph, X, dtype)
    return X if dtype == model.dtype else graph.cast(X, model.dtype)


def _smoothly_clipped(graph: Graph, X: str, dtype: str) -> str:
    """``bound r / sqrt(1 + r^2)`` with ``r = X / bound``, kept from overflowing."""
    number = {
        each: graph.constant(np.asarray(each, dtype=dtype))
        for each in (1.0 / CLIP, RATIO_LIMIT, -RATIO_LIMIT, CLIP, 1.0)
    }
    r = graph.node("Mul", X, number[1.0 / CLIP])
    r = graph.node("Min", graph.node("Max", r, number[-RATIO_LIMIT]), number[RATIO_LIMIT])
    root = graph.node("Sqrt", graph.node("Add", graph.node("Mul", r, r), number[1.0]))
    return graph.node("Div", graph.node("Mul", r, number[CLIP]), root)


def _in_units_of_targets(graph: Graph, Z: str, model: Model) -> str:
    """Z scale + mean where Y was standardized."""
    if model.target_standardization is None:
        return Z
    fits = _fits_float32(model.target_standardization)
    dtype = model.dtype if fits else "float64"
    if dtype != model.dtype:
        Z = graph.cast(Z, dtype)
    mean, scale = _rows(graph, model.target_standardization, dtype)
    Z = graph.node("Add", graph.node("Mul", Z, scale), mean)
    return Z if dtype == model.dtype else graph.cast(Z, model.dtype)


def _clamped(graph: Graph, Z: str, model: Model) -> str:
    """Z within the lowest and the highest target: Clip takes one bound for all outputs, Max and Min do not."""
    if model.target_range is None:
        return Z
    low, high = _rows(graph, model.target_range, model.dtype)
    return graph.node("Min", graph.node("Max", Z, low), high)


def _rows(
    graph: Graph, moments: tuple[npt.NDArray[Any], npt.NDArray[Any]], dtype: str
) -> tuple[str, str]:
    mean, scale = (graph.constant(each.reshape(-1).astype(dtype)) for each in moments)
    return mean, scale


def _fits_float32(moments: Sequence[Any]) -> bool:
    """Whether float32 holds every mean and scale."""
    mean, scale = moments[:2]
    limits = np.finfo(np.float32)
    largest = max(np.abs(mean).max(), scale.max())
    return bool(largest <= limits.max and scale.min() >= limits.tiny)


def outputs(
    graph: Graph, Z: Sequence[str], model: Model, *, classes: npt.NDArray[Any] | None = None
) -> dict[str, str]:
    """The values that a model answers with, by the names of the outputs.

    A regression has "prediction", (N,) or (N, n_L) as `Model.predict` with examples as rows. The
    others have "label", (N,), or 0 and 1 (N, n_L) of several labels; and "probabilities", (N, K),
    one column for each class, of two classes too. `classes` are labels to answer with in place of
    those of `label_array`. Z are those of all members of an ensemble, which answers by the mean.
    """
    A = [ACTIVATIONS[model.activations[-1]](graph, each) for each in Z]
    if len(Z) > 1:
        # onnxruntime has no Mean of float64.
        mean = graph.node("Mul", graph.node("Sum", *A), graph.scalar(1.0 / len(A)))
        return _answers(graph, mean, mean, 0.5, model, classes)
    return _answers(graph, A[0], Z[0], 0.0, model, classes)


def _answers(
    graph: Graph,
    A: str,
    scores: str,
    threshold: float,
    model: Model,
    classes: npt.NDArray[Any] | None,
) -> dict[str, str]:
    """The values of `outputs` from A[L], and labels from scores: the highest, or those above a threshold."""
    if model.kind == "regression":
        A = _clamped(graph, A, model)
        return {"prediction": graph.reshaped(A, -1) if model.flat_targets else A}
    classes = label_array(model) if classes is None else classes
    if model.kind == "multiclass":
        codes = graph.node("ArgMax", scores, axis=1, keepdims=0)
        return {"label": _labels(graph, codes, classes), "probabilities": A}
    positive = graph.cast(graph.node("Greater", scores, graph.scalar(threshold)), "int64")
    if model.kind == "multilabel":
        return {"label": positive, "probabilities": A}
    both = graph.node("Concat", graph.node("Sub", graph.scalar(1.0), A), A, axis=1)
    codes = graph.reshaped(positive, -1)
    return {"label": _labels(graph, codes, classes), "probabilities": both}


def _labels(graph: Graph, codes: str, classes: npt.NDArray[Any]) -> str:
    return graph.node("Gather", graph.constant(classes), codes)


def label_array(model: Model) -> npt.NDArray[Any]:
    """The classes in a dtype that ONNX has: strings as objects, int64, bool, or floats.

    Raises
    ------
    ArgumentValueError
        For bytes that are no UTF-8, and for integers beyond int64.
    """
    classes = model.classes
    if classes is None:
        return np.arange(max(model.sizes[-1], 2), dtype=np.int64)
    wanted, remedy = "labels of text, bool, floats or int64", "train on other labels"
    try:
        if classes.dtype.kind in "SU":
            return np.asarray([plain_label(each) for each in classes.tolist()], dtype=object)
        if classes.dtype.kind in "iu":
            return np.asarray(classes.tolist(), dtype=np.int64)
    except UnicodeDecodeError:
        raise ArgumentValueError("model", "classes of bytes", wanted, remedy) from None
    except OverflowError:
        got = f"classes as large as {classes.max()}"
        raise ArgumentValueError("model", got, wanted, remedy) from None
    return classes if classes.dtype in (np.bool_, np.float32) else classes.astype(np.float64)
