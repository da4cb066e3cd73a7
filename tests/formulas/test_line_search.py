"""The strong Wolfe conditions, checked on functions of one variable."""

from __future__ import annotations

import math

import pytest

from dnn_xp.formulas import Trial, strong_wolfe

# Moré and Thuente 1994, section 5, functions 1 and 3's kind, a quadratic and a quartic; phi'(0) < 0.
FUNCTIONS = {
    "quotient": (
        lambda a: -a / (a * a + 2.0),
        lambda a: (a * a - 2.0) / (a * a + 2.0) ** 2,
    ),
    "quintic": (
        lambda a: (a + 0.004) ** 5 - 2.0 * (a + 0.004) ** 4,
        lambda a: 5.0 * (a + 0.004) ** 4 - 8.0 * (a + 0.004) ** 3,
    ),
    "quadratic": (lambda a: (a - 3.0) ** 2, lambda a: 2.0 * (a - 3.0)),
    "waves": (
        lambda a: 0.1 * (a - 4.0) ** 2 + math.sin(5.0 * a) * 0.05,
        lambda a: 0.2 * (a - 4.0) + 0.25 * math.cos(5.0 * a),
    ),
}


@pytest.mark.parametrize("alpha", [1e-3, 1e-1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_both_conditions_hold(name, alpha):
    value, slope = FUNCTIONS[name]
    asked = []

    def phi(alpha):
        asked.append(alpha)
        return Trial(alpha, value(alpha), slope(alpha))

    start = phi(0.0)
    assert start.slope < 0.0
    found, evaluations = strong_wolfe(phi, start, alpha)
    assert evaluations == len(asked) - 1 <= 15
    decrease = start.J - found.J
    assert decrease >= -1e-4 * found.alpha * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope)


def test_a_function_without_an_end_is_followed_to_the_last_evaluation():
    found, evaluations = strong_wolfe(
        lambda alpha: Trial(alpha, -alpha, -1.0), Trial(0.0, 0.0, -1.0), 1.0, max_evaluations=5
    )
    # |slope| never falls below 0.9: the longest step has the lowest J.
    assert evaluations == 5
    assert found.alpha == pytest.approx(341.0)


def test_the_start_is_returned_where_nothing_is_lower():
    start = Trial(0.0, 1.0, -1.0)
    found, evaluations = strong_wolfe(
        lambda alpha: Trial(alpha, 1.0, -1.0), start, 1.0, resolution=1e-7
    )
    assert found is start
    assert evaluations < 20
