"""MLPClassifier and MLPRegressor of scikit-learn as models, and models as these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe, listing, optional_package
from dnn_xp.data.column_codes import NumberCode
from dnn_xp.data.encoding import TableEncoder
from dnn_xp.data.quantiles import Quantiles
from dnn_xp.interop.networks import Layers, Moments, fields_of_network, layers_of, refuse_columns

if TYPE_CHECKING:
    from dnn_xp.model.model import Model

# scikit-learn's names of the activations of hidden layers.
_HIDDEN = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
_OUTPUT = {"identity": "identity", "logistic": "sigmoid", "softmax": "softmax", "exp": "exp"}
_WANTED = (
    "a fitted MLPClassifier or MLPRegressor, or a Pipeline of a StandardScaler and one of these"
)


def _sklearn(module: str) -> Any:
    return optional_package(f"sklearn.{module}", purpose="Its networks", extra="sklearn")


def fields_of_estimator(estimator: Any) -> dict[str, Any]:
    """The arguments of a Model; see `Model.from_sklearn`."""
    networks = _sklearn("neural_network")
    steps = [each for _, each in getattr(estimator, "steps", [("", estimator)])]
    *before, network = [each for each in steps if each not in (None, "passthrough")] or [estimator]
    if not isinstance(network, (networks.MLPClassifier, networks.MLPRegressor)):
        raise ArgumentTypeError("estimator", describe(estimator), _WANTED)
    scaler = _sklearn("preprocessing").StandardScaler
    if len(before) > 1 or not all(isinstance(each, scaler) for each in before):
        names = [type(each).__name__ for each in (*before, network)]
        raise ArgumentTypeError("estimator", f"a Pipeline of {listing(names)}", _WANTED)
    if not hasattr(network, "coefs_"):
        raise ArgumentValueError("estimator", f"{network}, which is not fitted", _WANTED)
    layers = [
        (np.ascontiguousarray(W.T), b.reshape(-1, 1).astype(W.dtype))
        for W, b in zip(network.coefs_, network.intercepts_, strict=True)
    ]
    hidden = [_HIDDEN[network.activation]] * (len(layers) - 1)
    kind = _kind_of(network, networks)
    return fields_of_network(
        layers,
        [*hidden, _OUTPUT[network.out_activation_]],
        kind=kind,
        classes=network.classes_ if kind in ("binary", "multiclass") else None,
        flat_targets=kind == "regression" and network.n_outputs_ == 1,
        standardization=_moments(before[0], layers) if before else None,
        encoder=_encoder(before[0] if before else network, str(layers[0][0].dtype)),
        made_by=f"scikit-learn's {type(network).__name__}",
    )


def _kind_of(network: Any, networks: Any) -> str:
    if isinstance(network, networks.MLPRegressor):
        return "regression"
    if network.out_activation_ == "softmax":
        return "multiclass"
    several = network._label_binarizer.y_type_.startswith("multilabel")
    return "multilabel" if several else "binary"


def _moments(scaler: Any, layers: Layers) -> Moments:
    """Mean and scale of a StandardScaler, which may have left either out."""
    n = layers[0][0].shape[1]
    mean = scaler.mean_ if scaler.with_mean else np.zeros(n)
    scale = scaler.scale_ if scaler.with_std else np.ones(n)
    return np.array(mean, dtype=float)[:, None], np.array(scale, dtype=float)[:, None]


def _encoder(first: Any, dtype: str) -> TableEncoder | None:
    """Columns by name where the estimator was fitted on a frame."""
    names = getattr(first, "feature_names_in_", None)
    if names is None:
        return None
    codes = tuple(NumberCode(str(name), "number", 0.0) for name in names)
    return TableEncoder(codes, working=dtype, wide=dtype == "float64")


def estimator_of(model: Model) -> Any:
    """The fitted estimator; see `Model.to_sklearn`."""
    networks = _sklearn("neural_network")
    refuse_columns(model, "scikit-learn")
    layers, output = _output(layers_of(model), model)
    made: Any = networks.MLPRegressor if model.kind == "regression" else networks.MLPClassifier
    sizes = tuple(W.shape[0] for W, _ in layers[:-1])
    network = made(hidden_layer_sizes=sizes, activation=_hidden_activation(model))
    if output == "exp":
        network.set_params(loss="poisson")
    fitted = {
        "coefs_": [np.ascontiguousarray(W.T) for W, _ in layers],
        "intercepts_": [b.reshape(-1) for _, b in layers],
        "n_layers_": len(layers) + 1,
        "n_outputs_": layers[-1][0].shape[0],
        "out_activation_": output,
        "n_features_in_": model.sizes[0],
        "n_iter_": 0,
        "t_": 0,
        "loss_curve_": list(model.history.costs),
        "loss_": model.history.costs[-1] if model.history.costs else np.nan,
    }
    if model.kind != "regression":
        binarizer = _sklearn("preprocessing").LabelBinarizer()
        n = model.sizes[-1]
        several = np.eye(2, max(n, 2), dtype=int)
        classes = np.arange(max(n, 2)) if model.classes is None else np.array(model.classes)
        fitted["_label_binarizer"] = binarizer.fit(
            several if model.kind == "multilabel" else classes
        )
        fitted["classes_"] = binarizer.classes_
    vars(network).update(fitted)
    first = network
    if model.standardization is not None:
        first = _scaler(model)
        network = _sklearn("pipeline").make_pipeline(first, network)
    if model.feature_names:
        first.feature_names_in_ = np.asarray(model.feature_names, dtype=object)
    return network


def _hidden_activation(model: Model) -> str:
    """scikit-learn's name of the one activation of the hidden layers."""
    names = {ours: theirs for theirs, ours in _HIDDEN.items()}
    used = list(dict.fromkeys(model.activations[:-1]))
    if model.network.parametric:
        raise ArgumentValueError(
            "model",
            "one whose hidden units mix their activation with the identity (parametric_activation)",
            "a model of plain activations, as scikit-learn has them",
            "to_onnx and to_torch have the mix",
        )
    if len(used) > 1 or not set(used) <= set(names):
        raise ArgumentValueError(
            "model",
            f"one with the hidden activations {listing(used)}",
            f"a model with one of {listing(names)} in all hidden layers, as scikit-learn has them",
            "to_onnx and to_torch have the others",
        )
    return names[used[0]] if used else "identity"


def _output(layers: Layers, model: Model) -> tuple[Layers, str]:
    """The layers and scikit-learn's name of the output activation.

    Two softmax outputs become one: ``softmax(Z)[1] = sigmoid(Z[1] - Z[0])``. Outputs are in the
    order of sorted labels.
    """
    names = {ours: theirs for theirs, ours in _OUTPUT.items()}
    output = model.activations[-1]
    if output not in names:
        raise ArgumentValueError(
            "model",
            f"one with the output activation {output!r}",
            f"a model with one of the output activations {listing(names)}, as scikit-learn has them",
            "to_onnx and to_torch have the others",
        )
    *hidden, (W, b) = layers
    order = None if model.classes is None else np.argsort(model.classes)
    if model.kind == "multiclass" and order is not None:
        W, b = W[order], b[order]
    if model.kind == "multiclass" and len(W) == 2:
        W, b, output = W[1:] - W[:1], b[1:] - b[:1], "sigmoid"
    elif model.kind == "binary" and order is not None and order[0] == 1:
        W, b = -W, -b
    return [*hidden, (W, b)], names[output]


def _scaler(model: Model) -> Any:
    """A fitted StandardScaler of the model's moments."""
    assert model.standardization is not None
    if isinstance(model.standardization, Quantiles):
        raise ArgumentValueError(
            "model",
            "one that clips its features smoothly (standardize_by='quantiles')",
            "a model that standardizes by moments, or not, as scikit-learn's scaler does",
            "to_onnx and to_torch have the others",
        )
    mean, scale = (np.array(each.reshape(-1)) for each in model.standardization[:2])
    scaler = _sklearn("preprocessing").StandardScaler()
    fitted = {"mean_": mean, "scale_": scale, "var_": scale**2}
    vars(scaler).update(fitted, n_features_in_=len(mean), n_samples_seen_=1)
    return scaler
