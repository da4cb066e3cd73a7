"""A model as one ONNX graph: inputs, nodes, outputs, metadata; checked, and written whole."""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from dnn_xp.common.atomic import written_whole
from dnn_xp.common.checks import check_choice, check_int
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.model.storage import target_path
from dnn_xp.onnx.columns import Encoded, column_inputs, encoded
from dnn_xp.onnx.graph import ML_DOMAIN, ML_OPSET, Graph, onnx_package, tensor_type
from dnn_xp.onnx.network import check_exportable, label_array, linear_outputs, outputs

if TYPE_CHECKING:
    from dnn_xp.model.model import Model

# Softmax and ReduceSum took their present form in 13; 15 is understood since onnxruntime 1.10.
LEAST_OPSET, OPSET, IR_VERSION = 13, 15, 8
# Protobuf's limit of a message.
_MOST_BYTES = (1 << 31) - (1 << 20)


def onnx_model(
    model: Model,
    path: str | os.PathLike[str] | None = None,
    *,
    opset: int = OPSET,
    input_dtype: str | None = None,
) -> Any:
    """The model as an `onnx.ModelProto`, written to `path` if given; see `Model.to_onnx`."""
    onnx = onnx_package()
    check_exportable(model)
    check_int("opset", opset, at_least=LEAST_OPSET, at_most=onnx.defs.onnx_opset_version())
    if input_dtype is not None:
        check_choice("input_dtype", input_dtype, ("float32", "float64"))
    file = None if path is None else target_path(path)
    if model.network.parameter_count * np.dtype(model.dtype).itemsize > _MOST_BYTES:
        raise ArgumentValueError(
            "model",
            f"{model.network.parameter_count:,} parameters of {model.dtype}",
            "at most 2 GiB, the largest ONNX file",
        )
    proto = _proto(model, opset, input_dtype or _dtype_of_inputs(model))
    onnx.checker.check_model(proto, full_check=True)
    if file is not None:
        with written_whole(file) as temporary:
            temporary.write_bytes(proto.SerializeToString())
    return proto


def _dtype_of_inputs(model: Model) -> str:
    """The model's dtype, or float64 where float32 would round a column of the training."""
    return "float64" if model.encoder is not None and model.encoder.wide else model.dtype


def _proto(model: Model, opset: int, dtype: str) -> Any:
    helper = onnx_package("onnx.helper")
    graph = Graph(model.dtype)
    if model.encoder is not None and not model.encoder.plain:
        inputs = column_inputs(model.encoder, dtype)
        (X, codes), width = encoded(graph, model.encoder, dtype), 1
    else:
        inputs = {"X": dtype}
        (X, codes), width = Encoded("X", []), model.network.n_x
    results = outputs(graph, linear_outputs(graph, X, model, dtype, codes), model)
    named = {_free_name(name, inputs): value for name, value in results.items()}
    for name, value in named.items():
        graph.node("Identity", value, output=name)
    info = helper.make_tensor_value_info
    made = helper.make_graph(
        graph.nodes,
        "dnn_xp",
        [info(name, tensor_type(each), ["N", width]) for name, each in inputs.items()],
        [
            info(name, *_type_and_shape(model, kind))
            for name, kind in zip(named, results, strict=True)
        ],
        [_tensor(name, values) for name, values in graph.constants.items()],
    )
    proto = helper.make_model(
        made,
        producer_name="dnn_xp",
        producer_version=version("dnn_xp"),
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(ML_DOMAIN, ML_OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(proto, metadata(model))
    return proto


def _free_name(name: str, taken: dict[str, str]) -> str:
    """The name, with as many _ after it as it takes to be no input's."""
    while name in taken:
        name += "_"
    return name


def _type_and_shape(model: Model, output: str) -> tuple[int, list[Any]]:
    n = model.sizes[-1]
    if output == "label":
        several = model.kind == "multilabel"
        dtype = np.dtype(np.int64) if several else label_array(model).dtype
        return tensor_type(dtype), ["N", n] if several else ["N"]
    flat = model.kind == "regression" and model.flat_targets
    columns = 2 if model.kind == "binary" else n
    return tensor_type(model.dtype), ["N"] if flat else ["N", columns]


def _tensor(name: str, values: np.ndarray) -> Any:
    if values.dtype == object:
        texts = [each.encode() for each in values.ravel().tolist()]
        helper = onnx_package("onnx.helper")
        return helper.make_tensor(name, tensor_type(object), values.shape, texts)
    return onnx_package("onnx.numpy_helper").from_array(values, name)


def metadata(model: Model) -> dict[str, str]:
    """What the file says of itself, as text; lists as JSON."""
    names = model.feature_names or tuple(model.settings.get("feature_names") or ())
    facts: dict[str, Any] = {
        "dnn_xp_version": version("dnn_xp"),
        "kind": model.kind,
        "cost": model.cost,
        "sizes": list(model.sizes),
        "activations": list(model.activations),
        "feature_names": list(names) or None,
        "target_names": model.settings.get("target_names") or None,
        "classes": None if model.kind == "regression" else _classes(model),
    }
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in facts.items()
        if value is not None
    }


def _classes(model: Model) -> list[Any] | None:
    return None if model.kind == "multilabel" else list(label_array(model).tolist())
