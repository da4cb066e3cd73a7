"""Data that travel against data that stay: measured with NumPy in the place of a GPU."""

from __future__ import annotations

import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from as_cuda import serve_as_cuda

from benchmarks.gpu import streaming
from benchmarks.gpu.sheet import Sheet, Task
from benchmarks.reporting import gpu
from benchmarks.shapes import named
from dnn_xp.backends.numpy.backend import numpy_backend

SHAPE = named("28-32-32-1")
ALLOWED = 1 << 20


class Gpu:
    """NumPy by another name, which knows how much memory is free and what it was given."""

    def __init__(self):
        self.free = 1 << 40
        self.largest = 0

    def from_host(self, array):
        self.largest = max(self.largest, array.nbytes)
        return np.array(array)

    def backend(self):
        return numpy_backend()._replace(
            library="fake",
            device_name="cuda:0",
            from_host=self.from_host,
            memory_available=lambda: self.free,
            largest_block=128,
        )

    @contextmanager
    def limit(self, allowed):
        before, self.free, self.largest = self.free, allowed, 0
        yield
        self.free = before

    def held(self):
        return self.largest


@pytest.fixture
def fake(monkeypatch):
    fake = Gpu()
    serve_as_cuda(monkeypatch, fake.backend)
    return fake


def test_data_travel_under_the_limit_and_stay_without_it(fake):
    row = streaming.compare(SHAPE, ALLOWED, fake.limit, fake.held)
    assert row["allowed_bytes"] == ALLOWED
    assert 1.9 * ALLOWED < row["X_bytes"] <= 2 * ALLOWED
    assert row["streamed"]["device_bytes"] < ALLOWED < row["X_bytes"]
    assert row["resident"]["device_bytes"] == row["X_bytes"]
    assert row["same_bits"]
    assert row["largest_difference"] == 0.0
    assert row["streamed"]["block_size"] == row["resident"]["block_size"] < row["m"]
    assert row["times_resident"] == row["streamed"]["seconds"] / row["resident"]["seconds"]
    assert row["bytes_per_second"] == row["X_bytes"] / row["streamed"]["seconds"]


def test_a_limit_that_does_not_hold_is_no_measurement(fake):
    @contextmanager
    def none(allowed):
        yield

    with pytest.raises(RuntimeError, match="in spite of the limit"):
        streaming.compare(SHAPE, ALLOWED, none, fake.held)


def test_other_bits_are_seen(fake, monkeypatch):
    train = streaming._train

    def other(*arguments, **how):
        model, row = train(*arguments, **how)
        if how.get("block_size", "auto") != "auto":
            object.__setattr__(model, "theta", model.theta + np.float32(0.5))
        return model, row

    monkeypatch.setattr(streaming, "_train", other)
    row = streaming.compare(SHAPE, ALLOWED, fake.limit, fake.held)
    assert not row["same_bits"]
    assert row["largest_difference"] == pytest.approx(0.5)


def test_the_start_and_the_last_report_do_not_count(monkeypatch):
    model = SimpleNamespace(
        history=SimpleNamespace(seconds=(50.0, 51.0, 53.0, 55.0, 56.0, 99.0)),
        record=SimpleNamespace(block_size=7),
    )
    monkeypatch.setattr(streaming.dnn_xp, "train", lambda X, Y, **how: model)
    _, row = streaming._train(SHAPE, None, None, held=lambda: 0)
    assert (row["seconds"], row["best"], row["block_size"]) == (1.5, 1.0, 7)


def test_examples_are_as_large_as_they_should_be():
    for shape in streaming.NETWORKS:
        X, Y = streaming.examples(shape, 1 << 21)
        assert X.shape == (shape.sizes[0], len(Y))
        assert 0.8 * (1 << 21) < X.nbytes <= 1 << 21
        assert len(np.unique(Y)) == max(2, shape.sizes[-1])


def test_the_part_to_its_end(fake, tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "ALLOWED", 2 * ALLOWED)
    monkeypatch.setattr(streaming, "ITERATIONS", 2)
    monkeypatch.setattr(streaming, "little_memory", fake.limit)
    monkeypatch.setattr(streaming, "pool_bytes", fake.held)
    sheet = Sheet("streaming", tmp_path, until=time.time() + 600, settings={})
    streaming.measure(Task("", "cuda", 1.0, 1.0, 1.0, (), (), sheet))
    page = gpu.streaming({"rows": sheet.rows})
    assert page.count("the same bits") == len(streaming.NETWORKS)
    assert "Left out" not in page
