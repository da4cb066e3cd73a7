"""Models on disk: one safetensors file, tensors plus JSON metadata; nothing that can run code on loading."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from dnn_xp.backends import DeviceRecord, backend_named
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
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    os.close(handle)
    try:
        save_file(tensors, temporary, metadata=metadata)
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    # The mask can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _checked(path: object) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        msg = f"path must be the path of a file, got {path!r}"
        raise TypeError(msg)
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
                msg = (
                    f"path={str(path)!r} is a safetensors file of another kind "
                    f"(format {metadata.get('format')!r}); "
                    f"dnn_xp.load wants {_FORMAT!r}, which Model.save writes"
                )
                raise ValueError(msg)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping, keys() only
    except SafetensorError as error:
        msg = (
            f"path={str(path)!r} is not a safetensors file or is damaged ({error}); "
            "dnn_xp.load wants what Model.save wrote"
        )
        raise ValueError(msg) from error
    try:
        return _fields(json.loads(metadata["model"]), tensors)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        msg = (
            f"path={str(path)!r} is a dnn_xp model whose description is damaged or is that of a "
            f"newer version ({error!r})"
        )
        raise ValueError(msg) from error


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
