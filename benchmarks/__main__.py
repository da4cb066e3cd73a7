"""The command line: `python -m benchmarks peers --scale 0.001`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks import machine
from benchmarks.measure import Options, say, warn
from benchmarks.peers import CANDIDATES
from benchmarks.results import report_folder, results_folder
from benchmarks.shapes import SHAPES


# Each imports what it needs when it is called: a report needs no NumPy libraries, a sweep no plots.
def _pytest(options: Options) -> None:
    from benchmarks.measure import suite

    suite.measure(options)


def _peers(options: Options) -> None:
    from benchmarks.measure import peers

    peers.measure(options)


def _minibatch(options: Options) -> None:
    from benchmarks.measure import minibatch

    minibatch.measure(options)


def _sweep(options: Options) -> None:
    from benchmarks.measure import sweep

    sweep.measure(options)


def _growth(options: Options) -> None:
    from benchmarks.measure import growth

    growth.measure(options)


def _overhead(options: Options) -> None:
    from benchmarks.measure import overhead

    overhead.measure(options)


def _out_of_core(options: Options) -> None:
    from benchmarks.measure import out_of_core

    out_of_core.measure(options)


def _estimators(options: Options) -> None:
    from benchmarks.measure import estimators

    estimators.measure(options)


def _report(options: Options) -> None:
    from benchmarks.reporting import write

    write(options.folder, options.report)


class Command(NamedTuple):
    """A subcommand and the line that explains it."""

    run: Callable[[Options], None]
    help: str


COMMANDS = {
    "pytest": Command(_pytest, "kernels, one step and whole training of ours, CPU and GPU"),
    "peers": Command(_peers, "one exact full-batch gradient, ours beside the others"),
    "minibatch": Command(_minibatch, "one epoch of Adam on mini-batches, ours beside the others"),
    "sweep": Command(_sweep, "one gradient of ours over block sizes"),
    "growth": Command(_growth, "how time and memory grow with m"),
    "overhead": Command(_overhead, "one iteration of a small training above bare NumPy"),
    "out_of_core": Command(_out_of_core, "training from a file larger than the memory allowed"),
    "estimators": Command(_estimators, "whole fits of DNNClassifier beside MLPClassifier"),
    "report": Command(_report, "Markdown tables and plots of what was measured"),
}


def parse(arguments: list[str] | None = None) -> tuple[Command, Options]:
    """Read the command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="share of the examples, to try things out; results go to a folder of their own",
    )
    common.add_argument(
        "--name",
        default="",
        help="a folder of their own for the results, such as that of another BLAS",
    )
    common.add_argument("--seconds", type=float, help="bound of one comparison's rounds")
    common.add_argument("--rounds", type=int, help="rounds of one comparison")
    common.add_argument("--shapes", nargs="*", default=[], choices=[shape.name for shape in SHAPES])
    common.add_argument(
        "--only", nargs="*", default=[], metavar="NAME", help=f"of: {', '.join(CANDIDATES)}"
    )
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.help, parents=[common])
    found = parser.parse_args(arguments)
    if not 0 < found.scale <= 1:
        parser.error("--scale is a share of the examples: more than 0, at most 1")
    options = Options(
        folder=results_folder(found.scale, found.name),
        report=report_folder(found.scale, found.name),
        scale=found.scale,
        busy=None if found.command == "report" else machine.busy_cores(),
        seconds=found.seconds,
        rounds=found.rounds,
        shapes=found.shapes,
        candidates=found.only,
    )
    return COMMANDS[found.command], options


def main() -> int:
    """Run one subcommand."""
    command, options = parse()
    began = time.perf_counter()
    warn(options.busy)
    try:
        command.run(options)
    except KeyboardInterrupt:
        say("stopped; what was finished is in the results")
        return 130
    say(f"{time.perf_counter() - began:.0f} s; results in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
