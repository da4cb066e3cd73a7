"""dnn-xp train: read, split, train, save, report."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.cli.cluster import where_to_train
from dnn_xp.cli.commands.picture import check_picture, draw
from dnn_xp.cli.config import config_beside, specification_of, write_config
from dnn_xp.cli.inputs.parts import Part, held_out, part_of
from dnn_xp.cli.inputs.reading import Examples, read_examples
from dnn_xp.cli.metrics import METRICS, fitting, measured
from dnn_xp.cli.resuming import TERMINATED, how_to_go_on, keep_command, terminating
from dnn_xp.cli.train_options import KEEPING, options_of
from dnn_xp.cli.wording import say, tell
from dnn_xp.cli.writing import check_output
from dnn_xp.common.checks import check_int
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.text_tables import text_table
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.readers.files import split_path
from dnn_xp.data.readers.parquet_table import ParquetTable
from dnn_xp.data.targets.kinds import encode_targets
from dnn_xp.execution.scoring import Evaluation
from dnn_xp.model.history import StopReason
from dnn_xp.model.model import Model
from dnn_xp.model.summary import model_table
from dnn_xp.training.checkpoints.options import Keeping
from dnn_xp.training.train import train

_KEEPING = tuple(each.name for each in KEEPING)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trained model, its examples, the split, its scores on parts, and what belongs to these.

    `metrics` names further figures, of which `figures` has a row for each score; `shown` is the last
    part that was scored, with its name.
    """

    model: Model
    examples: Examples
    split: str
    scores: tuple[tuple[str, Evaluation], ...]
    shown: tuple[str, Any, Any]
    metrics: tuple[str, ...] = ()
    figures: tuple[tuple[float, ...], ...] = ()

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return self.model.stopped is StopReason.INTERRUPTED


def run(args: Namespace) -> int:
    """Train by the options and save the model; 130 where Ctrl-C, 143 where SIGTERM ended it early."""
    start = time.perf_counter()
    resumed = args.resume is not None
    force = args.force or resumed
    output, config = checked_outputs(args, force=force)
    if args.plot is not None:
        check_picture(Path(args.plot), output, force=force)
    asked = specification_of(args)  # before anything is read
    options = options_of(args) | {name: getattr(args, name) for name in _KEEPING}
    if resumed:
        options["resume"] = True
    Keeping(**options, seed=args.seed)
    if args.checkpoint is not None and not resumed:
        keep_command(args, asked)
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
                metrics=args.metrics or (),
            )
            outcome.model.save(output)
            write_config(config, args, asked)
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


def checked_outputs(args: Namespace, *, force: bool) -> tuple[Path, Path]:
    """Where the model and its run go; an error where they cannot, before any work is done."""
    output = Path(args.output)
    file = split_path(args.data)[0]
    if output.exists() and file.exists() and output.samefile(file):
        got = f"{args.output!r}, which is DATA"
        raise ArgumentValueError("MODEL", got, "another file than DATA", "choose one with -o")
    check_output("MODEL", output, force=force)
    config = config_beside(output)
    check_output("The run beside MODEL", config, force=force)
    return output, config


def learn(
    examples: Examples,
    options: Mapping[str, Any],
    *,
    test_fraction: float,
    last: bool = False,
    seed: int,
    verbose: bool,
    train: Callable[..., Model] = train,
    metrics: Sequence[str] = (),
) -> Outcome:
    """Hold out test examples, train on the others, evaluate on both."""
    check_int("seed", seed, at_least=0)
    metrics = metrics_of(examples, metrics, options)
    for_test, split = held_out(examples, test_fraction, seed, options, last=last)
    X, Y = part_of(examples, ~for_test)
    groups = examples.groups
    if groups is not None and options.get("validation") is not None:
        options = {**options, "validation_groups": groups[~for_test]}
    model = train(X, Y, examples="rows", seed=seed, verbose=verbose, **options)
    return outcome_of(model, examples, (X, Y), for_test, split, metrics, options["threads"])


def outcome_of(
    model: Model,
    examples: Examples,
    trained_on: Part,
    for_test: npt.NDArray[np.bool_],
    split: str,
    metrics: Sequence[str],
    threads: int | None,
) -> Outcome:
    """The model with the names of the data, and its scores on both parts of the examples."""
    names = {"feature_names": examples.feature_names, "target_names": examples.target_names}
    kept = {name: list(each) for name, each in names.items() if each}
    model = replace(model, settings=model.settings | kept)
    if model.kind == "multiclass" and examples.Y.ndim > 1 and examples.target_names:
        # One-hot columns: the classes have the names of the columns.
        model = replace(model, classes=np.asarray(examples.target_names))
    parts: list[tuple[str, Part]] = [("training", trained_on)]
    if for_test.any():
        parts.append(("test", part_of(examples, for_test)))
    scores, figures = [], []
    for name, (X, Y) in parts:
        scores.append((name, model.evaluate(X, Y, examples="rows", threads=threads)))
        figures.append(tuple(measured(model, X, Y, metrics, threads)))
    name, (X, Y) = parts[-1]
    return Outcome(
        model, examples, split, tuple(scores), (name, X, Y), tuple(metrics), tuple(figures)
    )


def metrics_of(
    examples: Examples, asked: Sequence[str], options: Mapping[str, Any]
) -> Sequence[str]:
    """The metrics that fit the target; refused before anything is trained where they do not."""
    if not asked:
        return ()
    named: dict[str, Any] = {name: options.get(name) for name in ("cost", "output_activation")}
    return fitting(asked, encode_targets(examples.Y, m=examples.X.m, examples="rows", **named).kind)


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
    heads = [METRICS[name].head for name in outcome.metrics]
    rows = [
        (
            name,
            f"{each.examples:,}",
            f"{each.cost:.4g}",
            f"{each.score:.4f}",
            *("-" if np.isnan(value) else f"{value:.4g}" for value in further),
        )
        for (name, each), further in zip(outcome.scores, outcome.figures, strict=True)
    ]
    if model.history.validation_costs:
        # At the parameters that were kept; these examples are among those of the first row.
        kept = model.settings.get("kept_iteration")
        place = -1 if kept is None else model.history.iterations.index(kept)
        (score,) = (each[place] for each in model.history.metrics.values())
        cost = model.history.validation_costs[place]
        rows.insert(1, ("  validation", "", f"{cost:.4g}", f"{score:.4f}", *("" for _ in heads)))
    table = text_table([("", "examples", "cost", metric, *heads), *rows], right=range(1, 99))
    scores = [table]
    if model.settings.get("l1") or model.settings.get("l2"):
        scores.append("(these costs are without the penalty on the weights)")
    return "\n".join([*lines, "", model_table(model), "", *scores])
