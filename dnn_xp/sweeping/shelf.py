"""The data of a sweep: read and split once, prepared and placed once for all points that can share it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from dnn_xp.backends.precision import with_precision
from dnn_xp.data.finite import reading_ranges
from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import Source
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.scaling import ScaleOfX
from dnn_xp.sweeping.arguments import SweepArguments
from dnn_xp.sweeping.points import Point
from dnn_xp.training.inputs import Prepared, Standardization, prepare
from dnn_xp.training.placed import Shared, take_moments
from dnn_xp.training.run import Run, decide
from dnn_xp.training.specification import Specification
from dnn_xp.training.state import as_json, generator
from dnn_xp.training.train import Begun, start_of

Moments = tuple[ScaleOfX | None, Standardization | None]


class Shelf:
    """Prepared and placed examples by what they depend on.

    Points share the prepared examples unless they differ in dtype or class weights, and the split
    always; prepared examples share a pass for their moments and a place on each device.
    """

    def __init__(self, arguments: SweepArguments) -> None:
        self._arguments = arguments
        self._prepared: dict[str, tuple[Prepared, str]] = {}
        self._moments: dict[tuple[Any, ...], Moments] = {}
        self._shared: dict[tuple[Any, ...], Shared] = {}

    def prepared(self, asked: Specification) -> tuple[Prepared, str]:
        """The examples of a specification, and the generator's state after the split was drawn."""
        key = _key(asked)
        if key not in self._prepared:
            given = self._arguments
            base = given.specification
            rng = np.random.default_rng(base.seed)
            found = prepare(
                given.X,
                given.Y,
                asked,
                dtype=asked.wanted_dtype,
                sample_weight=given.sample_weight,
                validation=given.validation_pair or asked.validation,
                last=asked.validation_part == "last",
                groups=given.validation_groups,
                rng=rng,
            )
            self._prepared[key] = found, as_json(rng.bit_generator.state)
        return self._prepared[key]

    def decided(self, points: Iterable[Point]) -> list[Run]:
        """What is decided for each point; refuses what does not fit the data before anything is trained."""
        return [decide(each.specification, self.prepared(each.specification)[0]) for each in points]

    def begun(self, run: Run) -> Begun:
        """Where a run starts: as `train` with its specification starts, on the split of the sweep."""
        asked = run.asked
        prepared, drawn = self.prepared(asked)
        same = asked.seed == self._arguments.seed
        rng = generator(drawn) if same else np.random.default_rng(asked.seed)
        return start_of(run, prepared, rng)

    def shared(self, run: Run) -> Shared:
        """Moments, and the examples where the run computes, made when they are first asked for."""
        prepared, _ = self.prepared(run.asked)
        backend, batches = run.backend, run.batch_size is not None
        data = _key(run.asked)
        by = run.asked.standardize_by
        moments = data, by, run.moments_taken, run.target_moments_taken, run.bins_taken
        place = *moments, backend.library, backend.device_name, batches
        if place not in self._shared:
            precise = with_precision(backend, run.precision)
            with precise.active(), Engine(run.threads) as engine:
                if moments not in self._moments:
                    self._moments[moments] = take_moments(run, prepared, engine)
                examples = prepared.placed(backend, for_batches=batches)
            self._shared[place] = Shared(*self._moments[moments], *examples)
        return self._shared[place]

    def description(self) -> dict[str, Any]:
        """Shapes, dtype and a digest of all values of the data, by which a file knows them again."""
        prepared, _ = self.prepared(self._arguments.specification)
        held_out = prepared.validation or (None, None)
        sources = {
            "X": prepared.X,
            "Y": prepared.targets.source,
            "weights": prepared.weights,
            "validation X": held_out[0],
            "validation Y": held_out[1],
        }
        found: dict[str, Any] = {
            name: [source.n, source.m, str(source.dtype), _digest(source)]
            for name, source in sources.items()
            if source is not None
        }
        if prepared.targets.classes is not None:
            found["classes"] = list(map(str, prepared.targets.classes.tolist()))
        if prepared.encoder is not None:
            found["columns"] = list(map(str, prepared.encoder.names_in))
        return found


def _key(asked: Specification) -> str:
    """What prepared examples depend on, of the options that differ between points."""
    return f"{asked.wanted_dtype} {asked.class_weight!r}"


def _digest(source: Source) -> str:
    """SHA-256 of all values, block by block, whatever their layout in memory."""
    digest = hashlib.sha256()
    for start, stop in reading_ranges(source):
        block = np.asarray(to_host(source.block(start, stop)))
        if block.dtype.kind == "U":
            digest.update("\x1f".join(block.ravel().tolist()).encode())
        else:
            digest.update(np.ascontiguousarray(block).data)
    return digest.hexdigest()
