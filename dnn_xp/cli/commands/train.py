"""dnn-xp train: read, split, train, save, report."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.cli.inputs.reading import Examples, read_examples
from dnn_xp.cli.train_options import TRAIN_OPTIONS
from dnn_xp.cli.wording import say
from dnn_xp.cli.writing import check_output
from dnn_xp.common.checks import check_int
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.text_tables import text_table
from dnn_xp.data import Source
from dnn_xp.data.readers.files import split_path
from dnn_xp.data.sources.subset import RangeSource, subset
from dnn_xp.execution.scoring import Evaluation
from dnn_xp.model.history import StopReason
from dnn_xp.model.model import Model
from dnn_xp.model.summary import model_table
from dnn_xp.training.specification import Specification
from dnn_xp.training.train import train

# At most so many different whole numbers look like classes; more look like values.
_MANY_CLASSES = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trained model, its examples, the split and the scores."""

    model: Model
    examples: Examples
    split: str
    scores: tuple[tuple[str, Evaluation], ...]

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return self.model.stopped is StopReason.INTERRUPTED


def run(args: Namespace) -> int:
    """Train by the options and save the model; 130 where Ctrl-C ended the training early."""
    start = time.perf_counter()
    output = Path(args.output)
    file = split_path(args.data)[0]
    if output.exists() and file.exists() and output.samefile(file):
        got = f"{args.output!r}, which is DATA"
        raise ArgumentValueError("MODEL", got, "another file than DATA", "choose one with -o")
    check_output("MODEL", output, force=args.force)
    options = {name: getattr(args, name) for name in TRAIN_OPTIONS}
    Specification(**options, seed=args.seed)  # before anything is read
    examples = read_examples(args)
    _note_kind(examples.Y, args.cost)
    outcome = learn(
        examples, options, test_fraction=args.test_fraction, seed=args.seed, verbose=not args.quiet
    )
    outcome.model.save(output)
    if outcome.interrupted:
        done = outcome.model.history.iterations[-1]
        say("interrupted", f"the model after {done} updates is saved in {args.output}")
    if not args.quiet:
        print(report(outcome))
        print(f"\nsaved      {args.output}, {time.perf_counter() - start:.1f} s after the start")
    return 130 if outcome.interrupted else 0


def _note_kind(Y: npt.NDArray[Any], cost: str | None) -> None:
    """Print a note where whole numbers look like values, or floats like classes."""
    if cost is not None or Y.ndim > 1 or Y.dtype.kind not in "iuf":
        return
    distinct = np.unique(Y)
    floats = Y.dtype.kind == "f"
    if not floats and len(distinct) > _MANY_CLASSES:
        say(
            "note",
            f"the target holds {len(distinct):,} different whole numbers, each taken as a class; "
            "if they are values, pass --cost squared_error",
        )
    labels = len(distinct) <= _MANY_CLASSES and (distinct == np.rint(distinct)).all()
    if floats and labels and distinct.tolist() != [0.0, 1.0]:
        say(
            "note",
            f"the target holds floats, taken as values, though only {len(distinct)} different whole "
            "numbers; if they are classes, pass --cost softmax_cross_entropy",
        )


def learn(
    examples: Examples,
    options: Mapping[str, Any],
    *,
    test_fraction: float,
    seed: int,
    verbose: bool,
) -> Outcome:
    """Hold out test examples, train on the others, evaluate on both."""
    check_int("seed", seed, at_least=0)
    for_test, split = _held_out(examples, test_fraction, seed, options["cost"])
    X, Y = _part(examples, ~for_test)
    model = train(X, Y, examples="rows", seed=seed, verbose=verbose, **options)
    names = {"feature_names": examples.feature_names, "target_names": examples.target_names}
    kept = {name: list(each) for name, each in names.items() if each}
    model = replace(model, settings=model.settings | kept)
    if model.kind == "multiclass" and Y.ndim > 1 and examples.target_names:
        # One-hot columns: the classes have the names of the columns.
        model = replace(model, classes=np.asarray(examples.target_names))
    scores = [("training", model.evaluate(X, Y, examples="rows", threads=options["threads"]))]
    if for_test.any():
        X, Y = _part(examples, for_test)
        scores.append(("test", model.evaluate(X, Y, examples="rows", threads=options["threads"])))
    return Outcome(model, examples, split, tuple(scores))


def _held_out(
    examples: Examples, fraction: float, seed: int, cost: str | None
) -> tuple[npt.NDArray[np.bool_], str]:
    """Which examples are held out for the test, and a sentence that says how."""
    m = examples.X.m
    chosen = np.zeros(m, dtype=bool)
    if fraction == 0:
        return chosen, f"all {m:,} to train on, none to test on"
    count = round(m * fraction) if 0 < fraction < 1 else 0
    if not 0 < count < m:
        raise ArgumentValueError(
            "--test-fraction",
            f"{fraction:g}, which leaves {count} of {m} examples to test on",
            "a fraction of the examples such as 0.2, or 0 for no test",
        )
    if not examples.X.in_memory:
        chosen[m - count :] = True
        return chosen, (
            f"{m - count:,} to train on, the last {count:,} to test on "
            "(too large for the memory, hence not shuffled)"
        )
    # The entry 1 separates these draws from those of the training, which has the same seed.
    chosen[np.random.default_rng((seed, 1)).permutation(m)[:count]] = True
    rare = _in_test_only(examples.Y, chosen, cost)
    chosen &= ~rare
    tests = int(chosen.sum())
    said = f"{m - tests:,} to train on, {tests:,} to test on (drawn with seed {seed})"
    if rare.any():
        said += f"; {int(rare.sum())} of classes too rare to be tested were moved to the training"
    return chosen, said


def _in_test_only(
    Y: npt.NDArray[Any], for_test: npt.NDArray[np.bool_], cost: str | None
) -> npt.NDArray[np.bool_]:
    """Test examples whose class no training example has, so that it could not be learned."""
    classes = Y.dtype.kind != "f" if cost is None else cost.endswith("cross_entropy")
    if Y.ndim > 1 or not classes:
        return np.zeros(len(Y), dtype=bool)
    return for_test & ~np.isin(Y, np.unique(Y[~for_test]))


def _part(examples: Examples, chosen: npt.NDArray[np.bool_]) -> tuple[Source, npt.NDArray[Any]]:
    places = np.flatnonzero(chosen)
    if examples.X.in_memory:
        return subset(examples.X, places), examples.Y[places]
    # A source that is read block by block is split at one place only.
    first, last = int(places[0]), int(places[-1]) + 1
    return RangeSource(examples.X, first, last), examples.Y[first:last]


def report(outcome: Outcome) -> str:
    """Data, layers, decisions and scores, as text."""
    examples, model = outcome.examples, outcome.model
    lines = [
        f"data       {examples.where}: {examples.X.m:,} examples, {examples.X.n:,} features",
        f"target     {', '.join(examples.target_names)}",
        f"split      {outcome.split}",
        *(f"note       {note}" for note in examples.notes),
    ]
    if not examples.target_names:
        del lines[1]
    metric = {"accuracy": "accuracy", "r2": "R2"}[outcome.scores[0][1].metric]
    rows = [
        (name, f"{each.examples:,}", f"{each.cost:.4g}", f"{each.score:.4f}")
        for name, each in outcome.scores
    ]
    scores = [text_table([("", "examples", "cost", metric), *rows], right=(1, 2, 3))]
    if model.settings.get("l1") or model.settings.get("l2"):
        scores.append("(these costs are without the penalty on the weights)")
    return "\n".join([*lines, "", model_table(model), "", *scores])
