"""Layers by cublasLt's epilogues give what the formulas give, whatever the order of the operands."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from cublaslt_emulator import Emulator, runtime

from dnn_xp.backends.cuda import lowering
from dnn_xp.backends.cuda.cublaslt import Products, UnsupportedError
from dnn_xp.backends.cuda.cublaslt_plans import EPILOGUES
from dnn_xp.backends.cuda.probing import epilogues_that_fail
from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.formulas import ACTIVATIONS, COSTS
from dnn_xp.formulas.network import Network, gradient_sums

EVERY = tuple(name for name in EPILOGUES if name)


def not_fused(formula, results):
    """What fusing gives back, as far as its value goes."""
    return formula


def orders(x):
    """The same matrix in C order, in Fortran order, as slices of larger ones, and with no stride of 1."""
    rows, columns = x.shape
    wide, tall = np.zeros((rows, columns + 3), x.dtype), np.zeros((rows + 5, columns), x.dtype)
    sparse = np.zeros((2 * rows, 2 * columns), x.dtype)
    wide[:, 2:-1], tall[1 : rows + 1], sparse[::2, ::2] = x, x, x
    return [
        np.ascontiguousarray(x),
        np.asfortranarray(x),
        wide[:, 2:-1],
        np.asfortranarray(tall)[1 : rows + 1],
        sparse[::2, ::2],
        np.ascontiguousarray(x.T).T,
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(4, 7, 3), (1, 7, 3), (4, 1, 3), (4, 7, 1), (1, 1, 1), (1, 5, 1)]
)
def test_products_of_operands_in_any_order(rng, dtype, shape):
    rows, depth, columns = shape
    A, B = (rng.standard_normal(size).astype(dtype) for size in ((rows, depth), (depth, columns)))
    products = Products(runtime(Emulator()))
    for a, b in itertools.product(orders(A), orders(B)):
        D = products.matmul(a, b)
        assert D.dtype == dtype
        assert D.flags.f_contiguous
        np.testing.assert_allclose(D, A @ B, rtol=1e-5 if dtype == "float32" else 1e-13)


def test_an_algorithm_is_asked_for_once(rng):
    emulator = Emulator()
    products = Products(runtime(emulator))
    A, B = rng.standard_normal((8, 16)), rng.standard_normal((16, 24))
    for _ in range(3):
        products.matmul(A, B)
    assert (emulator.asked, len(emulator.calls)) == (1, 3)
    assert emulator.preferences == {}
    products.matmul(A, np.asfortranarray(B))
    assert emulator.asked == 2


def test_operands_of_two_dtypes_meet_in_the_narrower(rng):
    A, B = rng.standard_normal((3, 4)), rng.standard_normal((4, 5)).astype(np.float32)
    for one, other in ((A, B), (B.T, A.T)):
        D = Products(runtime(Emulator())).matmul(one, other)
        assert D.dtype == np.float32
        np.testing.assert_allclose(D, one @ other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tf32_is_a_matter_of_float32(rng, dtype):
    emulator = Emulator()
    x = rng.standard_normal((8, 8)).astype(dtype)
    Products(runtime(emulator, tf32=True)).matmul(x, x)
    Products(runtime(emulator)).matmul(x, x)
    computed = [compute for *_, compute in emulator.calls]
    assert computed == ([77, 68] if dtype == "float32" else [70, 70])


def test_what_there_is_not_is_said_again_without_asking():
    emulator = Emulator(refuse=lambda *what: True)
    products = Products(runtime(emulator))
    x = np.ones((2, 2))
    for _ in range(2):
        with pytest.raises(UnsupportedError, match=r"cublasLt has no plain product of .*rows=2"):
            products.matmul(x, x)
    assert emulator.asked == 1


# Networks


def network(sizes, hidden, output="sigmoid", keep_probs=()):
    names = [*hidden, output]
    cost = {"sigmoid": "binary_cross_entropy", "softmax": "softmax_cross_entropy"}[output]
    return Network(sizes, tuple(ACTIVATIONS[name] for name in names), COSTS[cost], keep_probs)


def both(of, rng, emulator, *, epilogues=EVERY, m=37, masks=(), order="F"):
    """Gradients and Z[L] as written, and by cublasLt."""
    pairs = list(itertools.pairwise(of.sizes))
    parameters = [(rng.standard_normal((n, p)), rng.standard_normal((n, 1))) for p, n in pairs]
    X = np.asarray(rng.standard_normal((of.sizes[0], m)), order=order)
    Y = np.eye(of.sizes[-1])[rng.integers(0, of.sizes[-1], m)].T if of.sizes[-1] > 1 else (
        rng.random((1, m)) < 0.5
    ).astype(float)  # fmt: skip
    xp = numpy_backend().xp
    expected = gradient_sums(X, Y, parameters, of, xp=xp, masks=masks)
    fast, layers = lowering.lowered(of, not_fused, Products(runtime(emulator)), epilogues)
    return expected, gradient_sums(X, Y, parameters, fast, xp=xp, masks=masks, layers=layers)


def same(expected, found):
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-12, atol=1e-12)
    for (dW, db), (dW2, db2) in zip(expected[0], found[0], strict=True):
        assert (dW2.shape, db2.shape) == (dW.shape, db.shape)
        np.testing.assert_allclose(dW2, dW, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(db2, db, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("hidden", sorted(set(ACTIVATIONS) - {"exp"}))
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_network_of_each_activation(rng, hidden, outputs, order):
    emulator = Emulator()
    of = network((5, 9, 8, outputs), [hidden] * 2, "sigmoid" if outputs == 1 else "softmax")
    same(*both(of, rng, emulator, order=order))
    used = [name for name, *_ in emulator.calls]
    assert used.count("BGRADA") == 3
    assert used.count("BIAS") == (3 if hidden == "identity" else 1)
    assert used.count("RELU_AUX_BIAS") == (2 if hidden == "relu" else 0)
    # None of depth 1: one unit in the last layer is an outer product, which is elementwise.
    assert used.count("DRELU") == (0 if hidden != "relu" else 1 if outputs == 1 else 2)


def test_the_products_of_a_network_of_relu_are_these_and_no_more(rng):
    of = network((5, 140, 8, 3), ["relu"] * 2, "softmax")
    emulator = Emulator()
    same(*both(of, rng, emulator))
    assert [name for name, *_ in emulator.calls] == [
        "RELU_AUX_BIAS", "RELU_AUX_BIAS", "BIAS", "BGRADA", "DRELU", "BGRADA", "DRELU", "BGRADA",
    ]  # fmt: skip


def test_dropout_wants_more_than_the_sign(rng):
    emulator = Emulator()
    of = network((5, 9, 8, 1), ["relu"] * 2, keep_probs=(0.5, 1.0))
    same(*both(of, rng, emulator, masks=[rng.random((9, 37)) < 0.5, None]))
    assert "RELU_AUX_BIAS" not in [name for name, *_ in emulator.calls]


@pytest.mark.parametrize("called", ["relu", "identity"])
def test_an_activation_that_is_only_called_so_is_computed_as_it_is(rng, called):
    emulator = Emulator()
    of = network((5, 9, 8, 1), ["tanh"] * 2)
    g = tuple(each._replace(name=called) for each in of.activations[:-1])
    same(*both(of._replace(activations=(*g, of.activations[-1])), rng, emulator))
    assert [name for name, *_ in emulator.calls].count("RELU_AUX_BIAS") == 0


@pytest.mark.parametrize("left_out", EVERY)
def test_an_epilogue_that_is_missing(rng, left_out):
    rest = tuple(name for name in EVERY if name != left_out)
    emulator = Emulator()
    of = network((5, 9, 8, 3), ["relu"] * 2, "softmax")
    same(*both(of, rng, emulator, epilogues=rest))
    assert left_out not in [name for name, *_ in emulator.calls]
    # And one that is there for some shapes alone.
    picky = Emulator(refuse=lambda epilogue, rows, *_: epilogue == left_out and rows > 8)
    same(*both(of, rng, picky))


# The probe


def probe(emulator):
    return epilogues_that_fail(Products(runtime(emulator)), np.asarray, np.asarray)


def test_the_probe_trusts_what_is_right():
    emulator = Emulator()
    assert probe(emulator) == {}
    assert [name for name, *_ in emulator.calls] == list(EVERY)


@pytest.mark.parametrize("broken", EVERY)
def test_the_probe_finds_wrong_numbers(broken):
    failing = probe(Emulator(broken=broken))
    assert broken in failing
    assert failing[broken].startswith("it is wrong by ")


@pytest.mark.parametrize("missing", EVERY)
def test_the_probe_names_what_is_missing(missing):
    failing = probe(Emulator(refuse=lambda epilogue, *_: epilogue == missing))
    assert f"cublasLt has no {missing} product" in failing[missing]
