"""Embeddings: columns of E, and sums of derivatives by category, on every library."""

from __future__ import annotations

import numpy as np
import pytest

from dnn_xp.backends.numpy import layers as numpy_layers
from dnn_xp.formulas import embeddings
from dnn_xp.formulas.embeddings import (
    Embedding,
    embed,
    embedding_gradient_sums,
    segment_sums,
    unflatten_embeddings,
)

SHAPES = (Embedding(7, 2), Embedding(4, 3))
RNG = np.random.default_rng(0)
NUMBERS = RNG.standard_normal((2, 29))
CODES = np.stack([RNG.integers(0, k, 29) for k, _ in SHAPES])
X = np.concatenate([NUMBERS, CODES])
TABLES = [RNG.standard_normal((d, k)) for k, d in SHAPES]
DERIVATIVE = RNG.standard_normal((5, 29))


def one_hot(codes, k):
    return (codes[None, :] == np.arange(k)[:, None]).astype(float)


def test_embedding_is_a_product_with_one_hot_columns(library):
    expected = [E @ one_hot(c, E.shape[1]) for E, c in zip(TABLES, CODES, strict=True)]
    found = embed(library.array(X), [library.array(E) for E in TABLES], xp=library.xp)
    library.assert_matches(found, np.concatenate([NUMBERS, *expected]))


@pytest.mark.parametrize("entries", [1 << 22, 30])
def test_the_derivative_sums_over_the_examples_of_a_category(library, monkeypatch, entries):
    monkeypatch.setattr(embeddings, "_ONE_HOT_ENTRIES", entries)
    parts = np.split(DERIVATIVE, [2])
    expected = [dA @ one_hot(c, k).T for dA, c, (k, _) in zip(parts, CODES, SHAPES, strict=True)]
    dA = library.array(DERIVATIVE)
    places = library.array(np.arange(7), "int32")
    found = embedding_gradient_sums(dA, library.array(X), SHAPES, places, xp=library.xp)
    for each, sums in zip(found, expected, strict=True):
        library.assert_matches(each, sums, ulps=64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numpy_sums_what_the_formula_sums(dtype):
    dA = DERIVATIVE.astype(dtype)
    found = numpy_layers.segment_sums(dA, CODES[0].astype(np.int32), np.arange(9), xp=np)
    expected = segment_sums(dA, CODES[0].astype(np.int32), np.arange(9), xp=np)
    assert found.dtype == dtype
    assert (found[:, 7:] == 0).all()
    np.testing.assert_allclose(found, expected, atol=32 * np.finfo(dtype).eps)


def test_tables_are_at_the_end_of_theta(library):
    theta = np.arange(5 + 14 + 12, dtype=float)
    found = unflatten_embeddings(library.array(theta), SHAPES, xp=library.xp)
    library.assert_matches(found[0], theta[5:19].reshape(2, 7))
    library.assert_matches(found[1], theta[19:].reshape(3, 4))
