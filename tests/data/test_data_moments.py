"""NaN and infinity are found with their place; mean and scale are exact, however blocks are cut."""

from __future__ import annotations

import functools
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from dnn_xp.data.features import as_source
from dnn_xp.data.finite import block_is_finite, check_finite, reading_ranges
from dnn_xp.data.host import namespace, to_host
from dnn_xp.data.sources.base import ArraySource, DatasetSource
from dnn_xp.data.standardize import (
    Moments,
    block_moments,
    finalize_moments,
    merge_moments,
    moments,
    standardize,
)


def test_finite_values_pass(bring: Any) -> None:
    big = np.full((3, 50), 3e38, dtype=np.float32)
    big[1] = -3e38
    for values in (np.ones((3, 50), dtype=np.float32), big, np.abs(big)):
        check_finite(as_source(bring(values)), "X")
    # float32's largest values sum to infinity: the sum alone does not decide
    assert not block_is_finite(np.abs(big))
    check_finite(as_source(bring(np.ones((2, 2), dtype=np.int32))), "X")


def test_counts_and_first_place(bring: Any) -> None:
    values = np.ones((3, 50), dtype=np.float32)
    values[2, 17] = values[0, 40] = np.nan
    values[1, 17] = np.inf
    values[0, 18] = -np.inf
    parts = (
        "X | 2 NaN and 2 infinite values, the first at example 17, feature 1 (counted from 0) "
        "| finite numbers | drop these examples, ...SimpleImputer)"
    )
    blocks = [(a, min(a + 7, 50)) for a in range(0, 50, 7)]
    for source in (as_source(bring(values)), as_source(bring(values.T), examples="rows")):
        with refused(ValueError, parts):
            check_finite(source, "X")
        with refused(ValueError, parts):
            check_finite(source, "X", blocks=blocks)
    with refused(ValueError, "Y | 1 NaN ... at example 1 (counted from 0) | finite numbers | ..."):
        check_finite(ArraySource(bring(np.asarray([1.0, np.nan], dtype=np.float32))), "Y")


def test_opposite_infinities_are_found() -> None:
    values = np.asarray([[np.inf, -np.inf]])
    assert not block_is_finite(values)
    with refused(ValueError, "... | 0 NaN and 2 infinite values, ... | finite numbers | ..."):
        check_finite(as_source(values), "X")


def test_finite_reads_a_dataset_in_small_blocks(tmp_path: Path, monkeypatch: Any) -> None:
    values = np.zeros((1000, 4), dtype=np.float32)
    values[777, 3] = np.nan
    np.save(tmp_path / "x.npy", values)
    source = DatasetSource(np.load(tmp_path / "x.npy", mmap_mode="r"), rows=True)
    widths: list[int] = []
    plain = source.block
    monkeypatch.setattr(
        source, "block", lambda start, stop: (widths.append(stop - start), plain(start, stop))[1]
    )
    with refused(ValueError, "... at example 777, feature 3 ..."):
        check_finite(source, "X", blocks=reading_ranges(source, values=1024))
    assert widths == [256, 256, 256, 232]


def test_reading_ranges_cover_wide_examples_one_by_one() -> None:
    source = as_source(np.ones((5, 3)))
    assert list(reading_ranges(source, values=2)) == [(0, 1), (1, 2), (2, 3)]


X = np.random.default_rng(1).normal(2.0, 3.0, size=(4, 101))


def test_moments_of_every_library(bring: Any) -> None:
    array = bring(X.astype(np.float32))
    found = moments(as_source(array), [(0, 40), (40, 80), (80, 101)])
    wide = X.astype(np.float32).astype(np.float64)
    assert found.m == 101
    assert found.mean.dtype == found.M2.dtype == np.float64
    assert found.mean.shape == found.M2.shape == (4, 1)
    np.testing.assert_allclose(found.mean, wide.mean(axis=1, keepdims=True), rtol=1e-14)
    np.testing.assert_allclose(found.M2 / 101, wide.var(axis=1, keepdims=True), rtol=1e-14)
    integers = moments(as_source(bring(np.asarray([[1, 2, 6]], dtype=np.int32))))
    assert (integers.mean.item(), integers.M2.item()) == (3.0, 14.0)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 101), max_size=8))
def test_moments_do_not_depend_on_the_blocks(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 101]
    parts = [block_moments(X[:, a:b]) for a, b in itertools.pairwise(edges)]
    forward = functools.reduce(merge_moments, parts)
    backward = functools.reduce(lambda a, b: merge_moments(b, a), reversed(parts))
    for found in (forward, backward):
        assert found.m == 101
        np.testing.assert_allclose(found.mean[:, 0], X.mean(axis=1), rtol=1e-13)
        np.testing.assert_allclose(found.M2[:, 0], X.var(axis=1) * 101, rtol=1e-13)


def test_merging_nothing_changes_nothing() -> None:
    nothing, some = block_moments(X[:, :0]), block_moments(X)
    for merged in (merge_moments(nothing, some), merge_moments(some, nothing)):
        np.testing.assert_array_equal(merged.mean, some.mean)
        np.testing.assert_array_equal(merged.M2, some.M2)
    assert merge_moments(nothing, nothing).m == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("offset", [0.0, 1e6, -3e7])
def test_like_scikit_learn_with_large_offsets(dtype: str, offset: float) -> None:
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    rng = np.random.default_rng(2)
    rows = (rng.normal(size=(20_000, 3)) + offset).astype(dtype)
    mean, scale = finalize_moments(
        moments(as_source(rows, examples="rows"), [(0, 7_000), (7_000, 20_000)])
    )
    wide = rows.astype(np.float64)
    exact = [math.fsum(column) / len(column) for column in wide.T]
    np.testing.assert_allclose(mean[:, 0], exact, rtol=5e-16, atol=1e-15)
    squares = [
        math.fsum((column - center) ** 2) for column, center in zip(wide.T, exact, strict=True)
    ]
    # The blocks' means differ by less than 0.05, and each is rounded to eps * offset; merging
    # multiplies the two: 2 * 0.05 * eps * offset * m_a m_b / m, against M2 = m.
    rtol = 1e-13 + 0.025 * float(np.finfo(np.float64).eps) * abs(offset)
    np.testing.assert_allclose(scale[:, 0] ** 2 * len(wide), squares, rtol=rtol)
    scaler = preprocessing.StandardScaler().fit(wide)
    np.testing.assert_allclose(mean[:, 0], scaler.mean_, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(scale[:, 0], scaler.scale_, rtol=1e-8)


def test_constant_features_have_scale_one_as_in_scikit_learn() -> None:
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    rows = np.empty((1003, 4))
    rows[:, 0] = 0.1
    rows[:, 1] = 1e6 + 0.1
    rows[:, 2] = 0.0
    rows[:, 3] = 1e-9 * np.arange(1003)
    blocks = [(a, min(a + 100, 1003)) for a in range(0, 1003, 100)]
    mean, scale = finalize_moments(moments(as_source(rows, examples="rows"), blocks))
    np.testing.assert_array_equal(scale[:3, 0], 1.0)
    scaler = preprocessing.StandardScaler().fit(rows)
    np.testing.assert_allclose(scale[:, 0], scaler.scale_, rtol=1e-12)
    np.testing.assert_allclose(mean[:, 0], scaler.mean_, rtol=1e-12)


def test_one_example_and_none() -> None:
    mean, scale = finalize_moments(block_moments(np.asarray([[3.0]])))
    assert (mean.item(), scale.item()) == (3.0, 1.0)
    mean, scale = finalize_moments(Moments(0, np.zeros((1, 1)), np.zeros((1, 1))))
    assert (mean.item(), scale.item()) == (0.0, 1.0)


def test_standardize_in_every_library(bring: Any) -> None:
    values = X.astype(np.float32)
    mean, scale = finalize_moments(moments(as_source(values)))
    arrays = [bring(array.astype(np.float32)) for array in (values, mean, scale)]
    xp = namespace(arrays[0])
    got = standardize(*arrays, xp=xp)
    assert got.dtype == arrays[0].dtype
    host = to_host(got)
    np.testing.assert_allclose(host.mean(axis=1), 0.0, atol=1e-6)
    np.testing.assert_allclose(host.std(axis=1), 1.0, rtol=1e-6)


def test_a_mean_whose_square_overflows_is_no_warning() -> None:
    mean, scale = finalize_moments(block_moments(np.full((1, 9), 1e300)))
    assert (mean.item(), scale.item()) == (1e300, 1.0)
