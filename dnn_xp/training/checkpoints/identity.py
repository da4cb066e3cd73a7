"""What a checkpoint belongs to: options, decisions and data, and how two of them differ.

Data are recognised by shape, dtype and a digest of examples at a few places, so that a file of any
size takes a moment.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.data.host import to_host
from dnn_xp.data.readers.files import split_path
from dnn_xp.data.sources.base import Source
from dnn_xp.training.arguments import Arguments
from dnn_xp.training.inputs import Prepared
from dnn_xp.training.records import written
from dnn_xp.training.run import Run
from dnn_xp.training.specification import Specification

# Options that a training may go on without or with: they change no result, or make it longer.
FREE = ("device", "fallback", "blas", "threads", "compile", "verbose", "iterations", "epochs")
# Options that are compared as they were decided, since leaving one out is a decision, too.
_DECIDED = (
    *("hidden", "activation", "output_activation", "cost", "keep_prob", "dropout", "l2"),
    *("optimizer", "learning_rate", "batch_size", "dtype", "precision", "examples"),
    *("ensemble", "ensemble_sharing"),
)
# Arguments that hold data and have no place in a specification.
_DATA = ("sample_weight", "validation_groups", "warm_start", "layers", "validation_pair")
_NAMES = {"layers": "initialization", "validation_pair": "validation"}
# Up to so many values are digested whole; of more, so many places with so many values each.
_WHOLE, _PLACES, _AT_A_PLACE = 1 << 20, 8, 1 << 16


def describe_training(
    arguments: Arguments, run: Run, prepared: Prepared, start: str
) -> dict[str, Any]:
    """What a checkpoint of this training says of it, as plain values."""
    options, unwritten = written(arguments.specification)
    at_once = run.batch_size or prepared.X.m
    return {
        "options": options,
        "described": unwritten,
        "decided": _decided(run, unwritten),
        "data": _data(prepared),
        "given": sorted(
            _NAMES.get(name, name) for name in _DATA if getattr(arguments, name) is not None
        ),
        "start": start,
        "iterations": run.iterations,
        "epochs": run.epochs,
        "computed": {
            "on": f"{run.backend.library} on {run.backend.device_name}",
            "block_size": min(run.block_size(at_once), at_once),
            "precision": run.precision,
        },
        "keeping": {"checkpoint_every": arguments.checkpoint_every, "keep": arguments.keep},
        "paths": {
            name: _path(getattr(arguments, name, None), table=name == "Y") for name in ("X", "Y")
        },
    }


def _decided(run: Run, described: list[str]) -> dict[str, Any]:
    network, optimizer = run.network, run.optimizer
    rate = "a function of your own" if "learning_rate" in described else repr(run.learning_rate)
    return {
        "sizes": list(network.sizes),
        "activations": [each.name for each in network.activations],
        "cost": network.cost.name,
        "keep_prob": list(network.keep_probs),
        "ensemble": None if network.ensemble is None else list(network.ensemble),
        "l2": run.penalties.l2,
        "optimizer": "lbfgs"
        if optimizer is None
        else [optimizer.name, dict(optimizer.hyperparameters)],
        "learning_rate": rate,
        "batch_size": run.batch_size,
        "dtype": run.dtype,
        "precision": run.precision,
    }


def _data(prepared: Prepared) -> dict[str, Any]:
    sources = {"X": prepared.X, "Y": prepared.targets.source, "sample_weight": prepared.weights}
    if prepared.validation is not None:
        sources |= dict(zip(("validation X", "validation Y"), prepared.validation, strict=True))
    found: dict[str, Any] = {
        name: fingerprint(source) for name, source in sources.items() if source is not None
    }
    classes, encoder = prepared.targets.classes, prepared.encoder
    if classes is not None:
        found["classes"] = _digest(repr(classes.tolist()).encode())
    if encoder is not None:
        found["columns"] = _digest(json.dumps(encoder.to_dict(), default=str).encode())
    return found


def fingerprint(source: Source) -> str:
    """Shape, dtype, and a digest of the values at a few places, or of all where they are few."""
    digest = hashlib.sha256()
    whole = source.n * source.m <= _WHOLE
    count = source.m if whole else max(1, _AT_A_PLACE // source.n)
    places = [0] if whole else np.linspace(0, source.m - count, _PLACES).astype(int).tolist()
    for start in places:
        block = to_host(source.block(start, min(start + count, source.m)))
        # Contiguous examples, whatever the layout: where they are in the array is no difference.
        digest.update(np.ascontiguousarray(block.T).data)
    return f"({source.n}, {source.m}) of {source.dtype}, SHA-256 {digest.hexdigest()[:16]}"


def _digest(data: bytes) -> str:
    return f"SHA-256 {hashlib.sha256(data).hexdigest()[:16]}"


def _path(given: object, *, table: bool) -> str | None:
    """A path in full, or the name of a column; None for data that are no text."""
    if not isinstance(given, (str, os.PathLike)):
        return None
    file, key = split_path(given)
    if not file.exists():
        return str(given) if table else None
    return str(file.resolve()) + ("" if key is None else f"::{key}")


def check_same(
    saved: Mapping[str, Any],
    now: Mapping[str, Any],
    folder: Path,
    done: int = 0,
    *,
    placed: bool = False,
) -> None:
    """Refuse a checkpoint of another training, and a length below what is `done`.

    `placed` says that it is known how many examples are shuffled at once.

    Raises
    ------
    ArgumentValueError
        With all differences.
    """
    differences = _differences(saved, now)
    if placed:
        differences += _difference("examples shuffled at once", saved["shuffled"], now["shuffled"])
    unit = "iterations" if now["epochs"] is None else "epochs"
    length = now[unit] or 0
    if length < done:
        differences.append(f"{unit}: {done} are done, now {length}")
    if differences:
        raise ArgumentValueError(
            "checkpoint",
            f"{str(folder)!r}, whose training had other data or options: {'; '.join(differences)}",
            "a folder of this training",
            "give what it was trained with, or begin in another folder",
        )


def _differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for part in ("data", "decided"):
        for name in {**saved[part], **now[part]}:
            found += _difference(name, saved[part].get(name), now[part].get(name))
    compared = [each.name for each in fields(Specification) if each.name not in (*FREE, *_DECIDED)]
    for name in compared:
        # An option that a newer version has added was left out then.
        default = Specification.__dataclass_fields__[name].default
        found += _difference(name, saved["options"].get(name, default), now["options"][name])
    for name in sorted({*saved["given"], *now["given"]} - {"initialization"}):
        before, after = name in saved["given"], name in now["given"]
        if before != after:
            found.append(f"{name}: {'given' if before else 'not given'} then")
    return found


def _difference(name: str, before: Any, after: Any) -> list[str]:
    # Tuples have become lists in JSON.
    before, after = json.loads(json.dumps([before, after], default=str))
    return [] if before == after else [f"{name}: {before} then, {after} now"]


def said_of_machines(saved: Mapping[str, Any], now: Mapping[str, Any], done: int) -> str:
    """A note where bits may differ from here on; "" where they do not."""
    before, after = saved["computed"], now["computed"]
    if before == after:
        return ""
    return (
        f"from {done:,} on: {after['on']} in blocks of {after['block_size']}, before: {before['on']} "
        f"in blocks of {before['block_size']}; the last bits may be others"
    )
