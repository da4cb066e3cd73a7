"""compile=True: torch.compile where there is a choice, an error where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from refusals import refused

import dnn_xp


@pytest.fixture
def data(rng):
    X = rng.standard_normal((3, 40))
    return X, (X[0] * X[1] > 0).astype(int).tolist()


def test_numpy_has_nothing_to_compile(data):
    parts = (
        "compile | True with numpy | False unless X and Y are PyTorch tensors (torch.compile) | ..."
    )
    with refused(ValueError, parts):
        dnn_xp.train(*data, hidden=[4], iterations=2, compile=True)


@pytest.mark.slow
def test_compiled_torch_trains_to_the_same_parameters(torch, data):
    X, Y = data
    options = {"hidden": [4], "iterations": 5, "block_size": 16}
    as_written = dnn_xp.train(torch.asarray(X), Y, **options)
    compiled = dnn_xp.train(torch.asarray(X), Y, compile=True, **options)
    np.testing.assert_allclose(compiled.theta.numpy(), as_written.theta.numpy(), rtol=1e-10)
