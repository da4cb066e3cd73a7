"""A line search for the strong Wolfe conditions: how far to go along a direction in which J falls.

With phi(alpha) = J(theta + alpha d), a step alpha > 0 is wanted such that

    phi(alpha) <= phi(0) + c1 alpha phi'(0)        (sufficient decrease)
    |phi'(alpha)| <= c2 |phi'(0)|                  (curvature)

Source: Nocedal and Wright, Numerical Optimization, 2nd edition 2006, algorithms 3.5 and 3.6, equation (3.59). Where the
cubic is not to be trusted, the next step is chosen much as in Moré and Thuente 1994, section 4, cases 1 to 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

# Nocedal and Wright, section 3.1: the constants for quasi-Newton directions.
SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9

# Where no upper end is known yet, the next step is between these multiples of the last increase of the step.
_LEAST_GROWTH, _MOST_GROWTH = 1.1, 4.0
# Between two ends, the next step keeps this share of the interval from either of them.
_MARGIN = 0.001
# The share of the interval that is kept where its upper end has no finite J.
_RETREAT = 0.25


class Trial(NamedTuple):
    """A step that was tried.

    Attributes
    ----------
    alpha : float
        The step.
    J, slope : float
        phi(alpha) and phi'(alpha).
    found : any
        What was computed there besides; kept for the caller.
    """

    alpha: float
    J: float
    slope: float
    found: Any = None

    @property
    def is_finite(self) -> bool:
        """Whether J and its slope are numbers to go by."""
        return math.isfinite(self.J) and math.isfinite(self.slope)


def strong_wolfe(
    phi: Callable[[float], Trial],
    start: Trial,
    alpha: float,
    *,
    resolution: float = 0.0,
    max_evaluations: int = 20,
) -> tuple[Trial, int]:
    """A step that satisfies the strong Wolfe conditions, or the lowest one found.

    The step grows until an interval is known that holds such steps (algorithm 3.5). The interval is
    then narrowed by cubic interpolation (algorithm 3.6). A step at which J or its slope is not
    finite is an upper end of the interval.

    Parameters
    ----------
    phi : callable
        alpha -> Trial; called once for each step.
    start : Trial
        alpha = 0, with a negative slope.
    alpha : float
        The step to try first; > 0.
    resolution : float
        The relative rounding error of J. The search ends where the interval is so short that the
        decrease of J over it, alpha |phi'(0)|, is below the rounding of J.
    max_evaluations : int
        Steps to try at most.

    Returns
    -------
    trial : Trial
        Strong Wolfe conditions; or, where the search ended before, the lowest J with sufficient
        decrease; or `start` where no step had that. J < start.J unless it is `start`.
    evaluations : int
        How often phi was called.

    Examples
    --------
    >>> def phi(alpha):
    ...     return Trial(alpha, (alpha - 3.0) ** 2, 2.0 * (alpha - 3.0))
    >>> strong_wolfe(phi, phi(0.0), 1.0)
    (Trial(alpha=1.0, J=4.0, slope=-4.0, found=None), 1)
    >>> strong_wolfe(phi, phi(0.0), 10.0)
    (Trial(alpha=3.0, J=0.0, slope=0.0, found=None), 2)
    """
    rounding = resolution * abs(start.J)
    low, high = start, None
    for evaluations in range(1, max_evaluations + 1):
        trial = phi(alpha)
        enough = -SUFFICIENT_DECREASE * alpha * start.slope <= start.J - trial.J
        if not (trial.is_finite and enough and trial.J < low.J):
            high = _end(trial)
        elif abs(trial.slope) <= -CURVATURE * start.slope:
            return trial, evaluations
        else:
            beyond = math.inf if high is None else high.alpha
            before = low
            if trial.slope * (beyond - low.alpha) >= 0.0:
                high = _end(low)
            low = trial
        if high is None:
            alpha = _extrapolated(before, low)
        elif abs(high.alpha - low.alpha) * -start.slope <= rounding:
            return low, evaluations
        else:
            alpha = _interpolated(low, high)
    return low, max_evaluations


def _end(trial: Trial) -> Trial:
    """The trial as the far end of the interval, which is never returned: its arrays are freed."""
    return trial._replace(found=None)


def _extrapolated(before: Trial, last: Trial) -> float:
    """A longer step: the farther of both guesses while the slope grows flatter, as far as allowed otherwise."""
    growth = last.alpha - before.alpha
    least, most = last.alpha + _LEAST_GROWTH * growth, last.alpha + _MOST_GROWTH * growth
    if last.slope <= before.slope:
        return most
    cubic = cubic_minimum(before, last)
    # A cubic without a minimum ahead says that J goes on falling.
    cubic = cubic if cubic > last.alpha else most
    secant = last.alpha - last.slope * (growth / (last.slope - before.slope))
    return min(max(cubic, secant, least), most)


def _interpolated(low: Trial, high: Trial) -> float:
    """A step between both ends, which may be in either order."""
    width = high.alpha - low.alpha
    if not high.is_finite:
        return low.alpha + _RETREAT * width
    # As shares of the interval, counted from the end with the lower J.
    cubic = (cubic_minimum(low, high) - low.alpha) / width
    if low.alpha > high.alpha and low.slope * high.slope < 0.0:
        # The step went past a minimum and is the lowest so far.
        secant = low.slope / (low.slope - high.slope)
        share = max(cubic, secant)
    else:
        rise = (high.J - low.J) / width - low.slope
        quadratic = -0.5 * low.slope / rise if rise else math.nan
        share = cubic if cubic <= quadratic else 0.5 * (cubic + quadratic)
    if not math.isfinite(share):
        share = 0.5
    return low.alpha + width * min(max(share, _MARGIN), 1.0 - _MARGIN)


def cubic_minimum(a: Trial, b: Trial) -> float:
    """The minimum of the cubic with the values and slopes of two trials; NaN where it has none.

    ``b - (b - a) (phi'(b) + d2 - d1) / (phi'(b) - phi'(a) + 2 d2)`` with
    ``d1 = phi'(a) + phi'(b) - 3 (phi(a) - phi(b)) / (a - b)`` and
    ``d2 = sign(b - a) sqrt(d1^2 - phi'(a) phi'(b))``. Source: Nocedal and Wright, (3.59).

    Examples
    --------
    >>> cubic_minimum(Trial(0.0, 9.0, -6.0), Trial(10.0, 49.0, 14.0))
    3.0
    """
    d1 = a.slope + b.slope - 3.0 * ((a.J - b.J) / (a.alpha - b.alpha))
    # Divided by the largest of the three, so that the squares cannot overflow.
    unit = max(abs(d1), abs(a.slope), abs(b.slope))
    if not 0.0 < unit < math.inf:
        return math.nan
    square = (d1 / unit) ** 2 - (a.slope / unit) * (b.slope / unit)
    if square < 0.0:
        return math.nan
    d2 = math.copysign(unit * math.sqrt(square), b.alpha - a.alpha)
    divisor = b.slope - a.slope + 2.0 * d2
    if divisor == 0.0:
        return math.nan
    return b.alpha - (b.alpha - a.alpha) * ((b.slope + d2 - d1) / divisor)
