"""Converters for skl2onnx, so that a Pipeline that ends in an estimator of dnn_xp exports."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import listing
from dnn_xp.onnx.graph import Graph, onnx_package, tensor_type
from dnn_xp.onnx.network import check_exportable, label_array, linear_outputs, outputs

_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "nocl": [True, False],
}


def register(classifiers: Iterable[type] = (), regressors: Iterable[type] = ()) -> None:
    """Teach skl2onnx to convert `dnn_xp.sklearn.DNNClassifier` and `DNNRegressor`.

    After this call `skl2onnx.to_onnx` converts them, alone and in a `Pipeline`. The nodes compute in
    the dtype of the model. The options zipmap, nocl and output_class_labels are those that skl2onnx
    has for scikit-learn's own classifiers.

    Parameters
    ----------
    classifiers, regressors : iterable of types
        Estimators to convert, fitted ones having an attribute ``model_`` that is a
        :class:`dnn_xp.Model`. Those of dnn_xp when both are left out.

    Raises
    ------
    ImportError
        Without skl2onnx.

    References
    ----------
    https://onnx.ai/sklearn-onnx/auto_tutorial/plot_icustom_converter.html

    Examples
    --------
    >>> import dnn_xp.onnx
    >>> dnn_xp.onnx.register()  # doctest: +SKIP
    >>> graph = skl2onnx.to_onnx(pipeline, X[:1], options={"zipmap": False})  # doctest: +SKIP
    """
    update = _skl2onnx("skl2onnx").update_registered_converter
    classifiers, regressors = tuple(classifiers), tuple(regressors)
    if not classifiers and not regressors:
        estimators = importlib.import_module("dnn_xp.sklearn")
        classifiers, regressors = (estimators.DNNClassifier,), (estimators.DNNRegressor,)
    for each in classifiers:
        update(each, f"dnn_xp{each.__name__}", _classifier_types, _convert, options=_OPTIONS)
    for each in regressors:
        update(each, f"dnn_xp{each.__name__}", _regressor_types, _convert)


def _skl2onnx(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        msg = f"Converting pipelines to ONNX needs skl2onnx ({error}): pip install skl2onnx"
        raise ImportError(msg) from error


def _classifier_types(operator: Any) -> None:
    """Labels (N,) of text or int64, or (N, n_L) of several; probabilities in the dtype of the input."""
    types = _skl2onnx("skl2onnx.common.data_types")
    model = operator.raw_operator.model_
    several = model.kind == "multilabel"
    kind = np.dtype(np.int64) if several else _sklearn_labels(model).dtype
    made = {"O": types.StringTensorType, "i": types.Int64TensorType, "f": types.FloatTensorType}
    n = model.sizes[-1]
    label, probabilities = operator.outputs
    label.type = made[kind.kind]([None, n] if several else [None])
    probabilities.type.shape = [None, 2 if model.kind == "binary" else n]


def _regressor_types(operator: Any) -> None:
    """Values (N, n_L) in the dtype of the input, as of skl2onnx's other regressors."""
    operator.outputs[0].type.shape = [None, operator.raw_operator.model_.sizes[-1]]


def _sklearn_labels(model: Any) -> np.ndarray:
    """Classes as skl2onnx has them: text, float32, or int64, to which bool and whole floats turn."""
    labels = label_array(model)
    if labels.dtype.kind == "O":
        return labels
    whole = labels.astype(np.int64)
    return whole if np.array_equal(whole, labels) else labels.astype(np.float32)


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of the operator's model to those of the pipeline."""
    model = operator.raw_operator.model_
    check_exportable(model)
    if model.encoder is not None and not model.encoder.plain:
        raise ArgumentValueError(
            "model",
            f"an estimator of a table with the columns {listing(model.encoder.names_in)}",
            "one of numbers alone, as a ColumnTransformer makes them",
            "use model_.to_onnx(path), whose graph takes the columns",
        )
    graph = Graph(model.dtype, prefix=scope.get_unique_variable_name("dnn_xp") + "/")
    (given,), types = operator.inputs, _skl2onnx("skl2onnx.common.data_types")
    double = isinstance(given.type, types.DoubleTensorType)
    dtype = "float64" if double else "float32"
    X = given.full_name if _is_float(given.type, types) else graph.cast(given.full_name, dtype)
    results = outputs(
        graph, linear_outputs(graph, X, model, dtype), model, classes=_sklearn_classes(model)
    )
    if model.kind == "regression":
        results = {"prediction": graph.reshaped(results["prediction"], -1, model.sizes[-1])}
    for variable, value in zip(operator.outputs, results.values(), strict=True):
        wanted = types.guess_proto_type(variable.type)
        graph.node("Cast", value, output=variable.full_name, to=wanted)
    _add(graph, container)


def _sklearn_classes(model: Any) -> np.ndarray | None:
    return _sklearn_labels(model) if model.kind in ("binary", "multiclass") else None


def _is_float(kind: Any, types: Any) -> bool:
    return isinstance(kind, (types.FloatTensorType, types.DoubleTensorType))


def _add(graph: Graph, container: Any) -> None:
    """The graph's constants and nodes into skl2onnx's container."""
    attribute_value = onnx_package("onnx.helper").get_attribute_value
    for name, values in graph.constants.items():
        content = values.ravel()
        flat = [each.encode() for each in content] if values.dtype == object else content
        container.add_initializer(name, tensor_type(values.dtype), list(values.shape), flat)
    for node in graph.nodes:
        attributes = {each.name: attribute_value(each) for each in node.attribute}
        container.add_node(
            node.op_type,
            list(node.input),
            list(node.output),
            op_domain=node.domain,
            name=node.name,
            **attributes,
        )
