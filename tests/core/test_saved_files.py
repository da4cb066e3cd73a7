"""A saved model is read as it was written, or refused: no bit may change unnoticed, nothing crafted gets in."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refused
from safetensors import safe_open
from safetensors.numpy import save_file

import dnn_xp
from dnn_xp.model.digest import is_whole
from dnn_xp.model.history import History
from dnn_xp.model.stored import ENTRIES, check_description, check_tensors, wanted_tensors

DAMAGED = "path | ..., which is damaged (its SHA-256 digest is ...) | a saved model"
NO_FIT = "path | ..., whose description is damaged or of a newer version (...) | a saved model"


@pytest.fixture(scope="module")
def model():
    X = np.random.default_rng(0).standard_normal((4, 80))
    Y = np.array(["ant", "bee", "cow"])[(X[0] > 0).astype(int) + (X[1] > 0)]
    return dnn_xp.train(X, Y, hidden=[5], iterations=3, standardize=True, validation=0.2)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    model.save(path)
    return path.read_bytes()


def contents(whole, path):
    """Description and tensors of a saved model."""
    path.write_bytes(whole)
    with safe_open(path, framework="numpy") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        return json.loads(file.metadata()["model"]), tensors


def write_unsigned(path, description, tensors):
    """As the first version of the format wrote models, without a digest."""
    text = description if isinstance(description, str) else json.dumps(description)
    save_file(tensors, path, metadata={"format": "dnn_xp model 1", "model": text})


# Damage


def test_the_digest_is_that_of_hashlib(saved, tmp_path):
    """Of the whole file with zeros in its place."""

    length = int.from_bytes(saved[:8], "little")
    metadata = json.loads(saved[8 : 8 + length])["__metadata__"]
    digest = metadata["sha256"].encode()
    assert saved.count(digest) == 1
    unsigned = saved.replace(digest, b"0" * 64)
    assert hashlib.sha256(unsigned).hexdigest().encode() == digest


def test_a_changed_byte_anywhere_is_refused(saved, tmp_path):
    """Each byte in turn, the one bit or all bits of it, found by the digest itself."""
    rng, path = np.random.default_rng(1), tmp_path / "model"
    step = max(1, len(saved) // 600)
    for at in range(0, len(saved), step):
        damaged = bytearray(saved)
        damaged[at] ^= int(rng.choice([1 << int(rng.integers(8)), 255]))
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged"):
            dnn_xp.load(path)


@given(data=st.data())
def test_bytes_replaced_lost_or_added_are_refused(saved, tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "model"
    start = data.draw(st.integers(0, len(saved) - 1))
    stop = data.draw(st.integers(start, min(start + 50, len(saved))))
    damaged = saved[:start] + data.draw(st.binary(max_size=50)) + saved[stop:]
    path.write_bytes(damaged)
    if damaged == saved:
        dnn_xp.load(path)
    else:
        with pytest.raises(ValueError, match=r"damaged|no safetensors file"):
            dnn_xp.load(path)


def test_a_changed_tensor_is_said_to_be_damaged(saved, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(saved[:-1] + bytes([saved[-1] ^ 1]))
    with refused(ValueError, DAMAGED):
        dnn_xp.load(path)


def test_a_lost_digest_is_damage(saved, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(saved.replace(b'"sha256"', b'"sha257"'))
    with refused(ValueError, DAMAGED):
        dnn_xp.load(path)


def test_text_of_the_user_is_not_taken_for_the_digest(model, tmp_path):
    path, text = tmp_path / "model", '"sha256":"' + "a" * 64 + '"'

    replace(model, settings=model.settings | {text: text, "feature_names": [text]}).save(path)
    assert is_whole(path)
    assert dnn_xp.load(path).settings["feature_names"] == [text]


def test_files_from_before_the_digest_load(model, saved, tmp_path):
    path = tmp_path / "old"
    description, tensors = contents(saved, path)
    del description["stopped"]
    write_unsigned(path, description, tensors)
    again = dnn_xp.load(path)
    assert again.theta.tobytes() == model.theta.tobytes()
    assert again.stopped is None


# Crafted descriptions


def deep(levels):
    return "[" * levels + "]" * levels


HISTORY = {name: [] for name in History.__dataclass_fields__} | {"metrics": {}}
DESCRIPTIONS = {
    "sizes that do not fit the tensors": {"sizes": [4, 9, 3]},
    "sizes without end": {"sizes": [4, *[1] * 1_000_000, 3]},
    "sizes that are text": {"sizes": "four"},
    "one size": {"sizes": [4]},
    "a size of 0": {"sizes": [4, 0, 3]},
    "a size that is true": {"sizes": [4, True, 3]},
    "huge sizes": {"sizes": [10**12, 10**12, 3]},
    "sizes beyond all integers": {"sizes": [4, 10**400, 3]},
    "an unknown activation": {"activations": ["rlu", "softmax"]},
    "too few activations": {"activations": ["softmax"]},
    "activations in a dict": {"activations": {"relu": 1, "softmax": 2}},
    "an unknown cost": {"cost": "hinge"},
    "a cost that cannot be hashed": {"cost": []},
    "keep_probs of 0": {"keep_probs": [0.0]},
    "keep_probs of no layer": {"keep_probs": [0.5, 0.5]},
    "an unknown kind": {"kind": "nope"},
    "a kind that does not fit": {"kind": "binary"},
    "flat_targets of text": {"flat_targets": "no"},
    "two classes for three outputs": {"classes": ["ant", "bee"]},
    "classes of numbers in a dtype of text": {"classes": [1, 2, 3]},
    "classes of objects": {"classes_dtype": "O"},
    "classes of many GiB": {"classes_dtype": "<U2000000000"},
    "no dtype": {"classes_dtype": "nothing"},
    "history of nothing": {"history": None},
    "history of text": {"history": {"iterations": ["a"]}},
    "a surplus field of the record": {"record": {"surplus": 1}},
    "settings of a list": {"settings": []},
    "parameters of no report": {"settings": {"kept_iteration": 77}},
    "a history of unequal lists": {"history": HISTORY | {"costs": [1.0]}},
    "a metric of unequal length": {
        "history": HISTORY | {"metrics": {"validation_accuracy": [1.0]}}
    },
    "labels beyond their dtype": {"classes": [1, 2, 2**70], "classes_dtype": "<i8"},
    "a label beyond float16": {"classes": [1.0, 2.0, 1e9], "classes_dtype": "<f2"},
    "a label that is NaN": {"classes": [1.0, 2.0, float("nan")], "classes_dtype": "<f8"},
    "an unknown reason to stop": {"stopped": "tired"},
    "an unknown entry": {"encoding": {}},
}


@pytest.mark.parametrize("changed", DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_a_description_that_does_not_fit_is_refused(changed, saved, tmp_path):
    description, tensors = contents(saved, tmp_path / "model")
    write_unsigned(tmp_path / "model", description | changed, tensors)
    tracemalloc.start()
    try:
        with refused(ValueError, NO_FIT):
            dnn_xp.load(tmp_path / "model")
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if not entry.optional])
def test_a_description_without_an_entry_is_refused(name, saved, tmp_path):
    description, _ = contents(saved, tmp_path / "model")
    with pytest.raises(ValueError, match=f"{name} is missing"):
        check_description({key: each for key, each in description.items() if key != name})


@pytest.mark.parametrize("text", [deep(100_000), "{", "[]", "1" * 5000, "null"])
def test_a_description_that_is_no_object_is_refused(text, saved, tmp_path):
    _, tensors = contents(saved, tmp_path / "model")
    write_unsigned(tmp_path / "model", text, tensors)
    with refused(ValueError, NO_FIT):
        dnn_xp.load(tmp_path / "model")


# Crafted tensors

TENSORS = {
    "one is missing": {"b1": None},
    "one is unknown": {"W3": np.zeros((3, 3))},
    "another shape": {"W1": np.zeros((4, 5))},
    "flat": {"b1": np.zeros(5)},
    "integers": {"b1": np.zeros((5, 1), dtype=np.int64)},
    "float16": {"b1": np.zeros((5, 1), dtype=np.float16)},
    "another dtype": {"b1": np.zeros((5, 1), dtype=np.float32)},
    "NaN": {"W1": np.full((5, 4), np.nan)},
    "infinity": {"b2": np.full((3, 1), np.inf)},
    "a mean without a scale": {"scale": None},
    "a scale without a mean": {"mean": None},
    "a scale of 0": {"scale": np.zeros((4, 1))},
    "a scale below 0": {"scale": -np.ones((4, 1))},
    "an infinite mean": {"mean": np.full((4, 1), -np.inf)},
}


@pytest.mark.parametrize("changed", TENSORS.values(), ids=TENSORS)
def test_tensors_that_do_not_fit_are_refused(changed, saved, tmp_path):
    description, tensors = contents(saved, tmp_path / "model")
    tensors = {name: each for name, each in (tensors | changed).items() if each is not None}
    write_unsigned(tmp_path / "model", description, tensors)
    with refused(ValueError, NO_FIT):
        dnn_xp.load(tmp_path / "model")


def test_every_wanted_tensor_is_checked(saved, tmp_path):
    description, tensors = contents(saved, tmp_path / "model")
    check_tensors(description, tensors)
    targets = {"target_mean": np.zeros((3, 1)), "target_scale": np.ones((3, 1))}
    targets |= {"target_low": np.zeros((3, 1)), "target_high": np.ones((3, 1))}
    tensors |= targets
    check_tensors(description, tensors)
    for name in targets:
        with pytest.raises(ValueError, match="must be of shape"):
            check_tensors(description, tensors | {name: np.ones((2, 1))})
    with pytest.raises(ValueError, match="target_scale must be > 0"):
        check_tensors(description, tensors | {"target_scale": np.zeros((3, 1))})
    for name in wanted_tensors(description):
        bad = tensors[name].copy()
        bad[0, 0] = np.nan
        with pytest.raises(ValueError, match=f"{name} must be finite"):
            check_tensors(description, tensors | {name: bad})


def header(entries, data=b""):
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


ABOUT = {"__metadata__": {"format": "dnn_xp model 1", "model": "{}"}}
HEADERS = {
    "a header of 2**60 bytes": struct.pack("<Q", 2**60) + b"{}",
    "a tensor of 2**50 values": header(
        ABOUT | {"W1": {"dtype": "F64", "shape": [2**25, 2**25], "data_offsets": [0, 8]}}, b"0" * 8
    ),
    "a shape whose product overflows": header(
        ABOUT | {"W1": {"dtype": "F64", "shape": [2**63, 2], "data_offsets": [0, 0]}}
    ),
    "offsets that overlap": header(
        ABOUT
        | {
            "W1": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]},
            "b1": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]},
        },
        b"0" * 8,
    ),
    "offsets beyond the file": header(
        ABOUT | {"W1": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}}, b"0" * 8
    ),
    "offsets backwards": header(
        ABOUT | {"W1": {"dtype": "F64", "shape": [1], "data_offsets": [8, 0]}}, b"0" * 8
    ),
    "deep nesting": header(b'{"__metadata__":' + deep(100_000).encode() + b"}"),
    "metadata that is no text": header({"__metadata__": {"format": 1}}),
}


@pytest.mark.parametrize("crafted", HEADERS.values(), ids=HEADERS)
def test_a_crafted_header_is_refused_without_large_allocations(crafted, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(crafted)
    tracemalloc.start()
    try:
        with refused(ValueError, "path | ... damaged (...) | a saved model"):
            dnn_xp.load(path)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("how", "changed", "why"),
    [
        ({}, {"ensemble": [1, True]}, "ensemble must be None, or a number of members >= 2"),
        ({}, {"ensemble": [3, 1]}, "ensemble must be None, or a number of members >= 2"),
        ({}, {"ensemble": [10**9, True]}, "W2 must be of shape (1000000000, 3); got (3, 3)"),
        (
            {},
            {"activations": ["relu", "tanh"]},
            "ensemble must be None, or a number of members >= 2",
        ),
        ({}, {"ensemble": None}, "unknown tensors ['s']"),
        ({}, {"ensemble": [3, False]}, "W1 must be of shape (9, 4); got (3, 4)"),
        ({"s": None}, {}, "the tensor s is missing"),
        ({"s": np.ones((3, 5))}, {}, "s must be of shape (3, 4); got (3, 5)"),
    ],
)
def test_an_ensemble_that_does_not_fit_its_tensors_is_refused(how, changed, why, tmp_path):
    X = np.random.default_rng(0).standard_normal((4, 40))
    model = dnn_xp.train(X, X[0] > 0, hidden=[3], ensemble=3, iterations=2)
    model.save(tmp_path / "model")
    description, tensors = contents((tmp_path / "model").read_bytes(), tmp_path / "copy")
    tensors = {name: each for name, each in (tensors | how).items() if each is not None}
    with pytest.raises(ValueError, match=re.escape(why)):
        check_tensors(check_description(description | changed), tensors)


def test_a_file_from_before_ensembles_is_read(model, saved, tmp_path):
    description, tensors = contents(saved, tmp_path / "copy")
    del description["ensemble"]
    write_unsigned(tmp_path / "old", description, tensors)
    assert dnn_xp.load(tmp_path / "old").network == model.network
