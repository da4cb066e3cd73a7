"""Estimators as bytes: the model and the state in the library's own formats, no function pickled."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from dnn_xp.backends.choice import OTHERS
from dnn_xp.model.model import Model, load
from dnn_xp.training.state import State

# What is made again from the model.
_REMADE = ("coefs_", "intercepts_")


def model_to_bytes(model: Model) -> bytes:
    """The bytes of the file that `Model.save` writes, with its digest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        model.save(path)
        return path.read_bytes()


def model_from_bytes(data: bytes, library: str = "numpy", device: str = "cpu") -> Model:
    """The inverse; the model lives in that library and on that device if they are there, else on the CPU."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        path.write_bytes(data)
        model = load(path)
    if library == "cupy":
        return model.to(device)
    if library in ("torch", "jax", *OTHERS):
        try:
            return model.to(library)
        except ImportError:
            return model
    return model


def packed(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes of an estimator for pickle: of a Dask client the address."""
    if attributes.get("client") is not None:
        from dnn_xp.dask.clients import without_connection

        attributes = attributes | {"client": without_connection(attributes["client"])}
    model: Model | None = attributes.get("model_")
    if model is None:
        return attributes
    kept = {name: value for name, value in attributes.items() if name not in _REMADE}
    backend = model.backend
    kept["model_"] = (model_to_bytes(model), backend.library, backend.device_name)
    state: State | None = kept.get("_state")
    kept["_state"] = None if state is None else state.to_bytes(backend)
    return kept


def unpacked(attributes: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `packed`, without what is made again."""
    if not isinstance(attributes.get("model_"), tuple):
        return attributes
    model = model_from_bytes(*attributes["model_"])
    given = attributes.get("_state")
    state = None if given is None else State.from_bytes(given, model.backend)
    return attributes | {"model_": model, "_state": state}
