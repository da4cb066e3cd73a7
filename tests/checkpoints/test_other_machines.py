"""A checkpoint from one library or device goes on with another, and the model says so."""

from __future__ import annotations

import numpy as np
import pytest
from as_cuda import serve_as_cuda
from trainings import examples, figures

import dnn_xp
from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.training.checkpoints.folder import Folder

X, Y = examples()
X = X.astype("float32")
KEPT = {"checkpoint_every": 1, "keep": 10**6}


def go_back(folder, count):
    for _, path in Folder(folder).files()[count:]:
        path.unlink()


@pytest.fixture
def cuda(monkeypatch):
    """NumPy as a device whose costs are fetched together."""

    def backend():
        return numpy_backend()._replace(
            device_name="cuda:0", asynchronous=True, block_bytes=1 << 14
        )

    serve_as_cuda(monkeypatch, backend)


@pytest.mark.parametrize(
    "how",
    [
        {"iterations": 70},
        {"iterations": 70, "report_every": 3, "keep_prob": 0.9},
        {"batch_size": 64, "epochs": 12},
        {"optimizer": "lbfgs", "iterations": 12, "l2": 0.0},
    ],
)
def test_on_a_device_the_bits_are_the_same_and_on_the_host_near(how, cuda, tmp_path):
    how = {"hidden": [6], **how}
    expected = figures(dnn_xp.train(X, Y, device="cuda", **how))
    folder = tmp_path / "kept"
    model = dnn_xp.train(X, Y, device="cuda", checkpoint=folder, **how, **KEPT)
    assert figures(model) == expected
    files = Folder(folder).files()
    go_back(folder, len(files) // 2)
    assert figures(dnn_xp.resume(folder, X, Y)) == expected
    go_back(folder, len(files) // 2)
    here = dnn_xp.resume(folder, X, Y, device="cpu")
    assert " on: numpy on cpu in blocks of " in here.settings["resumed"]
    assert here.history.iterations == model.history.iterations
    np.testing.assert_allclose(here.history.costs, model.history.costs, rtol=1e-3, atol=1e-4)
    # And back; what was said is kept.
    go_back(folder, len(files) * 3 // 4)
    back = dnn_xp.resume(folder, X, Y, device="cuda")
    assert back.settings["resumed"].count("the last bits may be others") == 2
    np.testing.assert_allclose(back.history.costs, model.history.costs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("library", ["array_api_strict-CPU_DEVICE", "torch"], indirect=True)
def test_arrays_of_another_library(library, tmp_path):
    model = dnn_xp.train(X, Y, hidden=[6], iterations=30, checkpoint=tmp_path, **KEPT)
    go_back(tmp_path, 10)
    again = dnn_xp.resume(tmp_path, library.array(X), Y.tolist())
    done = again.settings["resumed"].split()[1]
    assert again.settings["resumed"].startswith(f"from {done} on: {library.name.partition('-')[0]}")
    assert again.history.costs[: int(done)] == model.history.costs[: int(done)]
    np.testing.assert_allclose(library.numpy(again.theta), model.theta, rtol=1e-3, atol=1e-4)
    # Back on NumPy, from what another library has written.
    go_back(tmp_path, len(Folder(tmp_path).files()) - 1)
    last = dnn_xp.resume(tmp_path, X, Y)
    np.testing.assert_allclose(last.theta, model.theta, rtol=1e-3, atol=1e-4)
