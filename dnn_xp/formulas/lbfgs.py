"""L-BFGS: steps that take the curvature of J from the last few steps and gradients.

With s_i = theta_{i+1} - theta_i, y_i = gradient_{i+1} - gradient_i and rho_i = 1 / (y_i . s_i), an
approximation H of the inverse Hessian starts from gamma I, gamma = (s . y) / (y . y) of the last
pair, and takes in each pair, the oldest first, by

    H <- (I - rho s y^T) H (I - rho y s^T) + rho s s^T

H is never made: `two_loop_recursion` gives H times the gradient from the pairs alone. A step goes
along -H gradient as far as `strong_wolfe` says.

theta, gradient, s and y are (p,) real floating arrays of one dtype on one device. Every number that
is worked out from them is a Python float, so one step reads 2 k + 4 numbers from the device for k
pairs, and one or two for each evaluation of J.

Source: Nocedal and Wright, Numerical Optimization, 2nd edition 2006, algorithms 7.4 and 7.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, TypeAlias

from dnn_xp.formulas.line_search import Trial, strong_wolfe
from dnn_xp.formulas.types import Array, Namespace

# theta -> J, a number or a 0-d array, and the gradient.
Evaluate: TypeAlias = Callable[[Array], tuple[Array | float, Array]]


class LBFGSStop(Enum):
    """Why L-BFGS goes no further."""

    GRADIENT = "no entry of the gradient is larger than the tolerance"
    DECREASE = "the cost fell by no more than the tolerance"
    NO_DECREASE = "no step lowers the cost any further"
    NOT_FINITE = "the gradient is not finite"


class LBFGSState(NamedTuple):
    """All that one step takes from those before; nothing here is written to.

    Attributes
    ----------
    theta, gradient : (p,) arrays
        The parameters, and the gradient of J at them.
    J : float
        The cost at theta.
    s, y : tuple of (p,) arrays
        The last changes of theta and of the gradient, the oldest first.
    rho : tuple of float
        1 / (y . s) of each pair.
    gamma : float
        (s . y) / (y . y) of the last pair; 1 while there is none.
    iteration, evaluations : int
        Steps taken and evaluations of J so far.
    """

    theta: Array
    J: float
    gradient: Array
    s: tuple[Array, ...] = ()
    y: tuple[Array, ...] = ()
    rho: tuple[float, ...] = ()
    gamma: float = 1.0
    iteration: int = 0
    evaluations: int = 1


def lbfgs_init(evaluate: Evaluate, theta: Array) -> LBFGSState:
    """The state before the first step, after one evaluation.

    Parameters
    ----------
    evaluate : callable
        theta -> (J, gradient): a number or 0-d array, and a (p,) array like theta.
    theta : (p,) array
        Where to start.

    Examples
    --------
    >>> import numpy as np
    >>> lbfgs_init(lambda theta: (np.sum(theta * theta), 2.0 * theta), np.asarray([3.0, 4.0])).J
    25.0
    """
    J, gradient = evaluate(theta)
    return LBFGSState(theta, float(J), gradient)


def lbfgs_step(
    evaluate: Evaluate,
    state: LBFGSState,
    *,
    memory: int = 10,
    gradient_tolerance: float = 1e-6,
    decrease_tolerance: float = 0.0,
    max_evaluations: int = 20,
    xp: Namespace,
) -> tuple[LBFGSState, LBFGSStop | None]:
    """One step of L-BFGS: ``theta + alpha d`` with ``d = -H gradient``.

    The first direction is -gradient / |gradient|, as SciPy scales it. Where no step along d lowers
    J, the pairs are dropped and -gradient / |gradient| is tried. A pair without positive curvature,
    s . y > 0, is not kept: H would not stay positive definite.

    Parameters
    ----------
    evaluate : callable
        As given to `lbfgs_init`.
    state : LBFGSState
        Where to go on from.
    memory : int
        Pairs to keep at most; >= 1.
    gradient_tolerance : float
        LBFGSStop where max |gradient| is no larger.
    decrease_tolerance : float
        LBFGSStop after a step that lowered J by no more than this times max(|J| before, |J| after, 1).
    max_evaluations : int
        Evaluations of a line search at most.

    Returns
    -------
    state : LBFGSState
        One iteration further, with a lower J; or, where no step could be taken, theta, J, gradient
        and iteration are those of the given state.
    stop : LBFGSStop or None
        Why the next step would be of no use; None when it may be.

    Notes
    -----
    J falls from step to step, in any dtype: a point with the same or a higher J is never accepted.
    Where the decrease to be had is below the rounding of J, the step ends with LBFGSStop.NO_DECREASE.
    The tolerances are those of Byrd, Lu, Nocedal and Zhu 1995 (SciPy's gtol and ftol).

    Examples
    --------
    >>> import numpy as np
    >>> def evaluate(theta):
    ...     return np.sum((theta - 1.0) ** 4), 4.0 * (theta - 1.0) ** 3
    >>> state, stop = lbfgs_init(evaluate, np.zeros(3)), None
    >>> while stop is None:
    ...     state, stop = lbfgs_step(evaluate, state, gradient_tolerance=1e-9, xp=np)
    >>> stop.name, state.theta.round(2)
    ('GRADIENT', array([1., 1., 1.]))
    """
    largest = float(xp.max(xp.abs(state.gradient)))
    if not (math.isfinite(largest) and math.isfinite(state.J)):
        return state, LBFGSStop.NOT_FINITE
    if largest <= gradient_tolerance:
        return state, LBFGSStop.GRADIENT
    # The largest relative error of J that rounding alone makes.
    resolution = float(xp.finfo(state.theta.dtype).eps)
    without_pairs = state._replace(s=(), y=(), rho=(), gamma=1.0)
    for given in (state, without_pairs) if state.s else (without_pairs,):
        direction = _direction(given, largest, xp=xp)
        slope = _dot(given.gradient, direction, xp=xp)
        found, evaluations = _search(
            evaluate, given, direction, slope, resolution, max_evaluations, xp=xp
        )
        state = given._replace(evaluations=state.evaluations + evaluations)
        if found.alpha > 0.0:
            break
    else:
        return state, LBFGSStop.NO_DECREASE
    after = _moved(state, found, memory, xp=xp)
    decrease = state.J - after.J
    if decrease <= decrease_tolerance * max(abs(state.J), abs(after.J), 1.0):
        return after, LBFGSStop.DECREASE
    if float(xp.max(xp.abs(after.gradient))) <= gradient_tolerance:
        return after, LBFGSStop.GRADIENT
    return after, None


def two_loop_recursion(state: LBFGSState, *, xp: Namespace) -> Array:
    """H times the gradient, (p,), from the pairs of the state; the gradient itself without pairs.

    Source: Nocedal and Wright 2006, algorithm 7.4.

    Examples
    --------
    >>> import numpy as np
    >>> s, y = np.asarray([1.0, 0.0]), np.asarray([4.0, 0.0])
    >>> state = LBFGSState(s, 0.0, y, (s,), (y,), (0.25,), 0.25)
    >>> two_loop_recursion(state, xp=np)  # of J = 2 theta^2, whose inverse Hessian is 1/4
    array([1., 0.])
    """
    q = state.gradient
    alphas = []
    pairs = list(zip(state.s, state.y, state.rho, strict=True))
    for s, y, rho in reversed(pairs):
        alphas.append(rho * _dot(s, q, xp=xp))
        q = q - alphas[-1] * y
    r = state.gamma * q if pairs else q
    for (s, y, rho), alpha in zip(pairs, reversed(alphas), strict=True):
        r = r + (alpha - rho * _dot(y, r, xp=xp)) * s
    return r


def _dot(a: Array, b: Array, *, xp: Namespace) -> float:
    """The dot product, as a sum and not by BLAS: no TF32 on a GPU, the same bits for any BLAS threads."""
    return float(xp.sum(a * b))


def _direction(state: LBFGSState, largest: float, *, xp: Namespace) -> Array:
    """-H gradient; without pairs -gradient / |gradient|, divided by its largest entry first."""
    if state.s:
        return -two_loop_recursion(state, xp=xp)
    unit = state.gradient / largest
    return unit * (-1.0 / math.sqrt(_dot(unit, unit, xp=xp)))


def _search(
    evaluate: Evaluate,
    state: LBFGSState,
    direction: Array,
    slope: float,
    resolution: float,
    max_evaluations: int,
    *,
    xp: Namespace,
) -> tuple[Trial, int]:
    """The line search along the direction: where it ended, theta and gradient in `found`."""
    start = Trial(0.0, state.J, slope, (state.theta, state.gradient))
    if not -math.inf < slope < 0.0:
        return start, 0

    def phi(alpha: float) -> Trial:
        theta = state.theta + alpha * direction
        J, gradient = evaluate(theta)
        J = float(J)
        slope = _dot(gradient, direction, xp=xp) if math.isfinite(J) else math.nan
        return Trial(alpha, J, slope, (theta, gradient))

    return strong_wolfe(phi, start, 1.0, resolution=resolution, max_evaluations=max_evaluations)


def _moved(state: LBFGSState, found: Trial, memory: int, *, xp: Namespace) -> LBFGSState:
    """The state at the point found, with one pair more where the curvature is positive."""
    theta, gradient = found.found
    s, y = theta - state.theta, gradient - state.gradient
    sy, yy = _dot(s, y, xp=xp), _dot(y, y, xp=xp)
    after = state._replace(theta=theta, J=found.J, gradient=gradient, iteration=state.iteration + 1)
    if not (0.0 < sy < math.inf and 0.0 < yy < math.inf and 1.0 / sy < math.inf):
        return after
    return after._replace(
        s=(*state.s, s)[-memory:],
        y=(*state.y, y)[-memory:],
        rho=(*state.rho, 1.0 / sy)[-memory:],
        gamma=sy / yy,
    )
