"""The NumPy backend's products: the values of matmul, whatever way they are put to BLAS."""

import itertools
import os
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnn_xp.backends.numpy import mkl as intel
from dnn_xp.backends.numpy import products
from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.backends.numpy.cutting import (
    multiply_column_blocks,
    multiply_term_blocks,
    multiply_tiles,
)
from dnn_xp.backends.numpy.parts import part_count
from dnn_xp.backends.parallel_for import parallel_for
from dnn_xp.execution.block_size import auto_block_size

# (n, k, p): one for each way, with a rest after whole pieces where there are pieces.
SHAPES = {
    "one unit": (32, 1, 8080),
    "small": (7, 20, 112),
    "columns": (32, 28, 8080),
    "columns, no rest": (10, 10, 40_000),
    "summed": (32, 8081, 28),
    "summed, few features": (4, 30_000, 8),
    "wide input": (20, 12288, 112),
    "wide gradient": (20, 112, 12288),
    "a little wider than high": (64, 4080, 100),
    "large": (300, 300, 864),
    "few columns at a time": (100, 100, 2000),
    "few terms at a time": (64, 1003, 28),
    "tiles": (64, 4080, 64),
    "tiles, columns and terms left over": (50, 4081, 61),
    "tiles of a high result": (512, 944, 10),
    "tiles of a wide result": (10, 944, 512),
    "a few outputs": (4, 4080, 64),
    "rows half a page apart": (32, 256, 4096),
    "one row": (1, 8080, 32),
}


@pytest.fixture(autouse=True, params=[True, False], ids=["without packing", "packing"])
def kernels(request, monkeypatch):
    """Whatever processor the tests run on, both ways are tried."""
    monkeypatch.setattr(products, "_has_kernels_without_packing", lambda: request.param)
    products._algorithm_for.cache_clear()
    yield
    products._algorithm_for.cache_clear()


ORDERS = list(itertools.product("CF", repeat=2))


def integers(n, k, p, orders, dtype="float32"):
    """Two factors of small integers: every sum is exact, in whatever order it is taken."""
    rng = np.random.default_rng(1)
    return (
        np.asarray(rng.integers(-3, 4, size), dtype=dtype, order=order)
        for size, order in zip(((n, k), (k, p)), orders, strict=True)
    )


@pytest.mark.parametrize("orders", ORDERS, ids="".join)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_order_and_dtype_of_a_product(shape, orders, dtype):
    n, k, p = shape
    x1, x2 = integers(n, k, p, orders, dtype)
    x1.flags.writeable = x2.flags.writeable = False
    product = products.matmul(x1, x2)
    np.testing.assert_array_equal(product, x1 @ x2)
    assert product.dtype == x1.dtype
    assert product.flags.c_contiguous


def test_every_way_is_among_the_shapes(kernels):
    ways = {
        way.func.__name__ if hasattr(way, "func") else way.__name__
        for n, k, p in SHAPES.values()
        for across in (False, True)
        if n * k * p
        for way in [products._algorithm_for(n, k, p, 4, across, False)]
    }
    cut = {
        "multiply_column_blocks",
        "multiply_term_blocks",
        "multiply_tiles",
        "_multiply_transposed",
    }
    assert ways == ({"matmul"} | cut if products._has_kernels_without_packing() else {"matmul"})


@given(
    n=st.integers(1, 40),
    k=st.integers(1, 60),
    p=st.integers(1, 40),
    of=st.integers(1, 60),
    width=st.integers(1, 40),
    orders=st.sampled_from(ORDERS),
)
def test_pieces_of_any_size(n, k, p, of, width, orders):
    x1, x2 = integers(n, k, p, orders)
    expected = x1 @ x2
    for cut in (
        partial(multiply_column_blocks, step=min(width, p)),
        partial(multiply_term_blocks, step=min(of, k)),
        partial(multiply_tiles, width=min(width, p), pieces=min(of, k)),
    ):
        np.testing.assert_array_equal(cut(x1, x2), expected)
        for room in (np.full((n, p + 9), np.nan, "f4"), np.full((p + 9, n), np.nan, "f4").T):
            out = room[:, 4 : p + 4]
            assert np.shares_memory(cut(x1, x2, out=out), out)
            np.testing.assert_array_equal(out, expected)
            assert np.isnan(room[:, :4]).all()
            assert np.isnan(room[:, p + 4 :]).all()


def test_columns_of_a_larger_array_are_multiplied_where_they_are():
    rng = np.random.default_rng(2)
    X = rng.integers(-3, 4, (28, 20_000)).astype(np.float32)
    W = rng.integers(-3, 4, (32, 28)).astype(np.float32)
    some = X[:, 5_000:13_081]
    np.testing.assert_array_equal(products.matmul(W, some), (W @ X)[:, 5_000:13_081])
    dZ = rng.integers(-3, 4, (32, 20_000)).astype(np.float32)[:, 5_000:13_081]
    np.testing.assert_array_equal(products.matmul(dZ, some.T), np.asarray(dZ) @ some.T.copy())


IN_PARTS = {
    "over features": (20, 12288, 209),
    "side by side": (20, 209, 12288),
    "one above the other": (12288, 20, 209),
    "over many examples": (64, 20_001, 65),
    "square": (300, 300, 300),
}


@pytest.mark.parametrize("orders", ORDERS, ids="".join)
@pytest.mark.parametrize("shape", IN_PARTS.values(), ids=IN_PARTS)
def test_a_product_in_parts(shape, orders):
    n, k, p = shape
    x1, x2 = integers(n, k, p, orders)
    counts = []

    def backwards(work, count):
        counts.append(count)
        for part in reversed(range(count)):
            work(part)

    before = parallel_for.set(backwards)
    try:
        product = products.matmul(x1, x2)
    finally:
        parallel_for.reset(before)
    assert counts == [part_count(n, k, p)]
    assert counts[0] > 1
    np.testing.assert_array_equal(product, x1 @ x2)
    assert product.dtype == np.float32
    assert product.flags.c_contiguous


def test_parts_are_taken_only_where_threads_are_free_and_worth_waking(monkeypatch):
    def refuse(*_):
        raise AssertionError("in parts")

    monkeypatch.setattr(products, "in_parts", refuse)
    W, X = np.ones((20, 12288), np.float32), np.ones((12288, 209), np.float32)
    products.matmul(W, X)
    before = parallel_for.set(lambda work, count: None)
    try:
        products.matmul(W[:, :5000], X[:5000])
        with pytest.raises(AssertionError, match="in parts"):
            products.matmul(W, X)
    finally:
        parallel_for.reset(before)


def test_other_shapes_are_numpys():
    vector, stack = np.arange(4.0), np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(products.matmul(stack, vector), stack @ vector)
    assert products.matmul(vector, vector) == 14.0
    with pytest.raises(ValueError, match="mismatch in its core dimension"):
        products.matmul(np.ones((5, 1)), np.ones((2, 5)))


def test_nan_and_infinity_go_through_a_cut_product():
    W, A = np.ones((32, 28), np.float32), np.ones((28, 8081), np.float32)
    A[3, 8080], A[3, 17] = np.nan, np.inf
    Z = products.matmul(W, A)
    assert np.isnan(Z[:, 8080]).all()
    assert np.isposinf(Z[:, 17]).all()
    assert (Z[:, 18:8080] == 28).all()


@pytest.mark.parametrize("m", [2**16, 2**20, 10**6])
def test_rows_of_a_block_do_not_lie_whole_half_pages_apart(m):
    size = auto_block_size((28, 32, 32, 1), m, dtype="float32", backend=numpy_backend())
    assert size < m
    assert size % 16 == 0
    assert size * 4 % 2048


def test_many_parameters_make_larger_blocks():
    def size(*hidden):
        return auto_block_size((784, *hidden, 10), 10**6, dtype="float32", backend=numpy_backend())

    assert size(512) >= 1.5 * 784 * 512 / 522 > (1 << 20) / (4 * 512)
    assert size(64) < size(32)


def test_wide_examples_are_one_block_whose_products_threads_share():
    def size(m, *sizes):
        return auto_block_size(sizes, m, dtype="float32", backend=numpy_backend())

    assert size(209, 12288, 20, 7, 5, 1) == 209
    # As many units or examples: threads share the examples.
    assert size(209, 12288, 4000, 1) < 209
    assert size(4000, 12288, 20, 1) < 4000


# MKL, where its package is installed: nox -s tests_mkl


@pytest.fixture(scope="module")
def mkl():
    loaded = intel.load()
    if not isinstance(loaded, intel.Mkl):
        if "mkl" in os.environ.get("DNN_XP_REQUIRE", ""):
            pytest.fail(loaded)
        pytest.skip(loaded)
    return loaded


@pytest.mark.parametrize("orders", ORDERS, ids="".join)
@pytest.mark.parametrize(
    "shape", [(64, 100, 4080), (64, 4080, 64), (300, 300, 864), (50, 481, 90)], ids=str
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mkl_multiplies_what_is_wide(mkl, shape, orders, dtype):
    x1, x2 = integers(*shape, orders, dtype)
    assert intel.suits(x1, x2)
    product = products.matmul(x1, x2, mkl=mkl)
    np.testing.assert_array_equal(product, x1.astype(np.int64) @ x2.astype(np.int64))
    assert product.flags.c_contiguous
    assert product.dtype == dtype


def test_mkl_is_not_called_for_little_arithmetic(mkl, monkeypatch):
    monkeypatch.setattr(intel, "multiply", None)
    products.matmul(np.ones((64, 64), "f"), np.ones((64, 256), "f"), mkl=mkl)


def test_mkl_multiplies_views_and_into_views(mkl):
    x1, x2 = integers(70, 900, 200, "CC")
    out = np.full((70, 500), -1.0, dtype=np.float32)
    intel.multiply(x1[:64, 3:803], x2[3:803, 1:151], out[:64, 7:157], mkl=mkl)
    wanted = x1[:64, 3:803] @ x2[3:803, 1:151]
    np.testing.assert_array_equal(out[:64, 7:157], wanted)
    assert (out[:, :7] == -1).all()
    assert (out[64:] == -1).all()


@pytest.mark.parametrize(
    ("x1", "x2"),
    [
        (np.ones((32, 4000), "f"), np.ones((4000, 64), "f")),  # a side is narrow
        (np.ones((64, 4000), "f"), np.ones((4000, 64), "d")),
        (np.ones((64, 4000), "F"), np.ones((4000, 64), "F")),
        (np.ones((64, 8000), "f")[:, ::2], np.ones((4000, 64), "f")),
        (np.ones((64, 4000), "f")[::-1], np.ones((4000, 64), "f")),
        (np.broadcast_to(np.ones((64, 1), "f"), (64, 4000)), np.ones((4000, 64), "f")),
    ],
)
def test_mkl_is_not_asked_for(x1, x2):
    assert not intel.suits(x1, x2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # `kernels`, not used here
@given(first=st.integers(0, 15), second=st.integers(0, 15))
def test_mkl_gives_the_same_bits_wherever_arrays_begin(mkl, first, second):
    rng = np.random.default_rng(0)
    x1, x2 = (rng.standard_normal(size, dtype=np.float32) for size in ((64, 500), (500, 70)))

    def moved(x, by):
        room = np.empty(x.size + 16, dtype=x.dtype)[by : by + x.size].reshape(x.shape)
        room[...] = x
        return room

    wanted = intel.multiply(x1, x2, mkl=mkl)
    got = intel.multiply(moved(x1, first), moved(x2, second), mkl=mkl)
    np.testing.assert_array_equal(got, wanted)


def test_who_multiplies_is_chosen_by_the_machine_or_asked_for(mkl, monkeypatch):
    monkeypatch.setattr(intel, "made_by_intel", lambda: True)
    monkeypatch.setattr(intel, "beside_torch", lambda: False)
    assert numpy_backend().blas == f"wide products by MKL {mkl.version}"
    assert numpy_backend("numpy").blas == ""
    # PyTorch would compute on one thread.
    monkeypatch.setattr(intel, "beside_torch", lambda: True)
    assert numpy_backend().blas == ""
    assert numpy_backend("mkl").blas == f"wide products by MKL {mkl.version}"
    monkeypatch.setattr(intel, "made_by_intel", lambda: False)
    assert numpy_backend().blas == ""
    assert numpy_backend("mkl").blas == f"wide products by MKL {mkl.version}"


def test_mkl_that_was_asked_for_and_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(intel, "load", lambda: "the package mkl is not installed")
    monkeypatch.setattr(intel, "made_by_intel", lambda: True)
    assert numpy_backend().blas == ""
    with pytest.raises(RuntimeError, match=r"^blas='mkl' cannot be used: the package mkl is not"):
        numpy_backend("mkl")
