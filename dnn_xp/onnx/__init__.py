"""Models as ONNX graphs: `Model.to_onnx`, and `register` for pipelines that skl2onnx converts.

May import all rooms but `cli`; the packages onnx and skl2onnx are imported where they are needed.
"""

from dnn_xp.onnx.activations import ACTIVATIONS
from dnn_xp.onnx.graph import Graph
from dnn_xp.onnx.registration import register

__all__ = ["ACTIVATIONS", "Graph", "register"]
