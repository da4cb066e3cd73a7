"""dnn-xp sweep: train a point for each combination of options, and save the best model."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Any

from dnn_xp.cli.commands.train import checked_outputs, metrics_of, outcome_of, report
from dnn_xp.cli.config import specification_of, write_config
from dnn_xp.cli.inputs.parts import held_out, part_of
from dnn_xp.cli.inputs.reading import read_examples
from dnn_xp.cli.sweep_options import read_grid
from dnn_xp.cli.train_options import options_of
from dnn_xp.cli.wording import say, tell
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.model.history import StopReason
from dnn_xp.sweeping.sweep import sweep

_VALIDATION = 0.2
# Points that the table shows.
_SHOWN = 20


def run(args: Namespace) -> int:
    """Sweep by the options, save the best model and its run; 130 where Ctrl-C ended it early."""
    start = time.perf_counter()
    if args.grid is None:
        wanted = "the options to vary, such as 'hidden=32,64;learning_rate=0.01,0.001'"
        raise ArgumentValueError("--grid", "none", wanted)
    output, config = checked_outputs(args, force=args.force)
    values, drawn = read_grid(args.grid)
    if args.validation is None:
        args.validation = _VALIDATION
    specification_of(args)  # before anything is read
    options = options_of(args)
    examples = read_examples(args)
    metrics = metrics_of(examples, args.metrics or (), options)
    for_test, split = held_out(
        examples, args.test_fraction, args.seed, options, last=args.test_part == "last"
    )
    X, Y = part_of(examples, ~for_test)
    groups = None if examples.groups is None else examples.groups[~for_test]
    given: dict[str, Any] = {"examples": "rows", "seed": args.seed, **options}
    found = sweep(
        X,
        Y,
        None if drawn else values,
        distributions=values if drawn else None,
        points=args.points,
        eta=args.eta,
        shortest=args.shortest,
        by=args.by,
        file=args.file,
        validation_groups=groups,
        verbose=not args.quiet,
        **given,
    )
    model, asked = found.model, found.best.specification
    interrupted = found.stopped is StopReason.INTERRUPTED
    if args.refit and not interrupted:
        model, asked = found.refit(X, Y), found.refit_specification
    outcome = outcome_of(model, examples, (X, Y), for_test, split, metrics, args.threads)
    outcome.model.save(output)
    write_config(config, args, asked)
    if interrupted:
        say("interrupted", f"the best model so far is saved in {args.output}")
    if not args.quiet:
        tell(found.table(_SHOWN))
        more = len(found.trials) - _SHOWN
        tell(f"... and {more} more\n" if more > 0 else "")
        tell(report(outcome))
        tell(f"\nsaved      {args.output}, {time.perf_counter() - start:.1f} s after the start")
    return 130 if interrupted else 0
