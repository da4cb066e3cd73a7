from __future__ import annotations

import numpy as np
import pytest
from oracles import DIFFERENCE_TOLERANCE, central_difference

from dnn_xp.formulas import l1_gradient, l1_penalty, l2_gradient, l2_penalty

THETA = np.asarray([1.0, -2.0, 0.5, 3.0])
MASK = np.asarray([1.0, 1.0, 1.0, 0.0])


def test_values_by_hand(library):
    theta, mask, xp = library.array(THETA), library.array(MASK), library.xp
    with library.unchanged(theta, mask):
        library.assert_matches(l2_penalty(theta, mask, l2=8.0, m=10, xp=xp), np.asarray(2.1))
        library.assert_matches(l2_gradient(theta, mask, l2=8.0, m=10, xp=xp), [0.8, -1.6, 0.4, 0.0])
        library.assert_matches(l1_penalty(theta, mask, l1=8.0, m=10, xp=xp), np.asarray(2.8))
        library.assert_matches(l1_gradient(theta, mask, l1=8.0, m=10, xp=xp), [0.8, -0.8, 0.8, 0.0])


@pytest.mark.parametrize(
    ("penalty", "gradient", "name"),
    [(l2_penalty, l2_gradient, "l2"), (l1_penalty, l1_gradient, "l1")],
)
def test_gradients_are_the_derivatives(penalty, gradient, name):
    expected = central_difference(lambda t: penalty(t, MASK, **{name: 0.7}, m=3, xp=np), THETA)
    actual = gradient(THETA, MASK, **{name: 0.7}, m=3, xp=np)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=DIFFERENCE_TOLERANCE)


def test_l1_gradient_at_zero_is_zero(library):
    zero = library.array([0.0, -0.0])
    gradient = l1_gradient(zero, library.array([1.0, 1.0]), l1=1.0, m=1, xp=library.xp)
    library.assert_matches(gradient, [0.0, 0.0])
