"""The SHA-256 digest of a safetensors file, kept in the file's own header.

The layout is that of safetensors: 8 bytes with the length of the header (little-endian), the header
(JSON, with an object `__metadata__` of texts), and the tensors. The digest is that of the whole file
with zeros in the place of the digest, so that no bit of the file is left out.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO

# The entry of the metadata, and what it holds before the file is signed.
DIGEST = "sha256"
UNSIGNED = "0" * 64
_ENTRY = re.compile(rb'"sha256":"([0-9a-f]{64})"')
# safetensors itself refuses larger headers.
_LARGEST_HEADER = 100_000_000
_CHUNK = 1 << 20


def sign(path: Path) -> None:
    """Put the digest in the place of `UNSIGNED` in the metadata of a file."""
    with path.open("r+b") as file:
        found = _found(file)
        if found is None:
            raise ValueError(f"the metadata of {str(path)!r} have no place for a digest")
        position = found[0]
        digest = _digest(file, position)
        file.seek(position)
        file.write(digest.encode())


def is_whole(path: Path) -> bool | None:
    """Whether the file is as it was when it was signed; None where it holds no digest."""
    with path.open("rb") as file:
        found = _found(file)
        return None if found is None else _digest(file, found[0]) == found[1]


def _found(file: BinaryIO) -> tuple[int, str] | None:
    """Where the digest begins in the file, and the digest."""
    size = min(os.fstat(file.fileno()).st_size, _LARGEST_HEADER)
    header = file.read(min(int.from_bytes(file.read(8), "little"), size))
    # Quotation marks inside of texts are escaped, so that no text looks like the entry.
    found = _ENTRY.search(header)
    return None if found is None else (8 + found.start(1), found[1].decode())


def _digest(file: BinaryIO, position: int) -> str:
    """The digest of the whole file with zeros from `position` on."""
    digest = hashlib.sha256()
    file.seek(0)
    digest.update(file.read(position))
    digest.update(UNSIGNED.encode())
    file.seek(position + len(UNSIGNED))
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
