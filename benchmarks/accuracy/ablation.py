"""Each trick of `preset="tabular"` left out of it, and added alone to a plain network of its size.

What the preset leaves out is added to it. All have three layers of 256 units, batches of 256, 32 to 40
epochs as in the preset where nothing else is said, and the panel's validation part. The preset is here
with selu and mish; without them it is what it is elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from benchmarks.accuracy import statistics
from benchmarks.accuracy.methods import Fit, Method
from benchmarks.accuracy.ours import selected
from benchmarks.accuracy.splits import Split
from benchmarks.accuracy.statistics import By
from benchmarks.reporting.markdown import table
from dnn_xp.formulas import adam, adamw
from dnn_xp.training.preset import TABULAR_LENGTH

Options = Mapping[str, Any]
NOTHING: Options = MappingProxyType({})


class Trick(NamedTuple):
    """Options with the trick and without it; those for values, where they differ from classes'."""

    on: Options
    off: Options = NOTHING
    on_values: Options = NOTHING
    off_values: Options = NOTHING

    def of(self, classes: int, *, on: bool) -> Options:
        """The options for a set."""
        chosen = self.on if on else self.off
        of_values = self.on_values if on else self.off_values
        return chosen if classes else {**chosen, **of_values}


# Without NTK a rate of 0.02 would be 16 times too high: W of 256 inputs had 0.02 / sqrt(256).
TRICKS = {
    "quantiles and clipping": Trick({"standardize_by": "quantiles"}, {"standardize_by": "moments"}),
    "scaling layer": Trick(
        {"scaling_layer": True, "scale_rate": 6.0}, {"scaling_layer": False, "scale_rate": 1.0}
    ),
    "selu, mish": Trick({"activation": "selu"}, {"activation": "relu"}, {"activation": "mish"}),
    "label smoothing": Trick(
        {"label_smoothing": 0.1},
        {"label_smoothing": 0.0},
        {"label_smoothing": None},
        {"label_smoothing": None},
    ),
    "beta2": Trick({"optimizer": adam(beta2=0.95)}, {"optimizer": adam()}),
    "NTK rates and start": Trick(
        {"ntk": True, "initialization": "ntk", "learning_rate": 0.02},
        {"ntk": False, "initialization": "he", "learning_rate": 0.00125},
        {"learning_rate": 0.035},
        {"learning_rate": 0.0022},
    ),
    "rate of biases": Trick({"bias_rate": 0.1}, {"bias_rate": 1.0}),
    "average of parameters": Trick({"ema_decay": 0.98}, {"ema_decay": None}),
    "best epoch": Trick({"keep_best": "score"}, {"keep_best": None}),
}
# None of these is in the preset: the schedule and the epochs of RealMLP, and what RealMLP-TD adds to RealMLP-TD-S.
MORE = {
    "coslog4": Trick(
        {"schedule": "coslog4", "learning_rate": 0.04}, on_values={"learning_rate": 0.07}
    ),
    "256 epochs": Trick({"epochs": 256}),
    "periodic encoding": Trick({"number_encoding": "periodic"}),
    "piecewise encoding": Trick({"number_encoding": "piecewise"}),
    "parametric activation": Trick({"parametric_activation": True}),
    "dropout, flat cosine": Trick({"dropout": 0.15, "dropout_schedule": "flat_cosine"}),
    "weight decay, flat cosine": Trick(
        {
            "optimizer": adamw(beta2=0.95, weight_decay=0.02),
            "weight_decay_schedule": "flat_cosine",
        },
    ),
}
PLAIN: Options = {
    "hidden": (256, 256, 256),
    "activation": "relu",
    "optimizer": "adam",
    "learning_rate": 0.001,
    "batch_size": 256,
    "l2": 0.0,
    "report_costs": "batches",
    "dtype": "float32",
}


def preset(split: Split, trick: Trick, *, on: bool) -> Fit:
    """The preset, with selu and mish, with a trick or without it."""
    activation = TRICKS["selu, mish"].of(split.classes, on=True)
    return selected(split, preset="tabular", **{**activation, **trick.of(split.classes, on=on)})


def alone(split: Split, trick: Trick) -> Fit:
    """The plain network with a trick."""
    m = len(split.kept)
    batch_size = min(PLAIN["batch_size"], m)
    length = {"batch_size": batch_size, "epochs": TABULAR_LENGTH.epochs(m, batch_size)}
    return selected(split, **{**PLAIN, **length, **trick.of(split.classes, on=True)})


METHODS: dict[str, Method] = {
    "tabular": partial(preset, trick=Trick(NOTHING), on=True),
    **{
        f"tabular {sign} {name}": partial(preset, trick=trick, on=on)
        for sign, on, tricks in (("-", False, TRICKS), ("+", True, MORE))
        for name, trick in tricks.items()
    },
    "plain": partial(alone, trick=Trick(NOTHING)),
    **{f"plain + {name}": partial(alone, trick=trick) for name, trick in TRICKS.items()},
}


def report(rows: Mapping[str, statistics.Rows]) -> str:
    """Errors beside the preset's and beside the plain network's."""
    errors = statistics.errors(rows)
    spread = ["lowest, highest", "sets, splits"]
    left_out = []
    for name in TRICKS:
        cells = [
            *beside(errors, f"tabular - {name}", "tabular"),
            *beside(errors, f"plain + {name}", "plain"),
        ]
        if any(cells):
            left_out.append([name, *cells])
    added = [[name, *beside(errors, f"tabular + {name}", "tabular")] for name in MORE]
    added = [line for line in added if any(line[1:])]
    in_preset = ["trick", "preset without it", *spread, "plain network with it", *spread]
    tables = [table(in_preset, left_out)] if left_out else []
    if added:
        tables.append(table(["not in the preset", "preset with it", *spread], added))
    return "\n".join(tables)


def beside(errors: By, method: str, base: str) -> Sequence[str]:
    """The mean ratio and its 95 % interval, the sets' lowest and highest one, and how many."""
    if method not in errors or base not in errors:
        return ["", "", ""]
    found = statistics.ratio(errors, method, base)
    keys = statistics.common(errors, [method, base])
    splits = Counter(name for name, _ in keys)
    means = [
        statistics.mean_of(errors, method, name, keys)
        / statistics.mean_of(errors, base, name, keys)
        for name in splits
    ]
    spread = f"{min(means):.3f}, {max(means):.3f}" if means else ""
    interval = f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f})"
    fewest, most = min(splits.values(), default=0), max(splits.values(), default=0)
    count = f"{most}" if fewest == most else f"{fewest} to {most}"
    return [interval, spread, f"{found.sets}, {count}"]
