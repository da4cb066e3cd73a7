"""The promise of docs/reproducibility.md: what no bit of a result depends on.

Values, dtype and the plan of blocks decide, and whether examples lie as rows or as columns; strides,
views, offsets, files, streaming and threads do not.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dnn_xp
from dnn_xp.backends.numpy.backend import canonical
from dnn_xp.data.sources.base import ArraySource
from dnn_xp.data.standardize import moments

pytestmark = pytest.mark.bits


def view(values, room, step, offset, shift, reverse):
    """The same values (n, k) inside a larger buffer: other strides, another start, maybe backwards."""
    n, k = values.shape
    itemsize = values.dtype.itemsize
    raw = np.zeros((n * step[0]) * (k * step[1] + room) * itemsize + 256, np.uint8)
    start = (offset * itemsize + shift) % 128
    wide = raw[start : start + n * step[0] * (k * step[1] + room) * itemsize].view(values.dtype)
    seen = wide.reshape(n * step[0], k * step[1] + room)[:: step[0], : k * step[1] : step[1]]
    if reverse:
        seen = seen[::-1, ::-1]
    seen[...] = values
    return seen


layouts = st.tuples(
    st.integers(0, 600),
    st.tuples(st.integers(1, 3), st.integers(1, 2)),
    st.integers(0, 31),
    st.sampled_from([0, 0, 1]),
    st.booleans(),
)


def training(X, Y, **how):
    model = dnn_xp.train(X, Y, iterations=2, device="cpu", **how)
    return [model.theta, np.asarray(model.history.costs), model.evaluate(X, Y, **_rows(how)).cost]


def _rows(how):
    return {"examples": how["examples"]} if "examples" in how else {}


def assert_same_bits(got, wanted):
    for each, other in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(each, other)


networks = st.fixed_dictionaries(
    {
        "hidden": st.sampled_from([(5,), (32, 16), (64,), ()]),
        "activation": st.sampled_from(["relu", "tanh", "selu", "mish", "softplus"]),
        "standardize": st.booleans(),
        "number_encoding": st.sampled_from([None, None, "periodic", "piecewise"]),
        "bias_initialization": st.sampled_from([None, "he+5"]),
        "unit_variance": st.booleans(),
        "block_size": st.sampled_from([27, 64, 200, 1000]),
        "dtype": st.sampled_from(["float32", "float64"]),
        "ensemble": st.sampled_from([None, None, 2, 5]),
    }
    # Members are not fitted to examples.
).filter(lambda how: not (how["ensemble"] and (how["bias_initialization"] or how["unit_variance"])))


@settings(max_examples=25)
@given(
    how=networks,
    n=st.integers(1, 40),
    m=st.integers(150, 700),
    layout=layouts,
    y_layout=layouts,
    threads=st.integers(1, 3),
    as_rows=st.booleans(),
    outputs=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_no_bit_depends_on_strides_views_or_threads(
    how, n, m, layout, y_layout, threads, as_rows, outputs, seed
):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((m, n) if as_rows else (n, m)).astype(how["dtype"])
    Y = rng.standard_normal((m, outputs) if as_rows else (outputs, m)).astype(how["dtype"])
    how = how | {"examples": "rows" if as_rows else "columns"}
    wanted = training(X, Y, threads=1, **how)
    got = training(view(X, *layout), view(Y, *y_layout), threads=threads, **how)
    assert_same_bits(got, wanted)


@settings(max_examples=10)
@given(
    how=networks,
    n=st.integers(1, 40),
    m=st.integers(150, 700),
    as_rows=st.booleans(),
    batch_size=st.sampled_from([None, 64]),
    seed=st.integers(0, 99),
)
def test_no_bit_depends_on_where_blocks_are_read_from(how, n, m, as_rows, batch_size, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((m, n) if as_rows else (n, m)).astype(how["dtype"])
    Y = rng.integers(0, 3, m)
    how = how | {"examples": "rows" if as_rows else "columns"}
    if batch_size:
        how = how | {"batch_size": batch_size, "epochs": 2}
        train = _batches
    else:
        train = training
    wanted = train(X, Y, **how)
    with TemporaryDirectory() as folder:
        np.save(Path(folder, "X.npy"), X)
        assert_same_bits(train(Path(folder, "X.npy"), Y, threads=2, **how), wanted)
        mapped = np.load(Path(folder, "X.npy"), mmap_mode="r")
        assert_same_bits(train(mapped, Y, threads=2, **how), wanted)
        with h5py.File(Path(folder, "X.h5"), "w") as file:
            file["X"] = X
            assert_same_bits(train(file["X"], Y, threads=2, **how), wanted)
        del mapped  # Windows keeps a mapped file from being deleted


def _batches(X, Y, **how):
    model = dnn_xp.train(X, Y, device="cpu", **how)
    return [model.theta, np.asarray(model.history.costs)]


@settings(max_examples=25)
@given(n=st.integers(1, 9), m=st.integers(1, 2000), layout=layouts, as_rows=st.booleans())
def test_means_and_scales_depend_on_values_alone(n, m, layout, as_rows):
    X = np.random.default_rng(n * m).standard_normal((n, m)).astype(np.float32)
    wanted = moments(ArraySource(X))
    given_so = view(X.T, *layout) if as_rows else view(X, *layout)
    got = moments(ArraySource(given_so, rows=as_rows))
    assert_same_bits(got[1:], wanted[1:])


@settings(max_examples=15)
@given(how=networks, n=st.integers(2, 40), m=st.integers(150, 700), layout=layouts)
def test_with_columns_wanted_rows_have_the_same_bits(how, n, m, layout):
    rng = np.random.default_rng(m)
    X = rng.standard_normal((n, m)).astype(how["dtype"])
    Y = rng.standard_normal((2, m)).astype(how["dtype"])
    wanted = training(X, Y, layout="columns", **how)
    got = training(view(X.T, *layout), Y.T, examples="rows", layout="columns", **how)
    assert_same_bits(got, wanted)
    assert_same_bits(training(np.asfortranarray(X), Y, layout="columns", **how), wanted)


def test_a_block_that_lies_as_wanted_is_not_copied():
    X = np.zeros((5, 7))
    assert canonical(X, orientation="columns") is X
    assert canonical(X, orientation=None) is X
    assert canonical(X.T, orientation="rows").base is X
    assert canonical(X.T, orientation=None).base is X


@pytest.mark.parametrize(
    ("orientation", "order"), [("columns", "CC"), ("rows", "FF"), (None, "CF")]
)
def test_a_block_that_lies_otherwise_is_copied(orientation, order):
    X = np.arange(35.0).reshape(5, 7)
    for view, wanted in zip((X[:, 1:], X.T[:, ::2]), order, strict=True):
        copy = canonical(view, orientation=orientation)
        np.testing.assert_array_equal(copy, view)
        assert not np.shares_memory(copy, X)
        assert copy.flags.c_contiguous == (wanted == "C")
        assert copy.flags.f_contiguous == (wanted == "F")


@settings(max_examples=10)
@given(how=networks, n=st.integers(1, 40), m=st.integers(150, 700))
def test_batches_of_rows_and_of_columns_have_the_same_bits(how, n, m):
    rng = np.random.default_rng(m)
    X = rng.standard_normal((n, m)).astype(how["dtype"])
    Y = rng.integers(0, 3, m)
    how = how | {"batch_size": 64, "epochs": 2}
    wanted = _batches(X, Y, **how)
    assert_same_bits(_batches(np.ascontiguousarray(X.T), Y, examples="rows", **how), wanted)
