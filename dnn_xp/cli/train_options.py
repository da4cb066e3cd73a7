"""The options of dnn-xp train; most are the arguments of dnn_xp.train."""

from __future__ import annotations

import argparse

from dnn_xp.backends import PRECISIONS
from dnn_xp.cli.option_types import (
    DATA,
    block_size,
    computing_options,
    force_option,
    hidden_sizes,
    key_options,
    names,
    numbers,
)
from dnn_xp.formulas.activations import ACTIVATIONS
from dnn_xp.formulas.costs import COSTS
from dnn_xp.formulas.optimizers import OPTIMIZERS

NOTES = """\
examples:
  dnn-xp train breast_cancer
  dnn-xp train houses.csv --target price --exclude id -o houses.safetensors
  dnn-xp train table.parquet --target species --validation 0.1 --patience 20
  dnn-xp train digits.npz --x-key images --y-key labels --batch-size 64

Every feature is standardized: its mean is subtracted and it is divided by its
standard deviation, both from the training examples and kept in the model. Raw
tables need that; --no-standardize leaves the features as they are.

A target of text or whole numbers means classes, one of other numbers values.
--cost decides otherwise: squared_error means values, softmax_cross_entropy
classes. Ctrl-C ends a training early and saves the model so far.
"""


def train_options(parser: argparse.ArgumentParser) -> None:
    """Everything that dnn-xp train takes, in groups."""
    parser.add_argument("data", metavar="DATA", help=DATA)
    out = parser.add_argument_group("output")
    out.add_argument(
        "-o",
        "--output",
        metavar="MODEL",
        default="model.safetensors",
        help="where the model is saved (default: %(default)s)",
    )
    force_option(out)
    out.add_argument("--quiet", action="store_true", help="no progress bar and no table")

    what = parser.add_argument_group("what is learned from what")
    for name, about in (
        ("--target", "columns to be learned, by name or number from 0"),
        ("--features", "columns to learn from (default: all others)"),
        ("--exclude", "columns to leave out, such as identifiers"),
    ):
        what.add_argument(name, action="append", metavar="COL,...", help=about)
    key_options(what)
    what.add_argument("--y-key", metavar="KEY", help="the array of targets in DATA (default: Y)")
    what.add_argument("--target-file", metavar="FILE", help="the targets, in a file of their own")
    what.add_argument(
        "--test-fraction",
        type=float,
        default=0.2,
        metavar="F",
        help="share of the examples held out to test the model on (default: %(default)s; 0: none)",
    )

    network = parser.add_argument_group("network")
    network.add_argument(
        "--hidden",
        type=hidden_sizes,
        default="auto",
        metavar="N,...",
        help="units of the hidden layers, such as 64,32 (the default); none: no hidden layer",
    )
    hidden = [name for name, each in ACTIVATIONS.items() if each.elementwise]
    network.add_argument(
        "--activation",
        type=names("--activation", hidden),
        default="relu",
        metavar="NAME",
        help=f"of the hidden layers, or one each: {', '.join(hidden)} (default: relu)",
    )
    network.add_argument(
        "--cost",
        type=names("--cost", COSTS),
        metavar="NAME",
        help=f"{', '.join(COSTS)} (default: after the target)",
    )
    network.add_argument("--initialization", default="auto", metavar="NAME", help="of the weights")

    steps = parser.add_argument_group("training")
    optimizers = (*OPTIMIZERS, "lbfgs")
    steps.add_argument(
        "--optimizer",
        type=names("--optimizer", optimizers),
        default="adam",
        metavar="NAME",
        help=f"{', '.join(optimizers)} (default: adam)",
    )
    steps.add_argument("--learning-rate", type=float, metavar="RATE")
    steps.add_argument("--iterations", type=int, metavar="N", help="full-batch updates")
    steps.add_argument("--batch-size", type=int, metavar="N", help="mini-batches (default: all)")
    steps.add_argument("--epochs", type=int, metavar="N", help="passes, with --batch-size")
    steps.add_argument("--l2", type=float, default=0.0, metavar="X", help="penalty on W squared")
    steps.add_argument("--l1", type=float, default=0.0, metavar="X", help="penalty on |W|")
    steps.add_argument(
        "--keep-prob",
        type=numbers,
        default=1.0,
        metavar="P",
        help="dropout: probability of keeping a hidden unit, or one for each hidden layer",
    )
    steps.add_argument("--clip-norm", type=float, metavar="X", help="largest norm of the gradient")
    steps.add_argument(
        "--validation",
        type=float,
        metavar="F",
        help="share of the training examples to watch the cost on while training",
    )
    steps.add_argument(
        "--patience",
        type=int,
        metavar="N",
        help="stop after N reports without a lower validation cost, and keep the best",
    )
    steps.add_argument(
        "--report-every", type=int, default=1, metavar="N", help="iterations or epochs (default: 1)"
    )
    steps.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is random")
    steps.add_argument(
        "--no-standardize", dest="standardize", action="store_false", help="leave X as it is"
    )
    computing = computing_options(parser)
    computing.add_argument(
        "--dtype",
        type=names("--dtype", ("float32", "float64")),
        metavar="DTYPE",
        help="float32, float64",
    )
    computing.add_argument(
        "--precision",
        type=names("--precision", PRECISIONS),
        metavar="PRECISION",
        help="of products: that of the dtype, or tf32 (CUDA)",
    )
    computing.add_argument("--block-size", type=block_size, default="auto", metavar="N")
