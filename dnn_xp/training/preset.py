"""Options that a preset sets where they are left out; the rest of the library knows them one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, NamedTuple

from dnn_xp.formulas.network import Network
from dnn_xp.formulas.optimizers import adam

# RealMLP-TD-S: Holzmueller, Grinsztajn and Steinwart 2024, "Better by Default", table A.1, but for its
# 256 epochs, their coslog4 schedule, and selu and mish: a moving average of the parameters at the mean
# rate of that schedule is as accurate in 32 to 40, and so is relu in less time (docs/accuracy.md). What
# depends on m and on what Y means is decided when these are known.
TABULAR: Mapping[str, Any] = MappingProxyType(
    {
        "hidden": (256, 256, 256),
        "initialization": "ntk",
        "standardize_by": "quantiles",
        "scaling_layer": True,
        "ntk": True,
        "bias_rate": 0.1,
        "scale_rate": 6.0,
        "l2": 0.0,
        "optimizer": adam(beta2=0.95),
        "ema_decay": 0.98,
        "batch_size": 256,
        "validation": 0.2,
        "keep_best": "score",
        "report_costs": "batches",
        "dtype": "float32",
    }
)


class Length(NamedTuple):
    """How long a training in mini-batches takes where `epochs` is left out.

    Attributes
    ----------
    updates : int
        So many; a small set has few batches, and so more passes over its examples.
    fewest, most : int
        Epochs at least and at most.
    """

    updates: int
    fewest: int
    most: int

    def epochs(self, m: int, batch_size: int) -> int:
        """Passes over m examples.

        >>> Length(1000, 32, 64).epochs(6000, 256)
        42
        """
        batches = math.ceil(m / batch_size)
        return min(max(self.fewest, math.ceil(self.updates / batches)), self.most)


PLAIN_LENGTH, TABULAR_LENGTH = Length(1500, 20, 300), Length(1000, 32, 40)
# Layers that members share learn as many mirrored problems.
ENSEMBLE_LENGTH = Length(1000, 64, 64)
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType({"tabular": TABULAR})

# Where these are left out: with classes, and with values.
LEARNING_RATES = (0.02, 0.035)
LABEL_SMOOTHING = 0.1
# Two classes have one output here and two there, each of which moves by the rate.
TWO_CLASSES_RATE = 2.0


def length_of(chosen: str | None, network: Network) -> Length:
    """The length of a training in mini-batches with this preset."""
    if chosen != "tabular":
        return PLAIN_LENGTH
    return ENSEMBLE_LENGTH if network.at_once > 1 else TABULAR_LENGTH


def apply_preset(options: Any, given: frozenset[str]) -> None:
    """Set what the preset of a record of options sets and nobody has given."""
    chosen = PRESETS.get(options.preset, {})
    names = {each.name for each in fields(options)}
    if options.preset is not None and "precision" in given:
        given = given | {"dtype"}  # which it decides
    for name, value in chosen.items():
        if name in names and name not in given:
            object.__setattr__(options, name, value)


def said_of_preset(asked: Any) -> str | None:
    """What a preset set, in words."""
    chosen = PRESETS.get(asked.preset)
    if chosen is None:
        return None
    own = [name for name in chosen if getattr(asked, name) != chosen[name]]
    others = f"; given otherwise: {', '.join(own)}" if own else ""
    shown = ", ".join(f"{name}={_text(value)}" for name, value in chosen.items() if name not in own)
    return f"{asked.preset}, which is {shown}{others}"


def _text(value: Any) -> str:
    hyper = getattr(value, "hyperparameters", None)
    return repr(value) if hyper is None else f"{value.name}(beta2={hyper['beta2']:g})"
