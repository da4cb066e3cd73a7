"""A stand-in for a CUDA device: NumPy arrays, and two streams that run nothing until they must.

Everything that a real device does later is done here as late as the rules allow: a copy or the
arithmetic of a block runs when its result is read or an event behind it is waited for, and no
sooner. With `eager`, a copy runs as early as they allow: when it is issued. Freed memory is handed
out again at once, with what is in it. A wait that is missing therefore gives wrong numbers.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque

import numpy as np
from as_cuda import serve_as_cuda

from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.backends.staging import Stage, Transfers
from dnn_xp.execution.examples import Block


class Stream:
    """Work in the order in which it was issued."""

    def __init__(self):
        self.work = deque()
        self.issued = self.done = 0

    def issue(self, action):
        self.work.append(action)
        self.issued += 1

    def run_until(self, position):
        while self.done < position:
            action = self.work.popleft()
            self.done += 1
            action()


class Event:
    def __init__(self, stream, launched):
        self.stream, self.position, self.launched = stream, stream.issued, launched

    def wait(self):
        self.stream.run_until(self.position)


class Memory:
    """Hands out bytes; freed ones go to the next who asks, while work on them may be pending."""

    def __init__(self, lock, room=None):
        self.lock, self.room = lock, room
        self.free = []
        self.used = self.peak = 0
        self._chunks = {}

    def allocate(self, nbytes):
        if self.room is not None and self.used + nbytes > self.room:
            raise MemoryError(f"no room for {nbytes} bytes")
        chunk = next((each for each in self.free if len(each) >= nbytes), None)
        if chunk is None:
            chunk = bytearray(b"\xff" * nbytes)  # NaN in floats
        else:
            self.free.remove(chunk)
        owner = np.frombuffer(chunk, np.uint8, nbytes)
        self.used += nbytes
        self.peak = max(self.peak, self.used)
        self._chunks[id(owner)] = chunk
        weakref.finalize(owner, self._freed, id(owner), nbytes)
        return owner

    def _freed(self, key, nbytes):
        with self.lock:
            self.used -= nbytes
            self.free.append(self._chunks.pop(key))

    def address(self, array):
        """The same values without keeping the memory from being freed, as a device sees them."""
        array = array.view(np.ndarray)
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        chunk = self._chunks.get(id(owner))
        if chunk is None:
            return array
        offset = array.ctypes.data - owner.ctypes.data
        return np.ndarray(array.shape, array.dtype, chunk, offset, array.strides)


class Later:
    """A result on the device: reading it waits for it."""

    def __init__(self, device, value):
        self._device, self.value = device, value
        self._position = device.compute.issued + 1

    def read(self):
        with self._device.lock:
            self._device.compute.run_until(self._position)
        return self.value

    def __iadd__(self, other):
        def action():
            self.value = self.value + other.value

        with self._device.lock:
            self._device.compute.issue(action)
            self._position = self._device.compute.issued
        return self

    def __add__(self, other):
        return self.read() + other

    def __truediv__(self, number):
        with self._device.lock:
            quotient = Later(self._device, self.value / number)

            def action():
                quotient.value = self.value / number

            self._device.compute.issue(action)
        return quotient

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.read(), dtype=dtype)

    def __float__(self):
        return float(self.read())

    def __getitem__(self, key):
        return self.read()[key]

    def __getattr__(self, name):
        return getattr(self.read(), name)


class OnDevice(np.ndarray):
    """An array whose examples are taken, and put side by side, when the device comes to it."""

    standing_in = None

    def __array_finalize__(self, other):
        self.standing_in = getattr(other, "standing_in", None)

    def take(self, indices, axis):
        return self.standing_in.later(lambda array: array.take(indices, axis), self)

    def __array_function__(self, function, types, args, kwargs):
        if function is np.copy:
            return self.standing_in.later(lambda array: np.copy(array, **kwargs), self)
        return super().__array_function__(function, types, args, kwargs)


class CudaStandIn:
    """A device with `memory` bytes for whole arrays and `room` for streamed blocks (None: any).

    Steps on more than `examples` examples, and the copy with number `failing_copy`, fail.
    """

    def __init__(self, *, memory=None, room=None, examples=None, failing_copy=None, eager=False):
        self.available, self.examples = memory, examples
        self.failing_copy, self.eager = failing_copy, eager
        self.lock = threading.RLock()
        self.compute, self.copying = Stream(), []
        self.memory, self.pinned = Memory(self.lock, room), Memory(self.lock)
        self.placed = []  # bytes of every array that from_host brought
        self.copies = []  # for every copy of a block: the steps known to be over before it
        self.copied_bytes = self.launched = self.host_waits = self.released = 0
        self.stage = Stage(self.transfers)

    def backend(self):
        return numpy_backend()._replace(
            library="stand-in",
            device_name="cuda:0",
            from_host=self.from_host,
            memory_available=lambda: self.available,
            python_threads=False,
            compile=self.compile,
            release_memory=self.release,
            block_bytes=1 << 11,
            stage=self.stage,
        )

    def use(self, monkeypatch):
        """Make this what device="cuda" finds."""
        serve_as_cuda(monkeypatch, self.backend)
        return self

    def from_host(self, array):
        self.placed.append(array.nbytes)
        return np.array(array)

    def release(self):
        self.released += 1
        self.stage.free_buffers()

    def compile(self, function):
        def of_arrays(parameters, *arrays):
            fields = len(Block._fields)
            return function(parameters, Block(*arrays[:fields]), *arrays[fields:])

        def step(parameters, block, *others):
            X = block.X if isinstance(block, Block) else block
            if self.examples is not None and X.shape[1] > self.examples:
                raise MemoryError(f"no room for {X.shape[1]} examples")
            if block is X:
                return self.launch(function, parameters, X, *others)
            return self.launch(of_arrays, parameters, *block, *others)

        return step

    def launch(self, function, *arguments):
        """Issue function(*arguments) on the compute stream."""
        with self.lock, np.errstate(all="ignore"):
            # How many results there are is known only from a run, here on whatever is in memory.
            given = [
                self.memory.address(each) if isinstance(each, np.ndarray) else each
                for each in arguments
            ]
            found = function(*map(now, given))
            values = found if isinstance(found, tuple) else (found,)
            results = tuple(Later(self, value) for value in values)

            def action():
                found = function(*map(now, given))
                values = found if isinstance(found, tuple) else (found,)
                for result, value in zip(results, values, strict=True):
                    result.value = value

            self.compute.issue(action)
            self.launched += 1
        return results if isinstance(found, tuple) else results[0]

    def on_device(self, array):
        """The same memory as an array of this device."""
        view = array.view(OnDevice)
        view.standing_in = self
        return view

    def later(self, function, array):
        """An array of this device that function(array) is written to on the compute stream."""
        with self.lock:
            given = self.memory.address(array)
            result = np.array(function(given))

            def action():
                result[...] = function(given)

            self.compute.issue(action)
        return self.on_device(result)

    def finish_copies(self):
        """Run all copies that were issued."""
        with self.lock:
            for stream in self.copying:
                stream.run_until(stream.issued)

    def transfers(self):
        copying = Stream()
        self.copying.append(copying)
        known = 0

        def locked(function):
            def with_lock(*arguments):
                with self.lock:
                    return function(*arguments)

            return with_lock

        def copy(to, of):
            if len(self.copies) == self.failing_copy:
                raise RuntimeError("cudaErrorIllegalAddress")
            target, origin = self.memory.address(to), self.pinned.address(of)
            copying.issue(lambda: np.copyto(target, origin))
            if self.eager:
                copying.run_until(copying.issued)
            self.copies.append(known)
            self.copied_bytes += to.nbytes

        def copy_waits_for(event):
            nonlocal known
            known = max(known, event.launched)
            copying.issue(event.wait)

        def host_waits_for(event):
            self.host_waits += 1
            event.wait()

        return Transfers(
            pinned=locked(self.pinned.allocate),
            empty=locked(lambda nbytes: self.on_device(self.memory.allocate(nbytes))),
            copy=locked(copy),
            record_copy=locked(lambda: Event(copying, 0)),
            record_compute=locked(lambda: Event(self.compute, self.launched)),
            copy_waits_for=locked(copy_waits_for),
            compute_waits_for=locked(lambda event: self.compute.issue(event.wait)),
            host_waits_for=locked(host_waits_for),
        )


def now(argument):
    return argument.value if isinstance(argument, Later) else argument
