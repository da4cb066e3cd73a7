"""dnn-xp train: read, split, train, save, report."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.cli.commands.picture import check_picture, draw
from dnn_xp.cli.inputs.reading import Examples, read_examples
from dnn_xp.cli.resuming import TERMINATED, how_to_go_on, keep_command, terminating
from dnn_xp.cli.train_options import TRAIN_OPTIONS
from dnn_xp.cli.wording import say, tell
from dnn_xp.cli.writing import check_output
from dnn_xp.common.checks import check_int
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import listing, optional_package
from dnn_xp.common.text_tables import text_table
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.readers.files import split_path
from dnn_xp.data.readers.parquet_table import ParquetTable
from dnn_xp.data.sources.base import Source
from dnn_xp.data.sources.subset import RangeSource, subset
from dnn_xp.data.splits import choose_split, classes_missing, group_codes, said_of_missing
from dnn_xp.data.tables import Table
from dnn_xp.data.targets.classes import class_codes, count_classes, has_classes
from dnn_xp.data.targets.kinds import encode_targets
from dnn_xp.execution.scoring import Evaluation
from dnn_xp.model.history import StopReason
from dnn_xp.model.model import Model
from dnn_xp.model.summary import model_table
from dnn_xp.training.checkpoints.options import Keeping
from dnn_xp.training.train import train


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trained model, its examples, the split, the scores, and the last part that was scored."""

    model: Model
    examples: Examples
    split: str
    scores: tuple[tuple[str, Evaluation], ...]
    shown: tuple[str, Any, Any]

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return self.model.stopped is StopReason.INTERRUPTED


def run(args: Namespace) -> int:
    """Train by the options and save the model; 130 where Ctrl-C, 143 where SIGTERM ended it early."""
    start = time.perf_counter()
    output = Path(args.output)
    file = split_path(args.data)[0]
    if output.exists() and file.exists() and output.samefile(file):
        got = f"{args.output!r}, which is DATA"
        raise ArgumentValueError("MODEL", got, "another file than DATA", "choose one with -o")
    force = args.force or args.resume is not None
    check_output("MODEL", output, force=force)
    if args.plot is not None:
        check_picture(Path(args.plot), output, force=force)
    options = {name: getattr(args, name) for name in TRAIN_OPTIONS}
    if args.resume is not None:
        options["resume"] = True
    Keeping(**options, seed=args.seed)  # before anything is read
    if args.checkpoint is not None and args.resume is None:
        keep_command(args)
    try:
        with terminating() as terminated, where_to_train(args.scheduler) as trained:
            outcome = learn(
                read_examples(args),
                options,
                test_fraction=args.test_fraction,
                last=args.test_part == "last",
                seed=args.seed,
                verbose=not args.quiet,
                train=trained,
            )
            outcome.model.save(output)
            if args.plot is not None:
                draw(Path(args.plot), outcome.model, *outcome.shown)
    except KeyboardInterrupt:
        kept = "" if args.checkpoint is None else how_to_go_on(args.checkpoint)
        if not kept:
            raise
        say("terminated" if terminated else "interrupted", kept)
        return TERMINATED if terminated else 130
    if outcome.interrupted:
        done = outcome.model.history.iterations[-1]
        said = f"the model after {done} updates is saved in {args.output}"
        if args.checkpoint is not None:
            said += f"; {how_to_go_on(args.checkpoint)}"
        say("terminated" if terminated else "interrupted", said)
    if not args.quiet:
        tell(report(outcome))
        tell(f"\nsaved      {args.output}, {time.perf_counter() - start:.1f} s after the start")
    if terminated:
        return TERMINATED
    return 130 if outcome.interrupted else 0


@contextmanager
def where_to_train(scheduler: str | None) -> Iterator[Callable[..., Model]]:
    """`dnn_xp.train`, or that of the Dask cluster whose scheduler has this address."""
    if scheduler is None:
        yield train
        return
    distributed = optional_package("distributed", purpose="--scheduler", extra="dask")
    from dnn_xp.dask import train as train_on_cluster

    try:
        client = distributed.Client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        wanted = "the address of a Dask scheduler such as tcp://10.0.0.1:8786"
        raise ArgumentValueError("--scheduler", f"{scheduler!r} ({error})", wanted) from error
    with client:
        yield partial(train_on_cluster, client)


def learn(
    examples: Examples,
    options: Mapping[str, Any],
    *,
    test_fraction: float,
    last: bool = False,
    seed: int,
    verbose: bool,
    train: Callable[..., Model] = train,
) -> Outcome:
    """Hold out test examples, train on the others, evaluate on both."""
    check_int("seed", seed, at_least=0)
    for_test, split = _held_out(examples, test_fraction, seed, options, last=last)
    X, Y = _part(examples, ~for_test)
    groups = examples.groups
    if groups is not None and options.get("validation") is not None:
        options = {**options, "validation_groups": groups[~for_test]}
    model = train(X, Y, examples="rows", seed=seed, verbose=verbose, **options)
    names = {"feature_names": examples.feature_names, "target_names": examples.target_names}
    kept = {name: list(each) for name, each in names.items() if each}
    model = replace(model, settings=model.settings | kept)
    if model.kind == "multiclass" and Y.ndim > 1 and examples.target_names:
        # One-hot columns: the classes have the names of the columns.
        model = replace(model, classes=np.asarray(examples.target_names))
    name = "training"
    scores = [(name, model.evaluate(X, Y, examples="rows", threads=options["threads"]))]
    if for_test.any():
        X, Y = _part(examples, for_test)
        name = "test"
        scores.append((name, model.evaluate(X, Y, examples="rows", threads=options["threads"])))
    return Outcome(model, examples, split, tuple(scores), (name, X, Y))


def _held_out(
    examples: Examples, fraction: float, seed: int, options: Mapping[str, Any], *, last: bool
) -> tuple[npt.NDArray[np.bool_], str]:
    """Which examples are held out for the test, and a sentence that says how."""
    m = examples.X.m
    if fraction == 0:
        return np.zeros(m, dtype=bool), f"all {m:,} to train on, none to test on"
    count = round(m * fraction) if 0 < fraction < 1 else 0
    if not 0 < count < m:
        raise ArgumentValueError(
            "--test-fraction",
            f"{fraction:g}, which leaves {count} of {m} examples to test on",
            "a fraction of the examples such as 0.2, or 0 for no test",
        )
    named: dict[str, Any] = {name: options.get(name) for name in ("cost", "output_activation")}
    targets = encode_targets(examples.Y, m=m, examples="rows", **named)
    classes = targets.classes if has_classes(targets) else None
    codes = None if classes is None else class_codes(targets.source, len(classes))
    groups = examples.groups
    split = choose_split(
        m,
        count,
        # The entry 1 separates these draws from those of the training, which has the same seed.
        np.random.default_rng((seed, 1)),
        last=last or not examples.in_memory,
        codes=codes,
        groups=None if groups is None else group_codes(groups, m=m, argument="--groups"),
        argument="--groups",
    )
    chosen = split.chosen
    tests = split.held_out
    if tests == 0:
        raise ArgumentValueError(
            "--test-fraction",
            f"{fraction:g} of classes that have one example each",
            "0 where no class has two examples",
        )
    if split.testing is None:
        said = f"{m - tests:,} to train on, the last {tests:,} to test on"
        said += "" if last else " (too large for the memory, hence not shuffled)"
    else:
        said = f"{m - tests:,} to train on, {tests:,} to test on ({split.how}, seed {seed})"
    if classes is None or codes is None:
        return chosen, said
    testing = count_classes(codes[chosen], len(classes))
    untrained, untested = classes_missing(
        classes, count_classes(codes, len(classes)) - testing, testing
    )
    if untrained:
        raise ArgumentValueError(
            "--test-fraction",
            f"{fraction:g}: {split.said}, which are all the examples of class {listing(untrained)}",
            "a fraction that leaves examples of each class to train on, or 0 for no test",
        )
    return chosen, said + said_of_missing((), untested)


def _part(
    examples: Examples, chosen: npt.NDArray[np.bool_]
) -> tuple[Source | Table, npt.NDArray[Any]]:
    places = np.flatnonzero(chosen)
    X = examples.X
    if isinstance(X, ColumnTable):
        return X.take(places), examples.Y[places]
    if isinstance(X, ParquetTable):
        return X.part(int(places[0]), int(places[-1]) + 1), examples.Y[places]
    if X.in_memory:
        return subset(X, places), examples.Y[places]
    # What is read block by block is split at one place only.
    first, last = int(places[0]), int(places[-1]) + 1
    return RangeSource(X, first, last), examples.Y[first:last]


def _width(examples: Examples) -> str:
    if isinstance(examples.X, (ColumnTable, ParquetTable)):
        return f"{len(examples.X.names):,} features"
    return f"{examples.X.n:,} features"


def report(outcome: Outcome) -> str:
    """Data, layers, decisions and scores, as text."""
    examples, model = outcome.examples, outcome.model
    lines = [
        f"data       {examples.where}: {examples.X.m:,} examples, {_width(examples)}",
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
