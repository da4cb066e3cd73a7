"""A schedule of an optimizer's decoupled weight decay, besides that of its learning rate."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from dnn_xp.formulas.optimizers import Optimizer


def with_decay_schedule(optimizer: Optimizer, schedule: Callable[[int], float]) -> Optimizer:
    """The same optimizer with its weight decay multiplied by ``schedule(step - 1)``, from 0 to 1.

    For optimizers with decoupled weight decay, such as `adamw`.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas import adamw
    >>> optimizer = with_decay_schedule(adamw(weight_decay=0.5), lambda iteration: 0.5)
    >>> theta = np.asarray([4.0])
    >>> theta, state = optimizer.update(
    ...     theta, np.asarray([0.0]), optimizer.init(theta, xp=np),
    ...     learning_rate=0.5, step=1, xp=np)
    >>> theta
    array([3.5])
    """
    scalars = partial(_scalars_with_decay, scalars=optimizer.scalars, schedule=schedule)
    return optimizer._replace(scalars=scalars)


def _scalars_with_decay(
    *,
    learning_rate: float,
    step: int,
    scalars: Callable[..., Any],
    schedule: Callable[[int], float],
) -> dict[str, float]:
    own: dict[str, float] = scalars(learning_rate=learning_rate, step=step)
    return own | {"kept": 1.0 - (1.0 - own["kept"]) * schedule(step - 1)}
