"""A training that is kept: its folder, signals and writer, and the state that it goes on from."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from dnn_xp.common.errors import ArgumentValueError, Pass
from dnn_xp.model.history import StopReason
from dnn_xp.training.arguments import Arguments
from dnn_xp.training.checkpoints.folder import Folder, Saved
from dnn_xp.training.checkpoints.identity import check_same, said_of_machines
from dnn_xp.training.checkpoints.keeper import Keeper
from dnn_xp.training.checkpoints.signals import Signals
from dnn_xp.training.placed import Placed
from dnn_xp.training.run import Run
from dnn_xp.training.state import State

# Only a training that was stopped by hand goes on.
_BY_HAND = (StopReason.INTERRUPTED, StopReason.CALLBACK)


@contextmanager
def kept(arguments: Arguments, run: Run, description: dict[str, Any]) -> Iterator[Keeper]:
    """The keeper of a training; a SIGTERM is raised again after the last checkpoint."""
    assert arguments.checkpoint is not None
    folder, signals = Folder(arguments.checkpoint), Signals()
    if not arguments.resume and folder.files():
        raise ArgumentValueError(
            "checkpoint",
            f"{str(folder.path)!r}, which holds checkpoints",
            "a folder without checkpoints",
            (Pass("resume", True), " to go on from the newest one, or choose another folder"),
        )
    with folder.locked():
        if arguments.resume:
            _check_early(folder, description)
        keeper = Keeper(
            folder,
            arguments.checkpoint_every,
            arguments.keep,
            description,
            run.backend.to_host,
            signals,
        )
        try:
            yield keeper
        except Exception:
            keeper.wait()
            raise
        finally:
            if signals.received == signal.SIGTERM:
                signal.raise_signal(signal.SIGTERM)


def resumed(
    arguments: Arguments, run: Run, keeper: Keeper, first: State, data: Placed
) -> tuple[State, Placed]:
    """The state of the newest checkpoint that can be read, or the first one where there is none; the data."""
    keeper.started(0)
    keeper.description["shuffled"] = data.batches and data.batches.shuffle_run
    if not arguments.resume:
        return first, data
    folder = Folder(arguments.checkpoint or "")
    saved = folder.newest()
    if saved is None:
        return first, data
    state = _state(saved, run, keeper, folder)
    length = "iterations" if run.epochs is None else "epochs"
    longer = (getattr(run, length) or 0) > (saved.description[length] or 0)
    if state.stopped is StopReason.COMPLETED and longer:
        # The last report of a longer training may be another one: go on from before the end.
        saved = folder.newest(lambda each: b'"stopped": null' in each.tensors["record"].tobytes())
        if saved is None:
            raise ArgumentValueError(
                length,
                str(getattr(run, length)),
                "as many as before where no checkpoint from before the end was kept",
                ("keep more of them, or train on with ", Pass("warm_start", "model")),
            )
        state = _state(saved, run, keeper, folder)
    if state.stopped in _BY_HAND:
        state = replace(state, stopped=None)
    done = state.epoch or state.iteration
    note = said_of_machines(saved.description, keeper.description, done)
    if note:
        state = replace(state, notes=(*state.notes, note))
    keeper.started(done)
    # The initial parameters may have been given the first time only.
    keeper.description["start"] = saved.description["start"]
    return state, replace(data, start=saved.description["start"])


def _check_early(folder: Folder, description: dict[str, Any]) -> None:
    """Refuse a checkpoint of another training before passes over the data; `_state` checks its contents."""
    saved = folder.newest()
    if saved is not None and set(description) <= set(saved.description):
        check_same(saved.description, description, folder.path)


def _state(saved: Saved, run: Run, keeper: Keeper, folder: Folder) -> State:
    """The state of a checkpoint of this training."""
    try:
        done = State.from_tensors(saved.tensors, run.backend)
        is_state = done.theta.shape == (len(saved.tensors["theta"]),) and done.report is not None
        is_state &= set(keeper.description) <= set(saved.description)
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise _strange(saved) from error
    if not is_state:
        raise _strange(saved)
    check_same(
        saved.description,
        keeper.description,
        folder.path,
        done.epoch or done.iteration,
        placed=True,
    )
    if done.theta.shape[0] != run.network.parameter_count:
        raise _strange(saved)
    return done


def _strange(saved: Saved) -> ArgumentValueError:
    got = f"{str(saved.path)!r}, which holds no state of a training"
    return ArgumentValueError("checkpoint", got, "a checkpoint that train wrote")
