"""What all libraries' networks have in common: layers, activations, and what the outputs mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dnn_xp.backends.choice import backend_named
from dnn_xp.common.errors import Argument, ArgumentValueError
from dnn_xp.common.messages import describe, listing
from dnn_xp.data.encoding import TableEncoder
from dnn_xp.formulas.activations import ACTIVATIONS
from dnn_xp.formulas.costs import COSTS
from dnn_xp.formulas.network import Network

if TYPE_CHECKING:
    from dnn_xp.model.model import Model

Layers = list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]
Moments = tuple[npt.NDArray[Any], npt.NDArray[Any]]

# The cost that belongs to an output activation; squared_error to any other.
COST_OF = {
    "sigmoid": "binary_cross_entropy",
    "softmax": "softmax_cross_entropy",
    "exp": "poisson",
}


def layers_of(model: Model) -> Layers:
    """[(W[l], b[l])] on the host, with the standardization of Y in the last layer.

    ``(W A + b) scale + mean = (W scale) A + (b scale + mean)``, computed in float64.
    """
    if model.network.ensemble is not None:
        raise ArgumentValueError(
            "model",
            f"an ensemble of {model.network.members} networks",
            "a single network",
            "convert each of model.members, and take the mean of their probabilities or values",
        )
    to_host = model.backend.to_host
    layers = [(np.array(to_host(W)), np.array(to_host(b))) for W, b in model.parameters]
    if model.target_standardization is not None:
        mean, scale = model.target_standardization
        W, b = layers[-1]
        layers[-1] = ((W * scale).astype(W.dtype), (b * scale + mean).astype(b.dtype))
    return layers


def refuse_columns(model: Model, library: str) -> None:
    """Raise ArgumentValueError for a model of a table that is not all numbers, or that encodes them."""
    if (encoding := model.network.number_encoding) is not None:
        raise ArgumentValueError(
            "model",
            ("one with ", Argument("number_encoding", encoding.kind)),
            f"a model without, since networks of {library} do not encode numbers",
            "use to_onnx, whose graph encodes them",
        )
    if model.encoder is not None and not model.encoder.plain:
        raise ArgumentValueError(
            "model",
            f"one of a table with the columns {listing(model.encoder.names_in)}",
            f"a model of numbers, since networks of {library} do not encode columns",
            "use to_onnx, whose graph encodes them",
        )


def fields_of_network(
    layers: Layers,
    activations: Sequence[str],
    *,
    kind: str,
    classes: Any = None,
    flat_targets: bool = True,
    standardization: Moments | None = None,
    encoder: TableEncoder | None = None,
    mixes: Sequence[npt.NDArray[Any]] = (),
    target_range: Moments | None = None,
    made_by: str,
) -> dict[str, Any]:
    """The arguments of a Model on the CPU, from checked layers (n_l, n_{l-1}) and (n_l, 1).

    `mixes` are the a[l] (n_l, 1) of the hidden layers, or none.
    """
    sizes = (layers[0][0].shape[1], *(W.shape[0] for W, _ in layers))
    settings: dict[str, Any] = {"made_by": made_by}
    if encoder is not None:
        settings["feature_names"] = list(encoder.names_in)
    return {
        "theta": np.concatenate([each.reshape(-1) for layer in (*layers, mixes) for each in layer]),
        "network": Network(
            sizes,
            tuple(ACTIVATIONS[name] for name in activations),
            COSTS[COST_OF.get(activations[-1], "squared_error")],
            parametric=bool(mixes),
        ),
        "backend": backend_named("numpy"),
        "kind": kind,
        "classes": _checked_classes(classes, kind, sizes[-1]),
        "flat_targets": flat_targets,
        "standardization": standardization,
        "settings": settings,
        "encoder": encoder,
        "target_range": target_range,
    }


def _checked_classes(classes: Any, kind: str, n: int) -> npt.NDArray[Any] | None:
    """Labels of the outputs: 0, 1, ... where none are given; None where there are no classes."""
    if kind in ("regression", "multilabel"):
        if classes is None:
            return None
        got = f"{describe(classes)} with outputs of kind {kind!r}"
        raise ArgumentValueError("classes", got, "left out unless each example has one class")
    wanted = 2 if kind == "binary" else n
    labels: npt.NDArray[Any] = np.array(range(wanted) if classes is None else classes)
    if labels.dtype.kind == "O":  # text, as pandas holds it
        labels = np.asarray(labels.tolist())
    if labels.shape != (wanted,) or labels.dtype.kind not in "biufSU":
        raise ArgumentValueError(
            "classes", describe(labels), f"{wanted} labels, one for each class"
        )
    return labels
