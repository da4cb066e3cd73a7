"""The file of a sweep: JSON lines, the first one what is swept, then one for each training of a rung.

A line is appended and synced to disk when its training is there, with a digest. A line that a crash
left unfinished at the end is dropped; damage anywhere else is an error.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dnn_xp.common.atomic import written_whole
from dnn_xp.common.errors import ArgumentValueError

FORMAT = "dnn_xp sweep 1"
_DIGITS = 16


class Journal:
    """What a sweep has done, by point and rung; with a path, in a file, too.

    Parameters
    ----------
    path : Path, optional
        Where it is written; what is there is read, if it is of the same sweep.
    header : dict
        What is swept, as plain values.

    Raises
    ------
    ArgumentValueError
        Where the file is no sweep, is damaged, or is that of another sweep; with the differences.
    """

    def __init__(self, path: Path | None, header: dict[str, Any]) -> None:
        self._path = path
        self._lines: dict[tuple[int, int], dict[str, Any]] = {}
        if path is None:
            return
        header = json.loads(json.dumps({"format": FORMAT, **header}))
        if path.exists():
            self._read(path, header)
            return
        with written_whole(path) as temporary:
            temporary.write_bytes(_line(header))

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, point: int, rung: int) -> tuple[dict[str, Any], bytes | None] | None:
        """The line of a training and the bytes of its state; None where it is not there yet."""
        found = self._lines.get((point, rung))
        if found is None:
            return None
        state = found.get("state")
        plain = {name: value for name, value in found.items() if name != "state"}
        return plain, None if state is None else base64.b64decode(state)

    def add(self, plain: dict[str, Any], state: bytes | None) -> None:
        """Append the line of a training, whole and on disk before this returns."""
        if self._path is None:
            return
        written = None if state is None else base64.b64encode(state).decode("ascii")
        with self._path.open("ab") as stream:
            stream.write(_line({**plain, "state": written}))
            stream.flush()
            os.fsync(stream.fileno())

    def _read(self, path: Path, header: dict[str, Any]) -> None:
        lines = path.read_bytes().splitlines(keepends=True)
        found = [_checked(line) for line in lines]
        if not found or found[0] is None or found[0].get("format") != FORMAT:
            got = f"{str(path)!r}, which is no sweep of this version, or is damaged"
            raise ArgumentValueError("file", got, "a file that a sweep wrote, or a new one")
        if None in found[:-1]:
            got = f"{str(path)!r}, whose line {found.index(None) + 1} is damaged"
            raise ArgumentValueError("file", got, "a file that a sweep wrote, or a new one")
        differences = list(_differences(found[0], header))
        if differences:
            shown = "; ".join(differences[:8])
            more = f"; and {len(differences) - 8} more" if len(differences) > 8 else ""
            raise ArgumentValueError(
                "file",
                f"{str(path)!r}, that of another sweep: {shown}{more}",
                "the file of a sweep of the same data, points and options, or a new one",
            )
        if found[-1] is None:
            with path.open("r+b") as stream:
                stream.truncate(sum(map(len, lines[:-1])))
                os.fsync(stream.fileno())
        whole = [each for each in found[1:] if each is not None]
        self._lines = {(each["point"], each["rung"]): each for each in whole}


def _line(values: dict[str, Any]) -> bytes:
    """One line: the digest of the rest, and the rest."""
    body = json.dumps(values)[1:]
    return f'{{"digest": "{_digest(body)}", {body}\n'.encode()


def _checked(line: bytes) -> dict[str, Any] | None:
    """The values of a line; None where it is damaged."""
    try:
        text = line.decode()
        start = len('{"digest": "') + _DIGITS + len('", ')
        body = text[start:].removesuffix("\n")
        values: dict[str, Any] = json.loads(text)
        whole = text.endswith("\n") and values.pop("digest") == _digest(body)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return values if whole else None


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:_DIGITS]


def _differences(old: Any, new: Any, name: str = "") -> Iterable[str]:
    """`specification.l2 is 0.1 and was 0.2`, one for each value that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            inner = f"{name}.{key}" if name else key
            yield from _differences(old.get(key), new.get(key), inner)
    elif isinstance(old, list) and isinstance(new, list) and name == "points":
        if len(old) != len(new):
            yield f"{len(new)} points, which were {len(old)}"
        for place, (before, after) in enumerate(zip(old, new, strict=False)):
            yield from _differences(before, after, f"points[{place}]")
    elif _is_source(name, old) and _is_source(name, new) and old[:-1] == new[:-1]:
        if old != new:
            yield f"{name} has other values"
    elif old != new:
        yield f"{name} is {_shown(new)} and was {_shown(old)}"


def _is_source(name: str, value: Any) -> bool:
    """Whether a value is n, m, dtype and digest of data."""
    return name.startswith("data.") and name not in ("data.classes", "data.columns") and bool(value)


def _shown(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."
