"""Files that are damaged or crafted, given to load and to the commands of the shell."""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
from typing import Any

import numpy as np
from fuzz_calls import KINDS, Finding, Fuzz, finite
from fuzz_values import Rng, chance, junk, one_of

import dnn_xp
from dnn_xp.cli import main

_LITERALS = (
    *(None, True, -1, 0, 1, 2**70, 1.5, 1e308, "", "relu", "adam", "ä", [], [1], {}, {"a": 1}),
    *([2**40, 1], "F64", "F32", "U8", [0, 8], [[]], "sigmoid", "float32", "binary", "<U9"),
)


def _changed(rng: Rng, value: Any) -> Any:
    """A JSON value with something in it replaced, doubled, or left out."""
    if isinstance(value, dict) and value and chance(rng, 0.9):
        key = one_of(rng, value)
        others = {each: value[each] for each in value if each != key}
        how = rng.random()
        if how < 0.1:
            return others
        return {**value, key if how < 0.95 else f"{key}1": _changed(rng, value[key])}
    if isinstance(value, list) and value and chance(rng, 0.8):
        place = int(rng.integers(len(value)))
        how = rng.random()
        middle = (
            [] if how < 0.1 else [value[place]] * 2 if how < 0.2 else [_changed(rng, value[place])]
        )
        return [*value[:place], *middle, *value[place + 1 :]]
    return one_of(rng, _LITERALS)


def load(fuzz: Fuzz, rng: Rng) -> str:
    """A model's file with bits flipped, cut short, or with another header."""
    path, whole = fuzz.folder / "crafted", fuzz.saved(rng)
    crafted = chance(rng, 0.7)
    path.write_bytes(_crafted(rng, whole) if crafted else _damaged(rng, whole))
    if path.read_bytes() == whole:
        return "the same"
    model = dnn_xp.load(path)
    if not crafted:
        raise Finding("a damaged file was loaded")
    finite("theta", model.theta)
    if model.encoder is None or model.encoder.plain:
        X = np.random.default_rng(0).standard_normal((model.sizes[0], 5))
        finite("a prediction", model.predict(X))
    repr(model)
    model.save(path)
    return "loaded"


def _damaged(rng: Rng, whole: bytes) -> bytes:
    damaged = bytearray(whole)
    for _ in range(int(rng.integers(1, 4))):
        damaged[int(rng.integers(len(damaged)))] ^= 1 << int(rng.integers(8))
    if chance(rng, 0.2):
        return bytes(damaged[: int(rng.integers(len(damaged)))])
    return bytes(damaged) if chance(rng, 0.9) else bytes(damaged) + b"\0"


def _crafted(rng: Rng, whole: bytes) -> bytes:
    """The file of the older format, without a digest, whose header is changed."""
    (length,) = struct.unpack("<Q", whole[:8])
    header, tensors = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    metadata = header["__metadata__"]
    del metadata["sha256"]
    metadata["format"] = "dnn_xp model 1"
    for _ in range(int(rng.integers(1, 3))):
        if chance(rng, 0.6):
            try:
                description = json.loads(metadata["model"])
            except (KeyError, TypeError, ValueError):
                continue
            metadata["model"] = json.dumps(_changed(rng, description))
        elif chance(rng, 0.5):
            values = np.frombuffer(tensors, np.uint8).copy()
            values[int(rng.integers(len(values)))] ^= 0x7F
            tensors = values.tobytes()
        else:
            header = _changed(rng, header)
            metadata = header.get("__metadata__") if isinstance(header, dict) else None
            if not isinstance(metadata, dict):
                break
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + tensors


_WORDS = (
    *("train", "predict", "info", "good.csv", "bad.csv", "good.npy", "bad.npy", "model", "crafted"),
    *("--target", "--features", "--exclude", "--hidden", "--activation", "--optimizer", "--seed"),
    *("--learning-rate", "--batch-size", "--cost", "--l2", "--threads", "--validation", "--proba"),
    *("--no-standardize", "--examples", "--x-key", "--test-fraction", "--groups", "--missing"),
    *("--debug", "--force", "-o", "--separator", "--decimal", "--class-weight", "--keep-prob"),
    *("y", "a", "b,y", "c", "0", "-1", "1", "0.5", "8,8", "relu", "adam", "rows", "nan", "1e400"),
    *("", "ä", "::", "good.csv::a", "x" * 300, "\udc80", "--", "-", "=", "--target=", "none", "."),
)


def shell(fuzz: Fuzz, rng: Rng) -> str:
    """A command of the shell: an exit code and one line, and never a traceback."""
    _write_files(fuzz, rng)
    words = [str(one_of(rng, _WORDS)) for _ in range(int(rng.integers(0, 5)))]
    kind = rng.random()
    if kind < 0.6:
        data = one_of(rng, ("good.csv", "bad.csv", "good.npy", "bad.npy", "no.csv"))
        target = "y" if data.endswith("csv") else "0"
        words = [
            "train",
            data,
            "--target",
            target,
            "-o",
            "model",
            "--force",
            "--iterations",
            "1",
            *words,
        ]
    elif kind < 0.8:
        model, data = (
            one_of(rng, ("model", "crafted", "good.csv")),
            one_of(rng, ("good.csv", "bad.csv")),
        )
        words = ["predict", model, data, *words]
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(fuzz.folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main(words)
    said = err.getvalue()
    if code not in (0, 1, 2):
        raise Finding(f"exit code {code} of {words}")
    if "(unexpected;" in said or ("Traceback" in said and "--debug" not in words):
        raise Finding(f"{words}: {said}")
    if code == 1 and "dnn-xp: error: " not in said:
        raise Finding(f"{words}: no reason on stderr: {said!r}")
    if "nan" in out.getvalue().lower().split():
        raise Finding(f"{words}: NaN in the output")
    return f"exit code {code}"


def _write_files(fuzz: Fuzz, rng: Rng) -> None:
    good = "a,b,c,y\n" + "".join(
        f"{rng.standard_normal():.3g},{rng.integers(5)},{one_of(rng, 'uvw')},{k % 2}\n"
        for k in range(30)
    )
    (fuzz.folder / "good.csv").write_text(good)
    bad = bytearray(good.encode())
    for _ in range(int(rng.integers(1, 6))):
        place, how = int(rng.integers(len(bad))), int(rng.integers(4))
        if how == 0:
            bad[place : place + 1] = os.fsencode(
                one_of(rng, (",", '"', "\n", "\0", "ä", "nan", "1e999"))
            )
        elif how == 1:
            bad[place] ^= 1 << int(rng.integers(8))
        elif how == 2:
            del bad[place : place + int(rng.integers(40))]
        else:
            bad[place:place] = one_of(rng, (b"1e300", b"\r", b";", b"-", b"\xff\xfe", b"999" * 9))
        bad = bad or bytearray(b"\n")
    (fuzz.folder / "bad.csv").write_bytes(bad)
    array = rng.standard_normal((20, 3))
    np.save(fuzz.folder / "good.npy", array)
    whole = bytearray((fuzz.folder / "good.npy").read_bytes())
    for _ in range(int(rng.integers(1, 4))):
        whole[int(rng.integers(160))] ^= 1 << int(rng.integers(8))
    (fuzz.folder / "bad.npy").write_bytes(whole[: int(rng.integers(1, len(whole) + 300))])


def paths(fuzz: Fuzz, rng: Rng) -> str:
    """Files of data straight into train."""
    _write_files(fuzz, rng)
    name = one_of(
        rng, ("good.csv", "bad.csv", "good.npy", "bad.npy", "model", "no.npy", "a\0b.npy")
    )
    Y: Any = "y" if name.endswith("csv") and chance(rng, 0.9) else np.arange(20) % 2
    Y = junk(rng) if chance(rng, 0.05) else Y
    model = dnn_xp.train(fuzz.folder / name, Y, examples="rows", hidden=[2], iterations=1)
    finite("theta", model.theta)
    return "trained"


KINDS += [*[("load", load)] * 4, *[("shell", shell)] * 3, ("paths", paths)]
