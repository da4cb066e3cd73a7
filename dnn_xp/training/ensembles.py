"""Ensembles in a training: what was asked, where the members start, what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import Argument, ArgumentValueError
from dnn_xp.common.messages import listing
from dnn_xp.formulas.ensembles import Ensemble
from dnn_xp.formulas.mean_outputs import MEAN_OUTPUTS
from dnn_xp.formulas.network import Network

Values = npt.NDArray[np.float64]


def check_ensemble(asked: Any) -> None:
    """Refuse options of an ensemble that contradict each other or the others."""
    several = asked.ensemble is not None and asked.ensemble > 1
    if asked.ensemble_sharing != "layers" and not several:
        raise ArgumentValueError(
            "ensemble_sharing",
            repr(asked.ensemble_sharing),
            ("left out unless ", Argument("ensemble"), " is 2 or more"),
        )
    for name in ("bias_initialization", "unit_variance"):
        if several and getattr(asked, name):
            raise ArgumentValueError(
                name,
                (f"{getattr(asked, name)!r} with ", Argument("ensemble", asked.ensemble)),
                "left out: the parameters of members are not fitted to examples",
                ("train single networks, or leave ", Argument(name), " out"),
            )
    if several and asked.output_activation is not None:
        _check_mean(asked.output_activation)


def _check_mean(output_activation: str) -> None:
    if output_activation not in MEAN_OUTPUTS:
        raise ArgumentValueError(
            "output_activation",
            (f"{output_activation!r} with ", Argument("ensemble")),
            f"one of {listing(MEAN_OUTPUTS)}, whose mean over networks is known",
            ("leave ", Argument("ensemble"), " out"),
        )


def ensemble_asked(asked: Any, output_activation: str) -> Ensemble | None:
    """The ensemble that was asked for, if its members are 2 or more."""
    if asked.ensemble is None or asked.ensemble == 1:
        return None
    _check_mean(output_activation)
    return Ensemble(asked.ensemble, asked.ensemble_sharing == "layers")


def settings_of_ensemble(ensemble: Ensemble | None) -> dict[str, Any]:
    """What a model says of it; nothing without one."""
    if ensemble is None:
        return {"ensemble": None, "ensemble_sharing": None}
    sharing = "layers" if ensemble.shares_layers else "nothing"
    return {"ensemble": ensemble.members, "ensemble_sharing": sharing}


def draw_members(
    network: Network,
    layers: Sequence[tuple[Values, Values]],
    learned: Sequence[Values],
    draw_layers: Callable[[int], list[tuple[Values, Values]]] | None,
    draw_learned: Callable[[], list[Values]],
    *,
    rng: np.random.Generator,
) -> tuple[list[tuple[Values, Values]], list[Values], Values]:
    """The layers and what is learned of X as theta holds them, and s, from those of the first member.

    Each further member draws what it does not share, the layers from the first of these on; where
    nothing draws layers, it takes (W, b) as they are. s are random signs where layers are shared, so
    that members begin with other features, else 1.
    """
    ensemble = network.ensemble
    assert ensemble is not None
    members = [(list(layers), list(learned))]
    first = len(layers) - 1 if ensemble.shares_layers else 0
    for _ in range(1, ensemble.members):
        drawn = list(layers)
        if draw_layers is not None:
            drawn[first:] = draw_layers(first)
        members.append((drawn, draw_learned() if network.rows_copies > 1 else []))
    found = list(layers)
    for l, copies in enumerate(network.copies):
        if copies > 1 and draw_layers is not None:
            of_each = [drawn[l] for drawn, _ in members]
            W, b = (np.concatenate(part) for part in zip(*of_each, strict=True))
            found[l] = W, b
    owned = members[: network.rows_copies]
    below = [np.concatenate([own[j] for _, own in owned]) for j in range(len(learned))]
    s: Values = np.ones(network.scaled)
    if ensemble.shares_layers:
        s = np.where(rng.random(network.scaled) < 0.5, -1.0, 1.0)
    return found, below, s
