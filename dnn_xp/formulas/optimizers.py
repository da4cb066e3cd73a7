"""Updates: how a gradient changes the parameters, on all of them as one flat vector.

An optimizer is a record of functions. ``init(theta, *, xp)`` returns its state, a tuple of arrays
like theta (perhaps none). ``update_rule(theta, gradient, state, *, learning_rate, step, xp)`` returns
the new theta and state. theta and gradient are (p,) real floating arrays; learning_rate and step =
1, 2, ... are Python numbers, or 0-d arrays of theta's dtype, so the arrays keep their dtype. Where
the rule needs other scalars than these two, as in `adam`, ``scalars(*, learning_rate, step)``
computes them in Python's double precision and ``update_rule`` takes them by name instead.

To add one, write its update rule (in `update_rules`), its factory and one entry of `OPTIMIZERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from dnn_xp.common.checks import check_float
from dnn_xp.formulas.types import Array, Namespace
from dnn_xp.formulas.update_rules import (
    State,
    Updated,
    adam_rule,
    adam_scalars,
    adamw_rule,
    adamw_scalars,
    gradient_descent_rule,
    momentum_rule,
    nesterov_rule,
    rmsprop_rule,
    zeros,
)


class Optimizer(NamedTuple):
    """An optimizer with its hyper-parameters; it can be pickled.

    Attributes
    ----------
    name : its key in `OPTIMIZERS`.
    hyperparameters : what its factory was given, by name.
    init : ``init(theta, *, xp) -> state``.
    update_rule : ``update_rule(theta, gradient, state, *, xp, **scalars) -> (theta, state)``.
    scalars : ``scalars(*, learning_rate, step)``, the scalars that ``update_rule`` takes, by name.
    """

    name: str
    hyperparameters: dict[str, float]
    init: Callable[..., State]
    update_rule: Callable[..., tuple[Array, State]]
    scalars: Callable[..., dict[str, float]] = dict

    def update(
        self,
        theta: Array,
        gradient: Array,
        state: State,
        *,
        learning_rate: float,
        step: int,
        xp: Namespace,
    ) -> tuple[Array, State]:
        """The new theta and state after update number `step`, counted from 1."""
        scalars = self.scalars(learning_rate=learning_rate, step=step)
        return self.update_rule(theta, gradient, state, **scalars, xp=xp)


def gradient_descent() -> Optimizer:
    """Gradient descent: ``theta -= learning_rate gradient``.

    Examples
    --------
    >>> import numpy as np
    >>> theta, gradient = np.asarray([1.0, 2.0]), np.asarray([1.0, -1.0])
    >>> gradient_descent().update(theta, gradient, (), learning_rate=0.5, step=1, xp=np)
    (array([0.5, 2.5]), ())
    """
    return Optimizer("gradient_descent", {}, partial(zeros, count=0), gradient_descent_rule)


def momentum(beta: float = 0.9) -> Optimizer:
    """Gradient descent with momentum.

    ``v = beta v + gradient``, ``theta -= learning_rate v``. Source: Polyak 1964, in the form of
    Sutskever et al. 2013 and torch.optim.SGD. The course's v = beta v + (1 - beta) gradient with
    its rate alpha takes the same steps as this with ``learning_rate = (1 - beta) alpha``.

    Parameters
    ----------
    beta : 0 <= beta < 1, the share of the velocity that is kept; else ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = momentum(0.5)
    >>> theta, state = np.asarray([1.0]), (np.asarray([2.0]),)
    >>> optimizer.update(theta, np.asarray([1.0]), state, learning_rate=0.5, step=2, xp=np)
    (array([0.]), (array([2.]),))
    """
    chosen = _checked(beta=beta)
    return Optimizer("momentum", chosen, partial(zeros, count=1), partial(momentum_rule, **chosen))


def nesterov(beta: float = 0.9) -> Optimizer:
    """Gradient descent with Nesterov's momentum.

    ``v = beta v + gradient``, ``theta -= learning_rate (gradient + beta v)``: the gradient at the
    point that the velocity leads to. Source: Nesterov 1983; Sutskever et al. 2013, rewritten in
    terms of that look-ahead point as in torch.optim.SGD.

    Parameters
    ----------
    beta : 0 <= beta < 1, the share of the velocity that is kept; else ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = nesterov(0.5)
    >>> theta, state = np.asarray([1.0]), (np.asarray([2.0]),)
    >>> optimizer.update(theta, np.asarray([1.0]), state, learning_rate=0.5, step=2, xp=np)
    (array([0.]), (array([2.]),))
    """
    chosen = _checked(beta=beta)
    return Optimizer("nesterov", chosen, partial(zeros, count=1), partial(nesterov_rule, **chosen))


def rmsprop(rho: float = 0.9, epsilon: float = 1e-8) -> Optimizer:
    """RMSprop: steps divided by a running root mean square of the gradient.

    ``nu = rho nu + (1 - rho) gradient^2``,
    ``theta -= learning_rate gradient / (sqrt(nu) + epsilon)``. Source: Hinton, Neural Networks for
    Machine Learning, lecture 6e, 2012.

    Parameters
    ----------
    rho : 0 <= rho < 1, the share of the running mean that is kept; else ValueError.
    epsilon : > 0, added to the root; else ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = rmsprop(rho=0.75)
    >>> theta = np.asarray([1.0])
    >>> theta, state = optimizer.update(
    ...     theta, np.asarray([2.0]), optimizer.init(theta, xp=np),
    ...     learning_rate=0.5, step=1, xp=np)
    >>> theta.round(6), state
    (array([0.]), (array([1.]),))
    """
    chosen = _checked(rho=rho, epsilon=epsilon)
    return Optimizer("rmsprop", chosen, partial(zeros, count=1), partial(rmsprop_rule, **chosen))


def adam(beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Optimizer:
    """Adam: momentum divided by a running root mean square, both corrected for starting at 0.

    ``mu = beta1 mu + (1 - beta1) gradient``, ``nu = beta2 nu + (1 - beta2) gradient^2``,
    ``theta -= learning_rate (mu / (1 - beta1^step)) / (sqrt(nu / (1 - beta2^step)) + epsilon)``.
    Source: Kingma and Ba 2015, algorithm 1.

    Parameters
    ----------
    beta1, beta2 : 0 <= beta < 1, the shares of the running means that are kept; else ValueError.
    epsilon : > 0, added to the root; else ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = adam()
    >>> theta = np.asarray([1.0, 1.0])
    >>> theta, state = optimizer.update(
    ...     theta, np.asarray([4.0, -0.1]), optimizer.init(theta, xp=np),
    ...     learning_rate=0.5, step=1, xp=np)
    >>> theta.round(6)
    array([0.5, 1.5])
    """
    chosen = _checked(beta1=beta1, beta2=beta2, epsilon=epsilon)
    return _adam_like("adam", adam_rule, adam_scalars, chosen)


def adamw(
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
) -> Optimizer:
    """Adam with decoupled weight decay: ``theta -= learning_rate weight_decay theta``, then `adam`.

    All of theta decays, b as well as W. Source: Loshchilov and Hutter 2019, algorithm 2, with the
    decay scaled by the learning rate as in torch.optim.AdamW.

    Parameters
    ----------
    beta1, beta2, epsilon : as in `adam`.
    weight_decay : >= 0; else ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = adamw(weight_decay=0.5)
    >>> theta = np.asarray([4.0])
    >>> theta, state = optimizer.update(
    ...     theta, np.asarray([0.0]), optimizer.init(theta, xp=np),
    ...     learning_rate=0.5, step=1, xp=np)
    >>> theta
    array([3.])
    """
    chosen = _checked(beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=weight_decay)
    return _adam_like("adamw", adamw_rule, adamw_scalars, chosen)


def with_decay_schedule(optimizer: Optimizer, schedule: Callable[[int], float]) -> Optimizer:
    """The same optimizer with its weight decay multiplied by ``schedule(step - 1)``, from 0 to 1.

    For optimizers with decoupled weight decay, such as `adamw`.

    Examples
    --------
    >>> import numpy as np
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


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "gradient_descent": gradient_descent,
    "momentum": momentum,
    "nesterov": nesterov,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
}


_SHARE: dict[str, Any] = {"at_least": 0.0, "below": 1.0}
_BOUNDS: dict[str, dict[str, Any]] = {
    "beta": _SHARE,
    "beta1": _SHARE,
    "beta2": _SHARE,
    "rho": _SHARE,
    "epsilon": {"above": 0.0},
    "weight_decay": {"at_least": 0.0},
}


def _checked(**chosen: float) -> dict[str, Any]:
    return {name: check_float(name, value, **_BOUNDS[name]) for name, value in chosen.items()}


def _adam_like(
    name: str, rule: Callable[..., Updated], scalars: Callable[..., Any], chosen: dict[str, Any]
) -> Optimizer:
    betas = {beta: chosen[beta] for beta in ("beta1", "beta2")}
    # partial rather than a closure, because a closure cannot be pickled.
    init = partial(zeros, count=2)
    return Optimizer(name, chosen, init, partial(rule, **betas), partial(scalars, **chosen))
