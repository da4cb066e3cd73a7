"""Models on disk: one safetensors file, tensors plus JSON metadata; nothing that can run code on loading."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from dnn_xp.backends import DeviceRecord, backend_named
from dnn_xp.common.atomic import written_whole
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe
from dnn_xp.formulas.activations import ACTIVATIONS
from dnn_xp.formulas.costs import COSTS
from dnn_xp.formulas.network import Network
from dnn_xp.model.history import History, StopReason

if TYPE_CHECKING:
    from dnn_xp.model.model import Model

_FORMAT = "dnn_xp model 1"


def save_model(model: Model, path: str | os.PathLike[str]) -> None:
    """Write the model; the file appears whole or not at all."""
    path = _checked(path)
    if path.is_dir():
        msg = f"path={str(path)!r} is a folder; the name of a file is wanted"
        raise IsADirectoryError(msg)
    if not path.parent.is_dir():
        msg = (
            f"path={str(path)!r} cannot be written: the folder {str(path.parent)!r} does not exist"
        )
        raise FileNotFoundError(msg)
    to_host = model.backend.to_host
    tensors = {}
    for layer, (W, b) in enumerate(model.parameters, start=1):
        tensors[f"W{layer}"], tensors[f"b{layer}"] = to_host(W), to_host(b)
    if model.standardization is not None:
        tensors["mean"], tensors["scale"] = model.standardization
    if model.target_standardization is not None:
        tensors["target_mean"], tensors["target_scale"] = model.target_standardization
    # safetensors writes the buffer of an array whatever its strides, so only contiguous ones may go
    # in.
    tensors = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    description = {
        "sizes": model.sizes,
        "activations": model.activations,
        "cost": model.cost,
        "keep_probs": model.network.keep_probs,
        "kind": model.kind,
        "flat_targets": model.flat_targets,
        "classes": None if model.classes is None else model.classes.tolist(),
        "classes_dtype": None if model.classes is None else model.classes.dtype.str,
        "history": asdict(model.history),
        "record": None if model.record is None else model.record._asdict(),
        "settings": model.settings,
        "stopped": None if model.stopped is None else model.stopped.value,
    }
    metadata = {"format": _FORMAT, "model": json.dumps(description)}
    with written_whole(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def _checked(path: object) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentTypeError("path", describe(path), "the path of a file")
    return Path(path)


def load_model(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The fields of a :class:`Model`, its parameters in NumPy on the CPU."""
    path = _checked(path)
    if not path.is_file():
        msg = f"path={str(path)!r} is no file; dnn_xp.load wants what Model.save wrote"
        raise FileNotFoundError(msg)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise ArgumentValueError(
                    "path",
                    f"{str(path)!r}, a safetensors file of format {metadata.get('format')!r}",
                    f"a saved model of format {_FORMAT!r}",
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping, keys() only
    except SafetensorError as error:
        raise ArgumentValueError(
            "path",
            f"{str(path)!r}, which is no safetensors file or is damaged ({error})",
            "a saved model",
        ) from error
    try:
        return _fields(json.loads(metadata["model"]), tensors)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArgumentValueError(
            "path",
            f"{str(path)!r}, whose description is damaged or of a newer version ({error!r})",
            "a saved model",
        ) from error


def _fields(description: dict[str, Any], tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    network = Network(
        tuple(description["sizes"]),
        tuple(ACTIVATIONS[name] for name in description["activations"]),
        COSTS[description["cost"]],
        tuple(description["keep_probs"]),
    )
    theta = np.concatenate(
        [
            tensors[f"{name}{layer}"].reshape(count)
            for layer, (n_prev, n) in enumerate(pairwise(network.sizes), start=1)
            for name, count in (("W", n * n_prev), ("b", n))
        ]
    )
    history = description["history"]
    metrics = {name: tuple(values) for name, values in history.pop("metrics").items()}
    classes = description["classes"]
    stopped = description.get("stopped")
    return {
        "theta": theta,
        "network": network,
        "backend": backend_named("numpy"),
        "kind": description["kind"],
        "flat_targets": description["flat_targets"],
        "classes": None
        if classes is None
        else np.asarray(classes, dtype=description["classes_dtype"]),
        "standardization": (tensors["mean"], tensors["scale"]) if "mean" in tensors else None,
        "target_standardization": (tensors["target_mean"], tensors["target_scale"])
        if "target_mean" in tensors
        else None,
        "history": History(
            **{name: tuple(values) for name, values in history.items()}, metrics=metrics
        ),
        "record": DeviceRecord(**description["record"]) if description["record"] else None,
        "settings": description["settings"],
        "stopped": StopReason(stopped) if stopped else None,
    }
