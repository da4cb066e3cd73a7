"""Each trick of `preset="tabular"` left out of it, and added alone to a plain network of its size.

All have three layers of 256 units, 256 epochs in batches of 256, and the panel's validation part.
"""

from __future__ import annotations

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
from dnn_xp.formulas import adam

Options = Mapping[str, Any]
NOTHING: Options = MappingProxyType({})


class Trick(NamedTuple):
    """Options with the trick and without it; those for values, where they differ from classes'."""

    on: Options
    off: Options
    on_values: Options = NOTHING
    off_values: Options = NOTHING

    def of(self, classes: int, *, on: bool) -> Options:
        """The options for a set."""
        chosen = self.on if on else self.off
        of_values = self.on_values if on else self.off_values
        return chosen if classes else {**chosen, **of_values}


# Without NTK a rate of 0.04 would be 16 times too high: W of 256 inputs had 0.04 / sqrt(256).
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
    "coslog4": Trick({"schedule": "coslog4"}, {"schedule": "constant"}),
    "NTK rates and start": Trick(
        {"ntk": True, "initialization": "ntk", "learning_rate": 0.04},
        {"ntk": False, "initialization": "he", "learning_rate": 0.0025},
        {"learning_rate": 0.07},
        {"learning_rate": 0.0044},
    ),
    "rate of biases": Trick({"bias_rate": 0.1}, {"bias_rate": 1.0}),
    "best epoch": Trick({"keep_best": "score"}, {"keep_best": None}),
}
PLAIN: Options = {
    "hidden": (256, 256, 256),
    "activation": "relu",
    "optimizer": "adam",
    "learning_rate": 0.001,
    "epochs": 256,
    "batch_size": 256,
    "l2": 0.0,
    "report_costs": "batches",
    "dtype": "float32",
}


def without(split: Split, trick: Trick) -> Fit:
    """The preset without a trick."""
    return selected(split, preset="tabular", **trick.of(split.classes, on=False))


def alone(split: Split, trick: Trick) -> Fit:
    """The plain network with a trick."""
    batch_size = min(PLAIN["batch_size"], len(split.kept))
    return selected(
        split, **{**PLAIN, "batch_size": batch_size, **trick.of(split.classes, on=True)}
    )


METHODS: dict[str, Method] = {
    "tabular": partial(selected, preset="tabular"),
    **{f"tabular - {name}": partial(without, trick=trick) for name, trick in TRICKS.items()},
    "plain": partial(alone, trick=Trick(NOTHING, NOTHING)),
    **{f"plain + {name}": partial(alone, trick=trick) for name, trick in TRICKS.items()},
}


def report(rows: Mapping[str, statistics.Rows]) -> str:
    """Errors beside the preset's and beside the plain network's."""
    errors = statistics.errors(rows)
    lines = []
    for name in TRICKS:
        cells: list[str] = []
        for method, base in ((f"tabular - {name}", "tabular"), (f"plain + {name}", "plain")):
            known = method in errors and base in errors
            cells += beside(errors, method, base) if known else ["", "", ""]
        if any(cells):
            lines.append([name, *cells])
    half = ["lowest, highest", "sets, splits"]
    return table(["trick", "preset without it", *half, "plain network with it", *half], lines)


def beside(errors: By, method: str, base: str) -> Sequence[str]:
    """The mean ratio, those of the set with the lowest and the highest one, and of how many."""
    found = statistics.ratio(errors, method, base)
    keys = statistics.common(errors, [method, base])
    splits = len({split for _, split in keys})
    singly = [errors[method][key] / errors[base][key] for key in keys]
    spread = f"{min(singly):.3f}, {max(singly):.3f}" if singly else ""
    return f"{found.mean:.3f}", spread, f"{found.sets}, {splits}"
