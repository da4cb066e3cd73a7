"""Where memory does not hold a block, blocks are halved, the training goes on, and it says so."""

from __future__ import annotations

import numpy as np
import pytest
from cuda_stand_in import CudaStandIn

import dnn_xp


@pytest.fixture
def data(rng):
    X = rng.standard_normal((4, 600))
    return X, X[0] * X[1] > 0


OPTIONS = {"hidden": [5], "iterations": 4, "device": "cuda", "block_size": 256}


def train_on(device, monkeypatch, data, **options):
    device.use(monkeypatch)
    return dnn_xp.train(*data, **OPTIONS | options)


def test_blocks_are_halved_until_they_fit_and_the_result_is_the_same(data, monkeypatch):
    device = CudaStandIn(examples=100)
    with pytest.warns(dnn_xp.BlockSizeWarning) as warned:
        model = train_on(device, monkeypatch, data)
    assert [str(each.message) for each in warned] == [
        "memory ran out with blocks of 256 examples on cuda:0; going on with blocks of 128",
        "memory ran out with blocks of 128 examples on cuda:0; going on with blocks of 64",
    ]
    assert device.released == 2
    assert (model.record.block_size, model.record.blocks) == (64, 10)
    unbounded = train_on(CudaStandIn(), monkeypatch, data, block_size=64)
    assert model.theta.tobytes() == unbounded.theta.tobytes()


def test_memory_that_does_not_hold_one_example_is_an_error(data, monkeypatch):
    with (
        pytest.warns(dnn_xp.BlockSizeWarning),
        pytest.raises(MemoryError, match="no room for 1 examples"),
    ):
        train_on(CudaStandIn(examples=0), monkeypatch, data)
    assert np.isfinite(data[0]).all()
