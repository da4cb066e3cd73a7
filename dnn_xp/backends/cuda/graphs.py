"""A step captured once and replayed as a CUDA graph: one launch instead of about a hundred.

A graph holds the kernels of a step, at fixed addresses. Before a replay new arguments are copied to
the graph's input arrays, and afterwards its results are copied to new arrays, so that the step is
still a pure function. Results that are arguments of the next step, such as parameters, are copied
to the inputs by the graph itself ("carried"). Scalars become 0-d arrays. The memory that the
captured kernels write is allocated from a pool of its own, which lives as long as the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.formulas.types import Array

Arrays = tuple[Array, ...]
# Scalars by name: Python's, or 0-d arrays while a step is captured.
Step = Callable[[Arrays, dict[str, Any]], Arrays]


class GraphRuntime(NamedTuple):
    """The functions of the device that replaying uses.

    Attributes
    ----------
    empty : ``empty(shape, dtype)``.
    copy : ``copy(target, source)``, from the device or from the host.
    concat : ``concat(arrays, out)`` writes flat arrays to `out`, one after the other.
    capture : ``capture(work)`` records the kernels of a function without running them, and returns
        a function that launches them and holds their memory.
    """

    empty: Callable[..., Array]
    copy: Callable[[Array, Any], None]
    concat: Callable[[list[Array], Array], Array]
    capture: Callable[[Callable[[], None]], Callable[[], None]]


class _Captured(NamedTuple):
    inputs: Arrays
    carried: int  # how many of the last inputs are the last results of the step before
    scalars: Array
    packed: Array
    shapes: tuple[tuple[int, ...], ...]
    launch: Callable[[], None]


class Replay:
    """A step ``(arrays, scalars) -> arrays``, which runs directly once, is captured, then replayed.

    Arrays may be on the host. The first run chooses the algorithms of products. Arguments of other
    shapes than in the first run, such as a smaller last batch, run directly. All results have one
    dtype.

    Attributes
    ----------
    problem : str
        Why the step is not replayed; "" if it is.
    """

    def __init__(self, step: Step, runtime: GraphRuntime) -> None:
        self._step = step
        self._runtime = runtime
        self._signature: Any = None
        self._captured: _Captured | None = None
        self._last: Arrays = ()
        self._in_place = False  # whether the last results are in the inputs of the graph
        self.problem = ""

    def __call__(self, arrays: Arrays, scalars: dict[str, float]) -> Arrays:
        """The results of the step, in new arrays."""
        signature = [(array.shape, str(array.dtype)) for array in arrays]
        first, self._signature = self._signature is None, self._signature or signature
        usual = not first and signature == self._signature
        if usual and not self.problem and self._captured is None:
            try:
                self._captured = self._capture(arrays, scalars)
            except Exception as error:  # after any error the step can still run directly
                self.problem = f"the step could not be captured: {error}"
        if usual and self._captured is not None:
            self._last = self._replay(self._captured, arrays, scalars)
            self._in_place = True
        else:
            self._last = self._step(arrays, scalars)
            self._in_place = False
        return self._last

    def _carried(self, arrays: Arrays, most: int) -> int:
        """How many of the last arrays, at most `most`, are the last results of the step before."""
        count = 0
        for array, result in zip(reversed(arrays), reversed(self._last), strict=False):
            if count == most or array is not result:
                break
            count += 1
        return count

    def _capture(self, arrays: Arrays, scalars: dict[str, float]) -> _Captured:
        runtime = self._runtime
        carried = self._carried(arrays, len(arrays))
        own = len(arrays) - carried
        sizes = [math.prod(array.shape) for array in arrays[own:]]
        carried_memory = runtime.empty((sum(sizes),), arrays[-1].dtype)
        inputs = (
            *(runtime.empty(array.shape, array.dtype) for array in arrays[:own]),
            *parts(carried_memory, [array.shape for array in arrays[own:]]),
        )
        for target, source in zip(inputs, arrays, strict=True):
            runtime.copy(target, source)
        floating = next(array.dtype for array in arrays if array.dtype.kind == "f")
        scalar_memory = runtime.empty((len(scalars),), floating)
        scalar_arrays = {name: scalar_memory[index, ...] for index, name in enumerate(scalars)}
        runtime.copy(scalar_memory, np.asarray(list(scalars.values()), dtype=np.float64))
        # Run once with arrays for scalars, which need other kernels: kernels cannot be loaded during
        # a capture.
        self._step(inputs, scalar_arrays)
        results: list[Array] = []
        packed: list[Array] = []

        def work() -> None:
            results[:] = self._step(inputs, scalar_arrays)
            flat = [result.reshape(-1) for result in results]
            packed.append(runtime.empty((sum(each.shape[0] for each in flat),), flat[0].dtype))
            runtime.concat(flat, packed[0])
            if carried:
                runtime.copy(carried_memory, packed[0][-sum(sizes) :])

        launch = runtime.capture(work)
        shapes = tuple(result.shape for result in results)
        return _Captured(inputs, carried, scalar_memory, packed[0], shapes, launch)

    def _replay(self, captured: _Captured, arrays: Arrays, scalars: dict[str, float]) -> Arrays:
        runtime = self._runtime
        there = self._in_place and self._carried(arrays, captured.carried) == captured.carried
        new = len(arrays) - (captured.carried if there else 0)
        for target, source in zip(captured.inputs[:new], arrays[:new], strict=True):
            runtime.copy(target, source)
        runtime.copy(captured.scalars, np.asarray(list(scalars.values()), dtype=np.float64))
        captured.launch()
        fresh = runtime.empty(captured.packed.shape, captured.packed.dtype)
        runtime.copy(fresh, captured.packed)
        return parts(fresh, captured.shapes)


def parts(flat: Array, shapes: Sequence[tuple[int, ...]]) -> Arrays:
    """A flat array split into arrays of these shapes, in order."""
    found, start = [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        found.append(flat[start:stop].reshape(shape))
        start = stop
    return tuple(found)


def joined(arrays: list[Array], out: Array) -> Array:
    """Copy flat arrays to `out`, one after the other.

    For more than eight arrays cupy.concatenate copies a table of addresses to the device, which
    synchronizes and cannot be captured.
    """
    start = 0
    for array in arrays:
        stop = start + array.shape[0]
        out[start:stop] = array
        start = stop
    return out


def graph_runtime(cupy: Any) -> GraphRuntime:
    """The functions of CuPy that replaying uses."""

    def copy(target: Array, source: Any) -> None:
        if isinstance(source, np.ndarray):
            target.set(source.astype(target.dtype))
        else:
            target[...] = source

    def capture(work: Callable[[], None]) -> Callable[[], None]:
        # The inputs of the captured kernels must be complete, and their memory must not be reused:
        # synchronize, and capture on a stream and a memory pool of their own.
        cupy.cuda.get_current_stream().synchronize()
        stream, pool = cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool()
        with stream, cupy.cuda.using_allocator(pool.malloc):
            stream.begin_capture()
            try:
                work()
            except BaseException:
                with suppress(Exception):  # the capture is invalid already
                    stream.end_capture()
                raise
            graph = stream.end_capture()
        kept = (stream, pool)

        def launch(kept: Any = kept) -> None:
            graph.launch()

        return launch

    return GraphRuntime(cupy.empty, copy, joined, capture)
