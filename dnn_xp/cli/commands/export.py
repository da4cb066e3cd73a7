"""dnn-xp export: a saved model as an ONNX graph."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from dnn_xp.cli.commands.predict import load_model
from dnn_xp.cli.wording import tell
from dnn_xp.cli.writing import check_output


def run(args: Namespace) -> int:
    """Write the graph, and print its inputs and outputs."""
    model = load_model(args.model, device="cpu")
    check_output("OUT", Path(args.output), force=args.force, remedy="choose another")
    graph = model.to_onnx(args.output, opset=args.opset).graph
    tell(f"model written to {args.output}")
    for kind, values in (("input", graph.input), ("output", graph.output)):
        for each in values:
            tell(f"{kind:<7} {each.name}  ({_shape(each)})")
    return 0


def _shape(value: object) -> str:
    """N, 3: the dimensions of an ONNX value."""
    shape = value.type.tensor_type.shape  # type: ignore[attr-defined]  # onnx counts as Any
    return ", ".join(each.dim_param or str(each.dim_value) for each in shape.dim)
