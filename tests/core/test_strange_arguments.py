"""Values that answer no comparison, hash or conversion are refused by name like any other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dnn_xp
from dnn_xp.common.errors import ArgumentError
from dnn_xp.common.messages import describe

X = np.random.default_rng(0).standard_normal((2, 20))
Y = (X[0] > 0).astype(int)
STRANGE = {"array": np.zeros(2), "list": [], "10**400": 10**400, "bytes": b"ab", "dict": {}}
REFUSING = {
    "device": ("array", "list", "10**400", "bytes", "dict"),
    "examples": ("array", "list", "10**400", "bytes", "dict"),
    "block_size": ("array", "list", "bytes", "dict"),
    "cost": ("array", "list", "10**400", "bytes", "dict"),
    "output_activation": ("array", "list", "10**400", "bytes", "dict"),
    "l2": ("array", "list", "10**400", "bytes", "dict"),
    "clip_norm": ("array", "list", "10**400", "bytes", "dict"),
    "threads": ("array", "list", "bytes", "dict"),
}


@pytest.mark.parametrize(
    ("argument", "name"), [(each, name) for each, names in REFUSING.items() for name in names]
)
def test_train_names_the_argument(argument: str, name: str) -> None:
    value: Any = STRANGE[name]
    with pytest.raises(ArgumentError) as caught:
        dnn_xp.train(X, Y, iterations=1, **{argument: value})
    assert (caught.value.argument, caught.value.got) == (argument, describe(value))


@pytest.mark.parametrize("name", STRANGE)
def test_a_model_names_the_argument(name: str, tmp_path: Any) -> None:
    model, value = dnn_xp.train(X, Y, hidden=[2], iterations=1), STRANGE[name]
    model.save(tmp_path / "model")
    calls = {
        "examples": lambda: model.predict(X, examples=value),
        "device": lambda: model.to(value),
        "path": lambda: model.save(value) if name != "bytes" else dnn_xp.load(b"model"),
    }
    for argument, call in calls.items():
        with pytest.raises(ArgumentError) as caught:
            call()
        assert caught.value.argument == argument
    with pytest.raises(ArgumentError) as caught:
        dnn_xp.load(tmp_path / "model", device=value)
    assert (caught.value.argument, caught.value.got) == ("device", describe(value))
