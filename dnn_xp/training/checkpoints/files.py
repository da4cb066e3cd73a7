"""One checkpoint as a file: safetensors with a description and a SHA-256 digest over everything."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open

from dnn_xp.common.atomic import written_whole
from dnn_xp.model.digest import DIGEST, UNSIGNED, is_whole
from dnn_xp.training.state import Tensors

FORMAT = "dnn_xp checkpoint 1"
_NAMES = {
    **{f"float{bits}": f"F{bits}" for bits in (16, 32, 64)},
    **{f"int{bits}": f"I{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"U{bits}" for bits in (8, 16, 32, 64)},
    "bool": "BOOL",
}
# Written at once: other threads may run between two pieces.
_PIECE = 1 << 20


class UnreadableError(ValueError):
    """A file that is no checkpoint, or one that is damaged."""


def write_checkpoint(path: Path, tensors: Tensors, description: dict[str, Any]) -> None:
    """Write a file that appears whole or not at all, and stays after a power cut.

    Not by safetensors' own writer: it holds the interpreter lock throughout, and the digest would
    take a second pass over the file.
    """
    header, place = _header(tensors, description)
    with written_whole(path) as temporary, temporary.open("r+b") as file:
        digest = hashlib.sha256()
        parts = (memoryview(header), *map(_bytes, _ordered(tensors).values()))
        for part in parts:
            for start in range(0, len(part), _PIECE):
                piece = part[start : start + _PIECE]
                put(file, piece)
                digest.update(piece)
        file.seek(place)
        file.write(digest.hexdigest().encode())


def put(file: BinaryIO, piece: memoryview) -> None:
    """Write one piece."""
    file.write(piece)


def read_checkpoint(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Tensors and description.

    Raises
    ------
    UnreadableError
        For a file that is not what `write_checkpoint` wrote.
    """
    try:
        if not is_whole(path):
            raise UnreadableError("its SHA-256 digest is missing or not that of its bytes")
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                found = metadata.get("format")
                raise UnreadableError(f"its format is {found!r}, not {FORMAT!r}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            return tensors, json.loads(metadata["description"])
    except (OSError, SafetensorError, KeyError, RecursionError) as error:
        raise UnreadableError(str(error)) from error


def _ordered(tensors: Tensors) -> Tensors:
    """Wide dtypes first, so that each tensor begins at a multiple of its item's size."""
    return dict(sorted(tensors.items(), key=lambda each: (-each[1].itemsize, each[0])))


def _bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _header(tensors: Tensors, description: dict[str, Any]) -> tuple[bytes, int]:
    """The header with its length, and the position of the digest in the file."""
    entries: dict[str, Any] = {
        "__metadata__": {
            "format": FORMAT,
            DIGEST: UNSIGNED,
            "description": json.dumps(description, default=str),
        }
    }
    start = 0
    for name, array in _ordered(tensors).items():
        stop = start + array.nbytes
        entries[name] = {
            "dtype": _NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [start, stop],
        }
        start = stop
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    header = len(text).to_bytes(8, "little") + text
    return header, header.index(f'"{DIGEST}":"{UNSIGNED}"'.encode()) + len(DIGEST) + 4
