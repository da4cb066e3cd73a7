from __future__ import annotations

import numpy as np

from dnn_xp.formulas import flatten, unflatten, weight_mask

SIZES = (3, 4, 2)


def test_theta_holds_the_layers_one_after_the_other(library):
    theta = np.arange(26.0)
    (W1, b1), (W2, b2) = unflatten(library.array(theta), SIZES, xp=library.xp)
    library.assert_matches(W1, theta[:12].reshape(4, 3))
    library.assert_matches(b1, theta[12:16].reshape(4, 1))
    library.assert_matches(W2, theta[16:24].reshape(2, 4))
    library.assert_matches(b2, theta[24:].reshape(2, 1))
    library.assert_matches(flatten([W1, b1, W2, b2], xp=library.xp), theta)


def test_the_mask_is_one_on_weights_and_zero_on_biases(library):
    mask = weight_mask(SIZES, dtype=library.xp.float32, xp=library.xp)
    assert mask.dtype == library.xp.float32
    expected = [1.0] * 12 + [0.0] * 4 + [1.0] * 8 + [0.0] * 2
    np.testing.assert_array_equal(library.numpy(mask), expected)


def test_views_of_numpy_arrays():
    theta = np.zeros(26)
    (W1, _), _ = unflatten(theta, SIZES, xp=np)
    W1[...] = 1.0
    np.testing.assert_array_equal(theta[:12], 1.0)
