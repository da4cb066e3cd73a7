"""The command line: `python -m benchmarks peers --scale 0.001`."""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module

from benchmarks import machine
from benchmarks.measure import Options, say, warn
from benchmarks.peers import CANDIDATES
from benchmarks.results import report_folder, results_folder
from benchmarks.shapes import SHAPES

MEASUREMENTS = {
    "pytest": "kernels, one step and whole training of ours, CPU and GPU",
    "peers": "one exact full-batch gradient, ours beside the others",
    "minibatch": "one epoch of Adam on mini-batches, ours beside the others",
    "sweep": "one gradient of ours over block sizes",
    "growth": "how time and memory grow with m",
    "overhead": "one iteration of a small training above bare NumPy",
    "out_of_core": "training from a file larger than the memory allowed",
    "parquet": "the preset for tables on five million rows with categories, in bounded memory",
    "estimators": "whole fits of DNNClassifier beside MLPClassifier",
    "report": "Markdown tables and plots of what was measured",
    "accuracy": "errors on sets of tables, ours beside other methods; has options of its own",
}


def run(name: str, options: Options) -> None:
    """Import what the measurement needs, and nothing more: a report needs no NumPy libraries."""
    if name == "report":
        import_module("benchmarks.reporting").write(options.folder, options.report)
    else:
        module = "suite" if name == "pytest" else name
        import_module(f"benchmarks.measure.{module}").measure(options)


def parse(arguments: list[str] | None = None) -> tuple[str, Options]:
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
    for name, said in MEASUREMENTS.items():
        commands.add_parser(name, help=said, parents=[common])
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
    return found.command, options


def main() -> int:
    """Run one subcommand."""
    if sys.argv[1:2] == ["accuracy"]:
        return int(import_module("benchmarks.accuracy.panel").main(sys.argv[2:]))
    name, options = parse()
    began = time.perf_counter()
    warn(options.busy)
    try:
        run(name, options)
    except KeyboardInterrupt:
        say("stopped; what was finished is in the results")
        return 130
    say(f"{time.perf_counter() - began:.0f} s; results in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
