"""dnn-xp demo: a training on a bundled data set, in seconds."""

from __future__ import annotations

from argparse import Namespace

import numpy as np

from dnn_xp.cli.commands.train import learn, report
from dnn_xp.cli.inputs.bundled import bundled
from dnn_xp.cli.inputs.reading import Examples
from dnn_xp.cli.parser import parse
from dnn_xp.cli.train_options import TRAIN_OPTIONS
from dnn_xp.cli.wording import tell
from dnn_xp.data.sources.base import ArraySource

_SPIRALS = 2000
# Without a penalty a network of this size overfits the 455 examples.
_L2 = 10.0


def run(args: Namespace) -> int:
    """Train on breast_cancer, or on two spirals where scikit-learn is missing."""
    defaults = parse(["train", "breast_cancer"])
    options = {name: getattr(defaults, name) for name in TRAIN_OPTIONS}
    options |= {"device": args.device, "fallback": args.fallback, "threads": args.threads}
    same = "dnn-xp train DATA --target COLUMN"
    try:
        table = bundled("breast_cancer")
    except ImportError:
        tell(
            "scikit-learn is not installed (pip install 'dnn_xp[sklearn]'), so the data are two "
            "spirals, made up here.\n"
        )
        examples = spirals(_SPIRALS)
    else:
        options["l2"] = _L2
        same = f"dnn-xp train breast_cancer --l2 {_L2:g} -o model.safetensors"
        tell("Telling benign from malignant tumours by 30 measurements of cell nuclei.\n")
        names = [name for name in table.names if name not in table.targets]
        Y = table.values("target")
        examples = Examples(table.table.select(names), Y, table.where, tuple(names), table.targets)
    outcome = learn(
        examples,
        options,
        test_fraction=defaults.test_fraction,
        seed=defaults.seed,
        verbose=not args.quiet,
    )
    tell(report(outcome))
    tell(f"\nNothing was saved. To train and save: {same}")
    return 130 if outcome.interrupted else 0


def spirals(m: int) -> Examples:
    """Two interleaved spirals, a class each, with a little noise."""
    rng = np.random.default_rng(0)
    classes = np.arange(m) % 2
    angle = 3 * np.pi * np.sqrt(rng.random(m))
    points = angle * np.stack([np.cos(angle + np.pi * classes), np.sin(angle + np.pi * classes)])
    X = points + 0.2 * rng.standard_normal((2, m))
    return Examples(ArraySource(X), classes, "two spirals", ("x", "y"), ("arm",))
