"""A step issued once and replayed as a CUDA graph: one launch in the place of some hundred.

What is captured is the work on the device, at fixed addresses. So arrays that are new at a step are
copied to arrays of its own before a replay, and what comes out is copied to new ones afterwards;
outside, the step stays a pure function. Results that are the next step's arguments, as parameters
are, were put in their place by the graph already. Numbers become 0-d arrays. Everything that the
captured work writes lies in memory of its own, which lives as long as the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.formulas.types import Array

Arrays = tuple[Array, ...]
# Numbers by name: Python's, or 0-d arrays while a step is captured.
Step = Callable[[Arrays, dict[str, Any]], Arrays]


class GraphRuntime(NamedTuple):
    """What replaying needs of the device.

    Attributes
    ----------
    empty : ``empty(shape, dtype)``.
    copy : ``copy(target, source)``, from the device or from the host.
    concat : several flat arrays, one after the other, written to a given one.
    capture : ``capture(work)`` issues the work of a function without doing it, and returns a
        function that does it and holds the memory it needs.
    """

    empty: Callable[..., Array]
    copy: Callable[[Array, Any], None]
    concat: Callable[[list[Array], Array], Array]
    capture: Callable[[Callable[[], None]], Callable[[], None]]


class _Captured(NamedTuple):
    inputs: Arrays
    carried: int  # of the last inputs, which are the last results of the step before
    numbers: Array
    packed: Array
    shapes: tuple[tuple[int, ...], ...]
    launch: Callable[[], None]


class Replay:
    """A step ``(arrays, numbers) -> arrays``: run as it is at first, then captured, then replayed.

    Arrays may be given on the host. The first run decides products. Arguments of other shapes than
    its own, such as a smaller last batch, are run as they are. All arrays that come out have one
    dtype.

    Attributes
    ----------
    problem : str
        Why nothing is replayed, if so.
    """

    def __init__(self, step: Step, runtime: GraphRuntime) -> None:
        self._step = step
        self._runtime = runtime
        self._signature: Any = None
        self._captured: _Captured | None = None
        self._last: Arrays = ()
        self._in_place = False  # whether the last results lie where the graph reads its inputs
        self.problem = ""

    def __call__(self, arrays: Arrays, numbers: dict[str, float]) -> Arrays:
        """What the step gives, in new arrays."""
        signature = [(array.shape, str(array.dtype)) for array in arrays]
        first, self._signature = self._signature is None, self._signature or signature
        usual = not first and signature == self._signature
        if usual and not self.problem and self._captured is None:
            try:
                self._captured = self._capture(arrays, numbers)
            except Exception as error:  # whatever it is, the step can be run as it is
                self.problem = f"the step could not be captured: {error}"
        if usual and self._captured is not None:
            self._last = self._replay(self._captured, arrays, numbers)
            self._in_place = True
        else:
            self._last = self._step(arrays, numbers)
            self._in_place = False
        return self._last

    def _carried(self, arrays: Arrays, most: int) -> int:
        """How many of the last arrays, `most` at most, are what the step before gave last."""
        count = 0
        for array, result in zip(reversed(arrays), reversed(self._last), strict=False):
            if count == most or array is not result:
                break
            count += 1
        return count

    def _capture(self, arrays: Arrays, numbers: dict[str, float]) -> _Captured:
        runtime = self._runtime
        carried = self._carried(arrays, len(arrays))
        own = len(arrays) - carried
        sizes = [math.prod(array.shape) for array in arrays[own:]]
        together = runtime.empty((sum(sizes),), arrays[-1].dtype)
        inputs = (
            *(runtime.empty(array.shape, array.dtype) for array in arrays[:own]),
            *parts(together, [array.shape for array in arrays[own:]]),
        )
        for target, source in zip(inputs, arrays, strict=True):
            runtime.copy(target, source)
        floating = next(array.dtype for array in arrays if array.dtype.kind == "f")
        given = runtime.empty((len(numbers),), floating)
        scalars = {name: given[index, ...] for index, name in enumerate(numbers)}
        runtime.copy(given, np.asarray(list(numbers.values()), dtype=np.float64))
        # Once as it will be captured: arrays in the place of numbers need kernels of their own,
        # and a capture is no time to load them.
        self._step(inputs, scalars)
        results: list[Array] = []
        packed: list[Array] = []

        def work() -> None:
            results[:] = self._step(inputs, scalars)
            flat = [result.reshape(-1) for result in results]
            packed.append(runtime.empty((sum(each.shape[0] for each in flat),), flat[0].dtype))
            runtime.concat(flat, packed[0])
            if carried:
                runtime.copy(together, packed[0][-sum(sizes) :])

        launch = runtime.capture(work)
        shapes = tuple(result.shape for result in results)
        return _Captured(inputs, carried, given, packed[0], shapes, launch)

    def _replay(self, captured: _Captured, arrays: Arrays, numbers: dict[str, float]) -> Arrays:
        runtime = self._runtime
        there = self._in_place and self._carried(arrays, captured.carried) == captured.carried
        new = len(arrays) - (captured.carried if there else 0)
        for target, source in zip(captured.inputs[:new], arrays[:new], strict=True):
            runtime.copy(target, source)
        runtime.copy(captured.numbers, np.asarray(list(numbers.values()), dtype=np.float64))
        captured.launch()
        fresh = runtime.empty(captured.packed.shape, captured.packed.dtype)
        runtime.copy(fresh, captured.packed)
        return parts(fresh, captured.shapes)


def parts(flat: Array, shapes: Sequence[tuple[int, ...]]) -> Arrays:
    """A flat array as arrays of these shapes, one after the other."""
    found, start = [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        found.append(flat[start:stop].reshape(shape))
        start = stop
    return tuple(found)


def joined(arrays: list[Array], out: Array) -> Array:
    """Flat arrays one after the other in `out`, by copies alone.

    CuPy's own concatenate sends a table of addresses to the device where there are more than eight,
    which waits for the device and cannot be captured.
    """
    start = 0
    for array in arrays:
        stop = start + array.shape[0]
        out[start:stop] = array
        start = stop
    return out


def graph_runtime(cupy: Any) -> GraphRuntime:
    """Replaying by CuPy."""

    def copy(target: Array, source: Any) -> None:
        if isinstance(source, np.ndarray):
            target.set(source.astype(target.dtype))
        else:
            target[...] = source

    def capture(work: Callable[[], None]) -> Callable[[], None]:
        # What the captured work will read must be there, and what it allocates must not be
        # anybody else's: hence a stream and a pool of its own.
        cupy.cuda.get_current_stream().synchronize()
        stream, pool = cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool()
        with stream, cupy.cuda.using_allocator(pool.malloc):
            stream.begin_capture()
            try:
                work()
            except BaseException:
                with suppress(Exception):  # the capture is spoilt already
                    stream.end_capture()
                raise
            graph = stream.end_capture()
        kept = (stream, pool)

        def launch(kept: Any = kept) -> None:
            graph.launch()

        return launch

    return GraphRuntime(cupy.empty, copy, joined, capture)
