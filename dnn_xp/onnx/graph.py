"""A graph while it is being made: nodes and constants, each named by what it returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.messages import optional_package

# Of LabelEncoder, which turns text into numbers.
ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 2


def onnx_package(name: str = "onnx") -> Any:
    """The package onnx or a module of it; an ImportError that names the extra where it is missing."""
    return optional_package(name, purpose="Exporting to ONNX", extra="onnx")


class Graph:
    """Nodes and constants of an ONNX graph. Values are known by their names.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Of `scalar`.
    prefix : str
        What the names of values begin with, so that they are no names of inputs.
    """

    def __init__(self, dtype: str, prefix: str = "dnn_xp/") -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: dict[str, npt.NDArray[Any]] = {}
        self._prefix = prefix
        self._make_node = onnx_package("onnx.helper").make_node

    def node(
        self, operator: str, *inputs: str, domain: str = "", output: str = "", **attributes: Any
    ) -> str:
        """Add a node of one output, and return the output's name."""
        output = output or f"{self._prefix}{operator}_{len(self.nodes)}"
        made = self._make_node(
            operator, list(inputs), [output], name=output, domain=domain or None, **attributes
        )
        self.nodes.append(made)
        return output

    def constant(self, values: npt.NDArray[Any]) -> str:
        """Add an array, and return its name; text is an array of objects."""
        name = f"{self._prefix}constant_{len(self.constants)}"
        self.constants[name] = values
        return name

    def scalar(self, value: float) -> str:
        """Add a number in the graph's dtype, and return its name."""
        return self.constant(np.asarray(value, dtype=self.dtype))

    def cast(self, value: str, dtype: str) -> str:
        """The value in another dtype."""
        return self.node("Cast", value, to=tensor_type(dtype))

    def reshaped(self, value: str, *shape: int) -> str:
        """The value in another shape, in which one -1 may stand for what remains."""
        return self.node("Reshape", value, self.constant(np.asarray(shape, dtype=np.int64)))


def tensor_type(dtype: npt.DTypeLike) -> int:
    """ONNX's number for a NumPy dtype; that of strings for objects and text."""
    kind = np.dtype(dtype)
    if kind.kind in "OU":
        return int(onnx_package().TensorProto.STRING)
    return int(onnx_package("onnx.helper").np_dtype_to_tensor_dtype(kind))
