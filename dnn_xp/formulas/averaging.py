"""The exponential moving average of the parameters, kept beside the state of any optimizer."""

from __future__ import annotations

from functools import partial
from typing import Any

from dnn_xp.common.checks import check_float
from dnn_xp.formulas.optimizers import Optimizer
from dnn_xp.formulas.types import Array, Namespace
from dnn_xp.formulas.update_rules import State, Updated


def average_share(*, decay: float, step: int) -> float:
    """Share of theta in the average after update number `step`: ``(1 - decay) / (1 - decay^step)``.

    With it the recurrence of `moving_average` needs no correction for its start: its value is
    ``(1 - decay) sum over t of decay^(step - t) theta_t / (1 - decay^step)``, the average of Kingma
    and Ba 2015, section 3. The first share is 1, and the average begins as theta_1.

    Examples
    --------
    >>> [round(average_share(decay=0.5, step=step), 4) for step in (1, 2, 100)]
    [1.0, 0.6667, 0.5]
    """
    return (1.0 - decay) / (1.0 - decay**step)


def moving_average(average: Array, theta: Array, *, share: float, xp: Namespace) -> Array:
    """One step of an average of theta: ``(1 - share) average + share theta``, all of them (p,).

    Examples
    --------
    >>> import numpy as np
    >>> moving_average(np.asarray([1.0]), np.asarray([4.0]), share=0.5, xp=np)
    array([2.5])
    """
    return (1.0 - share) * average + share * theta


def with_average(optimizer: Optimizer, decay: float) -> Optimizer:
    """The same optimizer with the moving average of theta as the last array of its state.

    After each update ``average = (1 - share) average + share theta``, with the share of
    `average_share`. The updates are those of the optimizer, which never reads the average. Source:
    Polyak and Juditsky 1992; with decaying weights as in PyTorch's ``get_ema_multi_avg_fn``.

    Parameters
    ----------
    optimizer : Optimizer
    decay : 0 <= decay < 1, the share of the average that is kept in the end; else ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas import gradient_descent
    >>> optimizer = with_average(gradient_descent(), 0.5)
    >>> theta = np.asarray([0.0])
    >>> state = optimizer.init(theta, xp=np)
    >>> for step in (1, 2):
    ...     theta, state = optimizer.update(
    ...         theta, np.asarray([-3.0]), state, learning_rate=1.0, step=step, xp=np)
    >>> theta, state
    (array([6.]), (array([5.]),))
    """
    decay = check_float("decay", decay, at_least=0.0, below=1.0)
    # partial rather than closures, because a closure cannot be pickled.
    return optimizer._replace(
        init=partial(_init, init=optimizer.init),
        update_rule=partial(_update_rule, update_rule=optimizer.update_rule),
        scalars=partial(_scalars, scalars=optimizer.scalars, decay=decay),
    )


def _init(theta: Array, *, init: Any, xp: Namespace) -> State:
    return (*init(theta, xp=xp), theta)


def _scalars(*, learning_rate: float, step: int, scalars: Any, decay: float) -> dict[str, float]:
    own: dict[str, float] = scalars(learning_rate=learning_rate, step=step)
    return own | {"average_share": average_share(decay=decay, step=step)}


def _update_rule(
    theta: Array,
    gradient: Array,
    state: State,
    *,
    average_share: float,
    update_rule: Any,
    xp: Namespace,
    **of_optimizer: Any,
) -> Updated:
    *own, average = state
    theta, moved = update_rule(theta, gradient, tuple(own), **of_optimizer, xp=xp)
    return theta, (*moved, moving_average(average, theta, share=average_share, xp=xp))
