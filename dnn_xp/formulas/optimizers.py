"""Updates: how a gradient changes the parameters, on all of them as one flat vector.

An optimizer is a record of functions. ``init(theta, *, xp)`` returns its state, a tuple of arrays
like theta (perhaps none). ``update_rule(theta, gradient, state, *, learning_rate, step, xp)`` returns
the new theta and state. theta and gradient are (p,) real floating arrays; learning_rate and step =
1, 2, ... are Python numbers, or 0-d arrays of theta's dtype, so the arrays keep their dtype. Where
the rule needs other scalars than these two, as in `adam`, ``scalars(*, learning_rate, step)``
computes them in Python's double precision and ``update_rule`` takes them by name instead.

To add one, write its update rule, its factory and one entry of `OPTIMIZERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from dnn_xp.common.checks import check_float
from dnn_xp.formulas.types import Array, Namespace

State: TypeAlias = tuple[Array, ...]


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
    return Optimizer("gradient_descent", {}, partial(_zeros, count=0), _gradient_descent_rule)


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
    chosen = {"beta": check_float("beta", beta, at_least=0.0, below=1.0)}
    return _optimizer("momentum", chosen, count=1, update_rule=_momentum_rule)


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
    chosen = {"beta": check_float("beta", beta, at_least=0.0, below=1.0)}
    return _optimizer("nesterov", chosen, count=1, update_rule=_nesterov_rule)


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
    chosen = {
        "rho": check_float("rho", rho, at_least=0.0, below=1.0),
        "epsilon": check_float("epsilon", epsilon, above=0.0),
    }
    return _optimizer("rmsprop", chosen, count=1, update_rule=_rmsprop_rule)


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
    chosen = _adam_hyperparameters(beta1, beta2, epsilon)
    return _adam_like("adam", chosen, chosen, update_rule=_adam_rule, scalars=_adam_scalars)


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
    of_adam = _adam_hyperparameters(beta1, beta2, epsilon)
    decay = check_float("weight_decay", weight_decay, at_least=0.0)
    return _adam_like(
        "adamw",
        of_adam | {"weight_decay": decay},
        of_adam,
        update_rule=_adamw_rule,
        scalars=partial(_adamw_scalars, weight_decay=decay),
    )


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "gradient_descent": gradient_descent,
    "momentum": momentum,
    "nesterov": nesterov,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
}


def clip_by_global_norm(gradient: Array, *, max_norm: float, xp: Namespace) -> Array:
    """The gradient, scaled down to length max_norm if longer: ``gradient min(1, max_norm / |gradient|)``.

    gradient is the (p,) gradient of all parameters and |.| the Euclidean norm; max_norm > 0. The
    direction stays the same. Entries are divided by the largest before they are squared, so that
    the squares cannot overflow. Source: Pascanu, Mikolov and Bengio 2013.

    Examples
    --------
    >>> import numpy as np
    >>> clip_by_global_norm(np.asarray([3.0, 4.0]), max_norm=1.0, xp=np)
    array([0.6, 0.8])
    >>> clip_by_global_norm(np.asarray([0.3, 0.4]), max_norm=1.0, xp=np)
    array([0.3, 0.4])
    """
    unit = xp.maximum(xp.max(xp.abs(gradient)), max_norm)
    ratio = gradient / unit
    norm = unit * xp.sqrt(xp.sum(ratio * ratio))
    return gradient * (max_norm / xp.maximum(norm, max_norm))


def _optimizer(
    name: str,
    chosen: dict[str, float],
    *,
    count: int,
    update_rule: Callable[..., tuple[Array, State]],
) -> Optimizer:
    # partial rather than a closure, because a closure cannot be pickled.
    return Optimizer(name, chosen, partial(_zeros, count=count), partial(update_rule, **chosen))


def _adam_like(
    name: str,
    chosen: dict[str, float],
    of_adam: dict[str, float],
    *,
    update_rule: Callable[..., tuple[Array, State]],
    scalars: Callable[..., dict[str, float]],
) -> Optimizer:
    # The checked Python floats: a NumPy float64 scalar would turn float32 arrays into float64.
    betas = {beta: of_adam[beta] for beta in ("beta1", "beta2")}
    return Optimizer(
        name,
        chosen,
        partial(_zeros, count=2),
        partial(update_rule, **betas),
        partial(scalars, **of_adam),
    )


def _adam_hyperparameters(beta1: float, beta2: float, epsilon: float) -> dict[str, float]:
    return {
        "beta1": check_float("beta1", beta1, at_least=0.0, below=1.0),
        "beta2": check_float("beta2", beta2, at_least=0.0, below=1.0),
        "epsilon": check_float("epsilon", epsilon, above=0.0),
    }


def _zeros(theta: Array, *, count: int, xp: Namespace) -> State:
    return tuple(xp.zeros_like(theta) for _ in range(count))


def _gradient_descent_rule(
    theta: Array, gradient: Array, state: State, *, learning_rate: float, step: int, xp: Namespace
) -> tuple[Array, State]:
    return theta - learning_rate * gradient, state


def _momentum_rule(
    theta: Array,
    gradient: Array,
    state: State,
    *,
    learning_rate: float,
    step: int,
    xp: Namespace,
    beta: float,
) -> tuple[Array, State]:
    (v,) = state
    v = beta * v + gradient
    return theta - learning_rate * v, (v,)


def _nesterov_rule(
    theta: Array,
    gradient: Array,
    state: State,
    *,
    learning_rate: float,
    step: int,
    xp: Namespace,
    beta: float,
) -> tuple[Array, State]:
    (v,) = state
    v = beta * v + gradient
    return theta - learning_rate * (gradient + beta * v), (v,)


def _rmsprop_rule(
    theta: Array,
    gradient: Array,
    state: State,
    *,
    learning_rate: float,
    step: int,
    xp: Namespace,
    rho: float,
    epsilon: float,
) -> tuple[Array, State]:
    (nu,) = state
    nu = rho * nu + (1.0 - rho) * (gradient * gradient)
    return theta - learning_rate * gradient / (xp.sqrt(nu) + epsilon), (nu,)


def _adam_scalars(
    *, learning_rate: float, step: int, beta1: float, beta2: float, epsilon: float
) -> dict[str, float]:
    """``rate = learning_rate root / (1 - beta1^step)``, ``floor = epsilon root``, ``root = sqrt(1 - beta2^step)``.

    Numerator and denominator of the update are multiplied by the root (end of the paper's section
    2): both corrections become scalars, which saves a pass over the arrays.
    """
    root = (1.0 - beta2**step) ** 0.5
    return {"rate": learning_rate * root / (1.0 - beta1**step), "floor": epsilon * root}


def _adam_rule(
    theta: Array,
    gradient: Array,
    state: State,
    *,
    rate: float,
    floor: float,
    xp: Namespace,
    beta1: float,
    beta2: float,
) -> tuple[Array, State]:
    mu, nu = state
    mu = beta1 * mu + (1.0 - beta1) * gradient
    nu = beta2 * nu + (1.0 - beta2) * (gradient * gradient)
    return theta - rate * mu / (xp.sqrt(nu) + floor), (mu, nu)


def _adamw_scalars(
    *, learning_rate: float, step: int, weight_decay: float, **of_adam: float
) -> dict[str, float]:
    """Those of Adam, and the factor by which theta decays."""
    scalars = _adam_scalars(learning_rate=learning_rate, step=step, **of_adam)
    return scalars | {"kept": 1.0 - learning_rate * weight_decay}


def _adamw_rule(
    theta: Array, gradient: Array, state: State, *, kept: float, **of_adam: Any
) -> tuple[Array, State]:
    return _adam_rule(theta * kept, gradient, state, **of_adam)
