from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnn_xp.formulas import dropout_backward, dropout_forward, dropout_mask

INT32 = st.integers(-(2**31), 2**31 - 1)
N, M = 40, 4000


def _column(numbers):
    return np.asarray(numbers, dtype=np.int32)[None, :]


def _mask(seed, n, m, keep_prob):
    return dropout_mask(seed, n, _column(range(m)), keep_prob=keep_prob, xp=np)


def _lowbias32(x, last=True):
    """Wellons' hash in unsigned Python integers, straight from its source."""
    x %= 2**32
    x = (x ^ x >> 16) * 0x7FEB352D % 2**32
    x = (x ^ x >> 15) * 0x846CA68B % 2**32
    return x ^ x >> 16 if last else x


def _kept(seed, unit, example, keep_prob):
    salt = _lowbias32(seed)
    pepper = _lowbias32(salt + 1)
    mixed = _lowbias32(_lowbias32(unit + salt) + _lowbias32(example + pepper), last=False)
    signed = mixed - 2**32 if mixed >= 2**31 else mixed
    return signed + 2**31 < keep_prob * 2**32


@pytest.mark.parametrize("seed", [0, 7, -1, 2**31 - 1, -(2**31)])
def test_every_library_draws_the_mask_of_exact_integers(library, seed):
    numbers = [0, 1, 2, 63, 64, 999_999, 2**31 - 1]
    expected = [[_kept(seed, unit, example, 0.7) for example in numbers] for unit in range(5)]
    examples = library.array(_column(numbers), "int32")
    with np.errstate(all="raise"), library.unchanged(examples):
        D = dropout_mask(seed, 5, examples, keep_prob=0.7, xp=library.xp)
    library.assert_matches(D, np.asarray(expected), dtype="bool")


def test_the_seed_may_be_traced_by_a_compiler(jax):
    jnp = jax.numpy
    draw = jax.jit(lambda seed, e: dropout_mask(seed, 3, e, keep_prob=0.5, xp=jnp))
    D = draw(jnp.asarray(7, dtype=jnp.int32), jnp.arange(9, dtype=jnp.int32)[None, :])
    np.testing.assert_array_equal(D, _mask(7, 3, 9, 0.5))


@given(seed=INT32, n=st.integers(1, 8), m=st.integers(1, 40), data=st.data())
def test_a_block_gets_the_mask_it_has_within_the_batch(seed, n, m, data):
    chosen = data.draw(st.lists(st.integers(0, m - 1), min_size=1, max_size=50))
    block = dropout_mask(seed, n, _column(chosen), keep_prob=0.6, xp=np)
    np.testing.assert_array_equal(block, _mask(seed, n, m, 0.6)[:, chosen])


@given(seed=INT32, n=st.integers(2, 8))
def test_more_units_leave_the_mask_of_the_first_ones(seed, n):
    np.testing.assert_array_equal(_mask(seed, n, 20, 0.5)[:-1], _mask(seed, n - 1, 20, 0.5))


def test_the_ends_of_keep_prob_stay_within_int32(library):
    examples = library.array(_column(range(50)), "int32")
    for keep_prob, kept in ((1.0, True), (2.0**-32, False), (1e-12, False)):
        D = dropout_mask(3, 4, examples, keep_prob=keep_prob, xp=library.xp)
        library.assert_matches(D, np.full((4, 50), kept), dtype="bool")


def test_a_larger_keep_prob_only_adds():
    assert (_mask(3, N, M, 0.3) <= _mask(3, N, M, 0.7)).all()


def _standard(seed, keep_prob):
    return (_mask(seed, N, M, keep_prob) - keep_prob) / np.sqrt(keep_prob * (1 - keep_prob))


def _score(products):
    """A sum of products of independent standard variables, in standard deviations from 0."""
    return abs(products.sum()) / np.sqrt(products.size)


@pytest.mark.parametrize("keep_prob", [0.1, 0.5, 0.8])
def test_masks_look_like_independent_draws(keep_prob):
    """No score of some 300 beyond 4.5 deviations, where chance puts one in 150,000."""
    for seed in range(20):
        R, following = _standard(seed, keep_prob), _standard(seed + 1, keep_prob)
        scores = {
            "mean": _score(R),
            "next unit": _score(R[1:] * R[:-1]),
            "next example": _score(R[:, 1:] * R[:, :-1]),
            "next of both": _score(R[1:, 1:] * R[:-1, :-1]),
            "power of two": _score(R[:, 1024:] * R[:, :-1024]),
            "next seed": _score(R * following),
            "next seed and unit": _score(R[1:] * following[:-1]),
            "next seed and example": _score(R[:, 1:] * following[:, :-1]),
            "rectangle": _score(R[1:, 1:] * R[1:, :-1] * R[:-1, 1:] * R[:-1, :-1]),
        }
        assert max(scores.values()) < 4.5, (seed, scores)


def test_units_and_examples_are_kept_evenly():
    R = _standard(5, 0.5)
    # Sums over M or N independent entries, scaled to variance 1, have chi-square of N or M terms.
    for sums, size in ((R.sum(axis=1) / np.sqrt(M), N), (R.sum(axis=0) / np.sqrt(N), M)):
        assert abs((sums**2).sum() - size) < 4.5 * np.sqrt(2 * size)


def test_forward_and_backward_by_hand(library):
    A, D = library.array([[1.0, 2.0, -3.0]]), library.array([[True, False, True]], "bool")
    with library.unchanged(A, D):
        dropped = dropout_forward(A, D, keep_prob=0.5, xp=library.xp)
        back = dropout_backward(A, D, keep_prob=0.25, xp=library.xp)
    library.assert_matches(dropped, [[2.0, 0.0, -6.0]])
    library.assert_matches(back, [[4.0, 0.0, -12.0]])


def test_the_mean_stays():
    A = np.full((N, M), 3.0)
    dropped = dropout_forward(A, _mask(1, N, M, 0.8), keep_prob=0.8, xp=np)
    # The standard deviation of the mean is 3 sqrt(0.25 / (N M)) = 0.004.
    np.testing.assert_allclose(dropped.mean(), 3.0, atol=0.017)
