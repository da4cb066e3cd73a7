"""What the CuPy record asks of CuPy, with a module in its place that writes down what it is asked."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from dnn_xp.backends.cuda.backend import cupy_backend
from dnn_xp.backends.cuda.transfers import transfers
from dnn_xp.backends.staging import Staging

GIB = 1 << 30


class CUDARuntimeError(RuntimeError):
    def __init__(self, status):
        super().__init__(f"cudaError {status}")
        self.status = status


class FakeCupy(types.ModuleType):
    """CuPy as far as copies and memory go; `said` is what was asked, in order."""

    __version__ = "14.0-fake"
    uint8 = np.uint8

    def __init__(self, *, free=0, cached=0, limit=0, used=0, pinned_fails=None):
        super().__init__("cupy")
        self.said = []
        self.pinned_fails = pinned_fails
        self.entered = [types.SimpleNamespace(name="computing")]
        self.pool = types.SimpleNamespace(
            free_bytes=lambda: cached,
            get_limit=lambda: limit,
            used_bytes=lambda: used,
            free_all_blocks=lambda: self.said.append("free device memory"),
        )
        pinned_pool = types.SimpleNamespace(
            free_all_blocks=lambda: self.said.append("free pinned memory")
        )
        self.get_default_memory_pool = lambda: self.pool
        self.get_default_pinned_memory_pool = lambda: pinned_pool
        self.cuda = types.SimpleNamespace(
            Device=self.device,
            Stream=lambda non_blocking: self.stream("copying" if non_blocking else "blocking"),
            Event=self.event,
            get_current_stream=lambda: self.stream("computing"),
            alloc_pinned_memory=self.alloc_pinned_memory,
            runtime=types.SimpleNamespace(
                memGetInfo=lambda: (free, 80 * GIB), CUDARuntimeError=CUDARuntimeError
            ),
        )

    def device(self, index):
        return self.context(f"device {index}", synchronize=None)

    def context(self, name, **more):
        """Something to be entered, whose name `where` gives while it is."""
        entered = self.entered

        class Context(types.SimpleNamespace):
            def __enter__(self):
                entered.append(self)

            def __exit__(self, *error):
                entered.pop()

        return Context(name=name, **more)

    def stream(self, name):
        return self.context(
            name,
            wait_event=lambda event: self.note(f"{name} waits for {event.name}"),
        )

    def event(self, *, block, disable_timing):
        assert block
        assert disable_timing
        event = types.SimpleNamespace(name=None)

        def record(stream):
            event.name = f"what {stream.name} has"
            self.note(f"record {event.name}")

        event.record = record
        event.synchronize = lambda: self.said.append(f"host waits for {event.name}")
        return event

    def note(self, what):
        assert self.entered[-1].name == "device 3"
        self.said.append(what)

    def empty(self, nbytes, dtype):
        assert [each.name for each in self.entered[-2:]] == ["device 3", "computing"]
        self.said.append(f"{nbytes} bytes")
        array = np.zeros(nbytes, dtype).view(DeviceArray)
        array.said = self.said
        return array

    def alloc_pinned_memory(self, nbytes):
        if self.pinned_fails is not None:
            raise CUDARuntimeError(self.pinned_fails)
        self.said.append(f"{nbytes} pinned bytes")
        return bytearray(512)  # of the pool, which rounds up


class DeviceArray(np.ndarray):
    said: list[str]

    def __array_finalize__(self, array):
        self.said = getattr(array, "said", [])

    def set(self, array, stream):
        self[...] = array
        self.said.append(f"{stream.name} copies {array.nbytes}")


@pytest.fixture
def use(monkeypatch):
    """Puts a module in the place of CuPy."""

    def put(cupy):
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        namespace = types.ModuleType("array_api_compat.cupy")
        monkeypatch.setitem(sys.modules, "array_api_compat.cupy", namespace)
        monkeypatch.setattr("array_api_compat.cupy", namespace, raising=False)
        return cupy

    return put


def test_two_blocks_through_one_buffer(use):
    cupy = use(FakeCupy())
    staging = Staging(transfers(3), 1)
    for value in (1.0, 2.0):
        arriving = staging(np.full((2, 3), value))
        assert arriving.receive().tolist() == [[value] * 3] * 2
        arriving.release()
    through = [
        "copying waits for what computing has",
        "copying copies 48",
        "record what copying has",
        "computing waits for what copying has",
        "record what computing has",
    ]
    assert cupy.said == [
        *("48 bytes", "48 pinned bytes", "record what computing has", *through),
        *("host waits for what copying has", *through),
    ]


def test_no_pinned_memory_is_a_memory_error_and_other_errors_are_not(use):
    use(FakeCupy(pinned_fails=2))
    with pytest.raises(MemoryError, match="no 48 bytes of page-locked host memory: cudaError 2"):
        transfers(3).pinned(48)
    use(FakeCupy(pinned_fails=35))
    with pytest.raises(CUDARuntimeError, match="cudaError 35"):
        transfers(3).pinned(48)


@pytest.mark.parametrize(
    ("limit", "used", "available"),
    [(0, 5, 12), (100, 5, 12), (10, 4, 6), (10, 11, 0)],
    ids=["no limit", "a high one", "a low one", "beyond it"],
)
def test_the_limit_of_the_pool_bounds_the_memory_there_is(limit, used, available, use):
    use(FakeCupy(free=10 * GIB, cached=2 * GIB, limit=limit * GIB, used=used * GIB))
    assert cupy_backend(3).memory_available() == available * GIB


def test_releasing_memory_lets_the_buffers_go_first(use):
    cupy = use(FakeCupy())
    backend = cupy_backend(3)
    staging = backend.stage(1)
    staging(np.zeros((2, 3)))
    cupy.said.clear()
    backend.release_memory()
    assert cupy.said == [
        "host waits for what copying has",
        "free device memory",
        "free pinned memory",
    ]
    cupy.said.clear()
    staging(np.zeros((2, 3)))
    assert cupy.said[0] == "48 bytes"
