"""Models on disk: one safetensors file of tensors and JSON, which runs no code when it is loaded."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dnn_xp.backends.choice import DeviceRecord, backend_named
from dnn_xp.common.atomic import written_whole
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe
from dnn_xp.data.encoding import TableEncoder
from dnn_xp.data.quantiles import Binned, Quantiles, scaled_by
from dnn_xp.formulas.activations import ACTIVATIONS
from dnn_xp.formulas.costs import COSTS
from dnn_xp.formulas.network import Network
from dnn_xp.model.digest import DIGEST, UNSIGNED, is_whole, sign
from dnn_xp.model.history import History, StopReason
from dnn_xp.model.stored import (
    PERIODIC_NAMES,
    Description,
    check_description,
    check_tensors,
    stored_embeddings,
    stored_encoding,
    stored_ensemble,
)

if TYPE_CHECKING:
    from dnn_xp.model.model import Model

_FORMAT = "dnn_xp model 2"
# Files of the first format have no digest; all else is the same.
_FORMAT_WITHOUT_DIGEST = "dnn_xp model 1"


def save_model(model: Model, path: str | os.PathLike[str]) -> None:
    """Write the model with a digest of the file; the file appears whole or not at all.

    Raises
    ------
    OSError
        When it cannot be written: no such folder, a folder in the place of the file, a folder that is
        read-only, a full disk. It names the path.
    """
    path = target_path(path)
    to_host = model.backend.to_host
    tensors = {}
    for layer, (W, b) in enumerate(model.parameters, start=1):
        tensors[f"W{layer}"], tensors[f"b{layer}"] = to_host(W), to_host(b)
    for layer, a in enumerate(model.mixes, start=1):
        tensors[f"a{layer}"] = to_host(a)
    for number, E in enumerate(model.embeddings.values(), start=1):
        tensors[f"E{number}"] = to_host(E)
    for name, array in zip(PERIODIC_NAMES, model.periodic, strict=False):
        tensors[name] = to_host(array)
    network, theta = model.network, to_host(model.theta)
    if network.scaling_layer:
        s = theta[theta.size - network.scaled :]
        tensors["s"] = s.reshape(network.members, network.sizes[0])
    if model.standardization is not None:
        tensors["mean"], tensors["scale"], *_ = model.standardization
    if isinstance(model.standardization, Binned):
        tensors["edges"] = model.standardization.edges
    if model.target_standardization is not None:
        tensors["target_mean"], tensors["target_scale"] = model.target_standardization
    if model.target_range is not None:
        tensors["target_low"], tensors["target_high"] = model.target_range
    # safetensors writes the buffer of an array whatever its strides.
    tensors = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    description = {
        "sizes": model.sizes,
        "activations": model.activations,
        "cost": model.cost,
        "keep_probs": model.network.keep_probs,
        "parametric_activation": model.network.parametric,
        "kind": model.kind,
        "flat_targets": model.flat_targets,
        "classes": None if model.classes is None else _listed(model.classes),
        "classes_dtype": None if model.classes is None else model.classes.dtype.str,
        "history": asdict(model.history),
        "record": None if model.record is None else model.record._asdict(),
        "settings": model.settings,
        "stopped": None if model.stopped is None else model.stopped.value,
        "encoder": None if model.encoder is None else model.encoder.to_dict(),
        "standardized_by": _by(model),
        "number_encoding": None
        if model.network.number_encoding is None
        else model.network.number_encoding._asdict(),
        "ensemble": None if network.ensemble is None else list(network.ensemble),
    }
    metadata = {"format": _FORMAT, DIGEST: UNSIGNED, "model": json.dumps(description)}
    with written_whole(path) as temporary:
        # Not save_file: its errors of a full disk name no path, and it has temporary files of its own.
        temporary.write_bytes(save(tensors, metadata=metadata))
        sign(temporary)


def _by(model: Model) -> str | None:
    """None for moments, as in older files; "none" of bins without a standardization."""
    by, standardized = scaled_by(model.standardization), model.standardization is not None
    return by if standardized and by != "moments" else None


def target_path(path: object) -> Path:
    """The path of a file that is to be written.

    Raises
    ------
    ArgumentTypeError, IsADirectoryError, FileNotFoundError
        For what is no path, for a folder, and where the file's folder does not exist.
    """
    path = _checked(path)
    if path.is_dir():
        msg = f"path={str(path)!r} is a folder; the name of a file is wanted"
        raise IsADirectoryError(msg)
    if not path.parent.is_dir():
        msg = (
            f"path={str(path)!r} cannot be written: the folder {str(path.parent)!r} does not exist"
        )
        raise FileNotFoundError(msg)
    return path


def _checked(path: object) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentTypeError("path", describe(path), "the path of a file")
    return Path(path)


def load_model(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The fields of a :class:`Model`, its parameters in NumPy on the CPU.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ArgumentValueError
        For a file that is no model, that has changed since it was saved, or whose description and
        tensors do not fit together.
    """
    path = _checked(path)
    if not path.is_file():
        msg = f"path={str(path)!r} is no file; dnn_xp.load wants what Model.save wrote"
        raise FileNotFoundError(msg)
    whole = is_whole(path)
    if whole is False:
        why = "which is damaged (its SHA-256 digest is not the one that it was saved with)"
        raise _refused(path, why)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            _check_format(path, metadata, signed=whole is not None)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping, keys() only
    except SafetensorError as error:
        raise _refused(path, f"which is no safetensors file or is damaged ({error})") from error
    try:
        description = check_description(json.loads(metadata["model"]))
        check_tensors(description, tensors)
    except (ValueError, RecursionError) as error:
        why = f"whose description is damaged or of a newer version ({error})"
        raise _refused(path, why) from error
    return _fields(description, tensors)


def _check_format(path: Path, metadata: dict[str, str], *, signed: bool) -> None:
    """Refuse what is no model, and models that have lost their digest."""
    if metadata.get("format") not in (_FORMAT, _FORMAT_WITHOUT_DIGEST):
        raise ArgumentValueError(
            "path",
            f"{str(path)!r}, a safetensors file of format {metadata.get('format')!r}",
            f"a saved model of format {_FORMAT!r}",
        )
    if not signed and metadata["format"] != _FORMAT_WITHOUT_DIGEST:
        raise _refused(path, "which is damaged (its SHA-256 digest is missing)")
    if "model" not in metadata:
        raise _refused(path, "whose description is damaged or missing")


def _refused(path: Path, why: str) -> ArgumentValueError:
    return ArgumentValueError("path", f"{str(path)!r}, {why}", "a saved model")


def _fields(description: Description, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """Build what was checked."""
    layers = range(1, len(description["sizes"]))
    history, record = dict(description["history"]), description["record"]
    metrics = {name: tuple(values) for name, values in history.pop("metrics").items()}
    classes, stopped = description["classes"], description["stopped"]
    encoder, embeddings = description["encoder"], stored_embeddings(description)
    in_order = [f"{name}{layer}" for layer in layers for name in ("W", "b")]
    if description["parametric_activation"]:
        in_order += [f"a{layer}" for layer in layers[:-1]]
    encoding = stored_encoding(description)
    in_order += PERIODIC_NAMES if encoding is not None and encoding.hidden else ()
    in_order += [f"E{number}" for number in range(1, len(embeddings) + 1)]
    in_order += ["s"] if "s" in tensors else []
    return {
        "theta": np.concatenate([tensors[name].reshape(-1) for name in in_order]),
        "network": Network(
            tuple(description["sizes"]),
            tuple(ACTIVATIONS[name] for name in description["activations"]),
            COSTS[description["cost"]],
            tuple(description["keep_probs"]),
            embeddings,
            scaling_layer="s" in tensors,
            parametric=bool(description["parametric_activation"]),
            number_encoding=encoding,
            ensemble=stored_ensemble(description),
        ),
        "backend": backend_named("numpy"),
        "kind": description["kind"],
        "flat_targets": description["flat_targets"],
        "classes": None
        if classes is None
        else _labels(classes, np.dtype(description["classes_dtype"])),
        "standardization": _standardization(description, tensors),
        "target_standardization": (tensors["target_mean"], tensors["target_scale"])
        if "target_mean" in tensors
        else None,
        "target_range": (tensors["target_low"], tensors["target_high"])
        if "target_low" in tensors
        else None,
        "history": History(
            **{name: tuple(values) for name, values in history.items()}, metrics=metrics
        ),
        "record": DeviceRecord(**record) if record else None,
        "settings": description["settings"],
        "stopped": StopReason(stopped) if stopped else None,
        "encoder": None if encoder is None else TableEncoder.from_dict(encoder),
    }


def _standardization(
    description: Description, tensors: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray] | Quantiles | Binned | None:
    if "mean" not in tensors:
        return None
    mean, scale, by = tensors["mean"], tensors["scale"], description["standardized_by"]
    if "edges" in tensors:
        return Binned(mean, scale, tensors["edges"], by or "moments")
    return Quantiles(mean, scale) if by == "quantiles" else (mean, scale)


def _listed(labels: np.ndarray) -> list[Any]:
    """Labels for JSON, which has no bytes: each byte is a character there."""
    if labels.dtype.kind == "S":
        return [label.decode("latin-1") for label in labels.tolist()]
    listed: list[Any] = labels.tolist()
    return listed


def _labels(listed: list[Any], dtype: np.dtype[Any]) -> np.ndarray:
    """The inverse of _listed."""
    if dtype.kind == "S":
        listed = [label.encode("latin-1") for label in listed]
    return np.asarray(listed, dtype=dtype)
