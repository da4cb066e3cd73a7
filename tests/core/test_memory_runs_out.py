"""Where memory does not hold a block, blocks are halved, the training goes on, and it says so."""

from __future__ import annotations

import numpy as np
import pytest

import dnn_xp
from dnn_xp.backends.numpy import numpy_backend


class Device:
    """A stand-in for a GPU: NumPy arrays, copies counted, no array of more than `room` examples."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.released = 0

    def compile(self, function):
        def step(parameters, X, *others):
            if X.shape[1] > self.room:
                raise MemoryError(f"no room for {X.shape[1]} examples")
            return function(parameters, X, *others)

        return step

    def release(self):
        self.released += 1

    def backend(self):
        return numpy_backend()._replace(
            device_name="cuda:0", compile=self.compile, release_memory=self.release
        )


@pytest.fixture
def data(rng):
    X = rng.standard_normal((4, 600))
    return X, X[0] * X[1] > 0


OPTIONS = {"hidden": [5], "iterations": 4, "device": "cuda", "block_size": 256}


def train_on(device, monkeypatch, data, **options):
    monkeypatch.setattr("dnn_xp.backends.choice.why_not_cuda", lambda index: None)
    monkeypatch.setattr("dnn_xp.backends.choice.cupy_backend", lambda index: device.backend())
    return dnn_xp.train(*data, **OPTIONS | options)


def test_blocks_are_halved_until_they_fit_and_the_result_is_the_same(data, monkeypatch):
    device = Device(room=100)
    with pytest.warns(dnn_xp.BlockSizeWarning) as warned:
        model = train_on(device, monkeypatch, data)
    assert [str(each.message) for each in warned] == [
        "memory ran out with blocks of 256 examples on cuda:0; going on with blocks of 128",
        "memory ran out with blocks of 128 examples on cuda:0; going on with blocks of 64",
    ]
    assert device.released == 2
    assert (model.record.block_size, model.record.blocks) == (64, 10)
    unbounded = train_on(Device(room=10_000), monkeypatch, data, block_size=64)
    assert model.theta.tobytes() == unbounded.theta.tobytes()


def test_memory_that_does_not_hold_one_example_is_an_error(data, monkeypatch):
    with (
        pytest.warns(dnn_xp.BlockSizeWarning),
        pytest.raises(MemoryError, match="no room for 1 examples"),
    ):
        train_on(Device(room=0), monkeypatch, data)
    assert np.isfinite(data[0]).all()
