"""What Y means, by the rules that encode_targets states, and what is said when it means nothing."""

from __future__ import annotations

import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refused

from dnn_xp.data.finite import reading_ranges
from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import DatasetSource
from dnn_xp.data.sources.labels import LabelSource
from dnn_xp.data.sources.labels import LabelSource as Labels
from dnn_xp.data.targets.kinds import encode_targets
from dnn_xp.data.targets.source import target_source
from dnn_xp.data.targets.survey import encode_labels, label_limit, survey_targets
from dnn_xp.data.targets.weights import encode_weights

ONE_HOT = np.asarray([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]])
BCE, SCE = {"cost": "binary_cross_entropy"}, {"cost": "softmax_cross_entropy"}
SEVERAL = np.asarray([[1, 0, 0, 1], [1, 1, 0, 0]])


def blocks(targets: Any) -> np.ndarray:
    """All targets, in ragged blocks of three."""
    source = targets.source
    parts = [source.block(a, min(a + 3, source.m)) for a in range(0, source.m, 3)]
    return np.concatenate([to_host(part) for part in parts], axis=1)


def codes(y: list[int]) -> np.ndarray:
    return np.eye(max(y) + 1)[:, y]


CASES: list[tuple[Any, dict[str, Any], str, str, Any, Any]] = [
    # Y, arguments, kind, cost, classes, targets
    ([0, 1, 1, 0], {}, "binary", "binary_cross_entropy", [0, 1], [[0, 1, 1, 0]]),
    ([[0, 1, 1, 0]], {}, "binary", "binary_cross_entropy", [0, 1], [[0, 1, 1, 0]]),
    ([True, False] * 2, {}, "binary", "binary_cross_entropy", [False, True], [[1, 0, 1, 0]]),
    ([-1, 1, 1, 7 - 6], {}, "binary", "binary_cross_entropy", [-1, 1], [[0, 1, 1, 1]]),
    (["b", "a", "b", "b"], {}, "binary", "binary_cross_entropy", ["a", "b"], [[1, 0, 1, 1]]),
    ([0.0, 1.0, 1.0, 0.0], {}, "binary", "binary_cross_entropy", [0.0, 1.0], [[0, 1, 1, 0]]),
    ([3, 9, 5, 3], {}, "multiclass", "softmax_cross_entropy", [3, 5, 9], codes([0, 2, 1, 0])),
    (list("abca"), {}, "multiclass", "softmax_cross_entropy", list("abc"), codes([0, 1, 2, 0])),
    ([0.0, 2.0, 1.0, 1.0], {}, "regression", "squared_error", None, [[0, 2, 1, 1]]),
    ([0.5, 2.0, 1.0, 1.0], {}, "regression", "squared_error", None, [[0.5, 2, 1, 1]]),
    (ONE_HOT, {}, "multiclass", "softmax_cross_entropy", [0, 1, 2], ONE_HOT),
    (ONE_HOT * 1.0, {}, "multiclass", "softmax_cross_entropy", [0, 1, 2], ONE_HOT),
    (ONE_HOT == 1, {}, "multiclass", "softmax_cross_entropy", [0, 1, 2], ONE_HOT),
    (SEVERAL, {}, "multilabel", "binary_cross_entropy", None, SEVERAL),
    (SEVERAL * 1.0, {}, "multilabel", "binary_cross_entropy", None, SEVERAL),
    (SEVERAL * 0.5, {}, "regression", "squared_error", None, SEVERAL * 0.5),
    # A given cost decides
    ([0, 1, 1, 0], {"cost": "squared_error"}, "regression", "squared_error", None, [[0, 1, 1, 0]]),
    ([0, 1, 1, 0], {"cost": "huber"}, "regression", "huber", None, [[0, 1, 1, 0]]),
    ([0, 5, 1, 0], {"cost": "poisson"}, "regression", "poisson", None, [[0, 5, 1, 0]]),
    (
        [0, 1, 1, 0],
        SCE,
        "multiclass",
        "softmax_cross_entropy",
        [0, 1],
        codes([0, 1, 1, 0]),
    ),
    (
        [1.0, 2.0, 3.0, 1.0],
        SCE,
        "multiclass",
        "softmax_cross_entropy",
        [1.0, 2.0, 3.0],
        codes([0, 1, 2, 0]),
    ),
    (
        [-1.0, 1.0, 1.0, -1.0],
        BCE,
        "binary",
        "binary_cross_entropy",
        [-1.0, 1.0],
        [[0, 1, 1, 0]],
    ),
    (
        [0.25, 1.0, 0.5, 0.0],
        BCE,
        "binary",
        "binary_cross_entropy",
        [0, 1],
        [[0.25, 1.0, 0.5, 0.0]],
    ),
    (
        SEVERAL * 0.5,
        BCE,
        "multilabel",
        "binary_cross_entropy",
        None,
        SEVERAL * 0.5,
    ),
    (
        ONE_HOT,
        BCE,
        "multilabel",
        "binary_cross_entropy",
        None,
        ONE_HOT,
    ),
    (
        [[0.25] * 4, [0.75] * 4],
        SCE,
        "multiclass",
        "softmax_cross_entropy",
        [0, 1],
        [[0.25] * 4, [0.75] * 4],
    ),
    (SEVERAL, {"cost": "squared_error"}, "regression", "squared_error", None, SEVERAL),
    # So does a given output activation
    (
        [0, 2, 1, 0],
        {"output_activation": "identity"},
        "regression",
        "squared_error",
        None,
        [[0, 2, 1, 0]],
    ),
    ([0, 2, 1], {"output_activation": "exp"}, "regression", "poisson", None, [[0, 2, 1]]),
    (
        [0, 2, 1, 0],
        {"output_activation": "tanh"},
        "regression",
        "squared_error",
        None,
        [[0, 2, 1, 0]],
    ),
    (
        [0, 1, 1, 0],
        {"output_activation": "softmax"},
        "multiclass",
        "softmax_cross_entropy",
        [0, 1],
        codes([0, 1, 1, 0]),
    ),
    (
        [0, 1, 1, 0],
        {"output_activation": "sigmoid"},
        "binary",
        "binary_cross_entropy",
        [0, 1],
        [[0, 1, 1, 0]],
    ),
    # So do known classes, whose order is kept
    ([5, 3, 5, 5], {"classes": [3, 5]}, "binary", "binary_cross_entropy", [3, 5], [[1, 0, 1, 1]]),
    ([3, 3, 3, 3], {"classes": [3, 5]}, "binary", "binary_cross_entropy", [3, 5], [[0, 0, 0, 0]]),
    (
        ["b", "a", "b", "b"],
        {"classes": ["c", "b", "a"]},
        "multiclass",
        "softmax_cross_entropy",
        ["c", "b", "a"],
        np.eye(3)[:, [1, 2, 1, 1]],
    ),
    (
        [1.0, 0.5, 0.0, 1.0],
        {"classes": [0, 1], "cost": "binary_cross_entropy"},
        "binary",
        "binary_cross_entropy",
        [0, 1],
        [[1.0, 0.5, 0.0, 1.0]],
    ),
]


@pytest.mark.parametrize(("Y", "arguments", "kind", "cost", "classes", "values"), CASES)
def test_rules(
    Y: Any, arguments: dict[str, Any], kind: str, cost: str, classes: Any, values: Any
) -> None:
    m = np.shape(Y)[-1]
    targets = encode_targets(Y, m=m, **arguments)
    assert (targets.kind, targets.cost) == (kind, cost)
    assert (None if targets.classes is None else targets.classes.tolist()) == classes
    got = blocks(targets)
    assert got.shape == (targets.n_y, m)
    np.testing.assert_array_equal(got, values)
    if "output_activation" in arguments:
        assert targets.output_activation == arguments["output_activation"]
    # The same as rows
    if np.ndim(Y) == 2:
        turned = encode_targets(np.asarray(Y).T, m=m, examples="rows", **arguments)
        assert turned.kind == kind
        np.testing.assert_array_equal(blocks(turned), got)


@pytest.mark.parametrize("y", [[0, 1, 1, 0, 1], [4, 2, 2, 9, 4]])
@pytest.mark.parametrize("float_dtype", ["float32", "float64"])
def test_labels_of_every_library(bring: Any, y: list[int], float_dtype: str) -> None:
    targets = encode_targets(bring(np.asarray(y, dtype=np.int32)), m=5, dtype=float_dtype)
    distinct, code = np.unique(y, return_inverse=True)
    assert isinstance(targets.source, LabelSource)
    assert targets.source.dtype == np.dtype(float_dtype)
    assert targets.source.codes.dtype == np.int8
    assert targets.classes is not None
    assert targets.counts is not None
    np.testing.assert_array_equal(targets.classes, distinct)
    np.testing.assert_array_equal(targets.counts, np.bincount(code))
    np.testing.assert_array_equal(
        blocks(targets), code[None, :] if len(distinct) == 2 else np.eye(3)[:, code]
    )


def test_values_stay_in_their_library(bring: Any) -> None:
    y = bring(np.asarray([0.5, 2.0, 3.0], dtype=np.float32))
    targets = encode_targets(y, m=3)
    assert targets.kind == "regression"
    assert targets.counts is None
    assert type(targets.source.block(0, 2)) is type(y)
    np.testing.assert_array_equal(blocks(targets), [[0.5, 2.0, 3.0]])


def test_counts() -> None:
    for Y, counts in ((ONE_HOT, [2, 1, 1]), (SEVERAL, [2, 2]), (["b", "a", "b", "b"], [1, 3])):
        found = encode_targets(Y, m=4).counts
        assert found is not None
        assert found.tolist() == counts
    assert encode_targets([0.5, 1, 0, 1], m=4, cost="binary_cross_entropy").counts is None


@pytest.mark.parametrize("n_blocks", [1, 3])
def test_many_labels_in_blocks(tmp_path: Path, monkeypatch: Any, n_blocks: int) -> None:
    y = np.random.default_rng(0).integers(-5, 200, 3000)
    monkeypatch.setattr(
        "dnn_xp.data.targets.survey.reading_ranges",
        lambda source: reading_ranges(source, values=3000 // n_blocks),
    )
    np.save(tmp_path / "y.npy", y.astype(">i2"))
    for Y in (tmp_path / "y.npy", y.astype(np.int8).astype(np.int64), y.astype(str), y * 2**50):
        targets = encode_targets(Y, m=3000)
        plain = np.load(Y) if isinstance(Y, Path) else Y
        assert targets.classes is not None
        np.testing.assert_array_equal(targets.classes, np.unique(plain))
        assert isinstance(targets.source, Labels)
        np.testing.assert_array_equal(targets.classes[targets.source.codes], plain)
        assert targets.counts is not None
        assert targets.counts.sum() == 3000


def test_regression_on_a_dataset_is_not_read_into_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", np.linspace(0, 1, 7))
    targets = encode_targets(str(tmp_path / "y.npy"), m=7)
    assert isinstance(targets.source, DatasetSource)
    np.testing.assert_array_equal(blocks(targets), [np.linspace(0, 1, 7)])


def test_a_source_of_targets_is_taken_as_it_is() -> None:
    source = Labels(np.asarray([0, 1, 1], dtype=np.int8), 1)
    np.testing.assert_array_equal(blocks(encode_targets(source, m=3)), [[0, 1, 1]])


def test_text_of_every_kind() -> None:
    pd = pytest.importorskip("pandas")
    words = ["b", "a", "b"]
    for Y in (
        np.asarray(words, dtype=object),
        np.asarray(words, dtype=np.dtypes.StringDType()),
        pd.Series(words),
        pd.Series(words, dtype="category"),
        pd.Index(words),
    ):
        targets = encode_targets(Y, m=3)
        assert targets.classes is not None
        assert targets.classes.tolist() == ["a", "b"]
        np.testing.assert_array_equal(blocks(targets), [[1, 0, 1]])
    frame = pd.DataFrame({"y": words})
    np.testing.assert_array_equal(blocks(encode_targets(frame, m=3, examples="rows")), [[1, 0, 1]])
    whole = pd.Series([1, 2, 2], dtype="Int64")
    np.testing.assert_array_equal(blocks(encode_targets(whole, m=3)), [[0, 1, 1]])


def test_text_of_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file["y"] = ["b", "a", "b"]
    targets = encode_targets(f"{tmp_path}/y.h5::y", m=3)
    np.testing.assert_array_equal(blocks(targets), [[1, 0, 1]])


def _series(values: Any, dtype: str) -> Any:
    return pytest.importorskip("pandas").Series(values, dtype=dtype)


BCE, SCE = BCE, {"cost": "softmax_cross_entropy"}
REFUSED: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    (None, {}, TypeError, "Y | None | an array with one entry for each of the 4 examples"),
    (
        [1, 0, 1],
        {},
        ValueError,
        "Y | 3 examples with examples='columns' | an array of 4 examples, like X",
    ),
    (
        [1, 0, 1],
        {"n_x": 3},
        ValueError,
        (
            "Y | 3 examples with examples='columns' | an array of 4 examples, like X "
            "| is X transposed? It has 3 rows: pass examples='rows'"
        ),
    ),
    (
        np.ones((4, 1)),
        {},
        ValueError,
        (
            "Y | 1 example with examples='columns' | an array of 4 examples, like X "
            "| is Y transposed? Make it of shape (4,) for one value per example, else pass examples='rows'"
        ),
    ),
    (
        np.ones((1, 4)),
        {"examples": "rows"},
        ValueError,
        (
            "Y | 1 example with examples='rows' | an array of 4 examples, like X "
            "| is Y transposed? Make it of shape (4,) for one value per example, else pass examples='columns'"
        ),
    ),
    (
        np.ones((4, 1, 1)),
        {},
        ValueError,
        (
            "Y | a numpy.ndarray of shape (4, 1, 1) and dtype float64 "
            "| (m,) labels or values, or (n_y, m)"
        ),
    ),
    (
        np.ones((0, 4)),
        {},
        ValueError,
        "Y | 0 outputs of 4 examples | at least one output of at least one example",
    ),
    (
        [0.0, np.nan, np.inf, 1],
        {},
        ValueError,
        (
            "Y | 1 NaN and 1 infinite values, the first at example 1 (counted from 0) "
            "| finite numbers "
            "| drop these examples, or fill the gaps in (for instance with "
            "sklearn.impute.SimpleImputer)"
        ),
    ),
    (
        [1, 1, 1, 1],
        {},
        ValueError,
        (
            "Y | one class only, 1 | labels of at least two classes "
            "| for values pass cost='squared_error'"
        ),
    ),
    (
        [1.0, 1.0, 1.0, 1.0],
        {},
        ValueError,
        (
            "Y | one class only, 1.0 | labels of at least two classes "
            "| for values pass cost='squared_error'"
        ),
    ),
    (
        ["a"] * 4,
        {},
        ValueError,
        (
            "Y | one class only, 'a' | labels of at least two classes "
            "| for values pass cost='squared_error'"
        ),
    ),
    (
        [[1] * 4, [0] * 4],
        {},
        ValueError,
        (
            "Y | one class only, 0 | labels of at least two classes "
            "| for values pass cost='squared_error'"
        ),
    ),
    (
        [1, 1, 1, 1],
        SCE,
        ValueError,
        (
            "Y | one class only, 1 | labels of at least two classes "
            "| for values pass cost='squared_error'"
        ),
    ),
    (
        [1j, 0, 1, 1],
        {},
        TypeError,
        (
            "Y "
            "| a numpy.ndarray of shape (4,) and dtype complex128, which holds complex numbers "
            "| an array of bool, integers or floats "
            "| pass its parts, for instance the stacked Y.real and Y.imag"
        ),
    ),
    (
        np.asarray([1, "a", 2, 3], dtype=object),
        {},
        TypeError,
        (
            "Y | objects of the types int, str | all text, all bytes, or all numbers "
            "| make all of them text, for instance [str(y) for y in Y]"
        ),
    ),
    (
        np.asarray(["a", None, "b", None], dtype=object),
        {},
        ValueError,
        (
            "Y | 2 missing, the first at example 1 (counted from 0) "
            "| labels or values without missing ones "
            "| drop these examples, or give them a label of their own"
        ),
    ),
    (
        lambda: _series([1, None, 2, 1], "Int64"),
        {},
        ValueError,
        (
            "Y | a pandas.Series of shape (4,) and dtype Int64 with 1 missing, the first at "
            "example 1 (counted from 0) "
            "| labels or values without missing ones | drop these examples"
        ),
    ),
    (
        lambda: _series(["a", None, "b", "b"], "str"),
        {},
        ValueError,
        (
            "Y | 1 missing, the first at example 1 (counted from 0) "
            "| labels or values without missing ones "
            "| drop these examples, or give them a label of their own"
        ),
    ),
    (
        [["a"] * 4, ["b"] * 4],
        {},
        TypeError,
        (
            "Y | text with 2 entries per example "
            "| one label per example, or 0 and 1 for several labels per example"
        ),
    ),
    (
        [[3] * 4, [0] * 4],
        {},
        ValueError,
        (
            "Y | integers from 0 to 3 | 0 and 1 where integers are labels, 2 per example "
            "| for values pass floats, or pass cost='squared_error'"
        ),
    ),
    (["a", "b"] * 2, {"cost": "squared_error"}, TypeError, "Y | text | numbers for this cost"),
    (
        [1, 2, -3, 0],
        {"cost": "poisson"},
        ValueError,
        "Y | -3 | counts of 0 or more for cost='poisson'",
    ),
    (
        [1, 2, 3, 0],
        BCE,
        ValueError,
        (
            "Y | 4 classes: 0, 1, 2, 3 | two classes for cost='binary_cross_entropy' "
            "| pass cost='softmax_cross_entropy'"
        ),
    ),
    (
        [0.5, 1.5, 0, 0],
        BCE,
        ValueError,
        ("Y | values from 0 to 1.5 | 0 and 1, or probabilities, for cost='binary_cross_entropy'"),
    ),
    (
        [[0.5] * 4, [-1.0] * 4],
        BCE,
        ValueError,
        ("Y | values from -1 to 0.5 | 0 and 1, or probabilities, for cost='binary_cross_entropy'"),
    ),
    (
        [0.5, 1.5, 0, 0],
        SCE,
        ValueError,
        (
            "Y | floats that are no whole numbers "
            "| labels, or one row of probabilities per class, for cost='softmax_cross_entropy'"
        ),
    ),
    (
        SEVERAL,
        SCE,
        ValueError,
        (
            "Y | 2 entries per example that are negative or do not sum to 1 "
            "| one-hot columns or probabilities for cost='softmax_cross_entropy'"
        ),
    ),
    (
        [[2.0] * 4, [-1.0] * 4],
        SCE,
        ValueError,
        (
            "Y | 2 entries per example that are negative or do not sum to 1 "
            "| one-hot columns or probabilities for cost='softmax_cross_entropy'"
        ),
    ),
    (
        [0, 1, 7, 8],
        {"classes": [0, 1]},
        ValueError,
        "Y | the unknown labels 7, 8 | labels of the classes 0, 1",
    ),
    (
        ["a"] * 4,
        {"classes": [0, 1]},
        ValueError,
        "Y | the unknown labels 'a' | labels of the classes 0, 1",
    ),
    (
        [1, 0, 1, 0],
        {"classes": ["1", "0"]},
        ValueError,
        "Y | the unknown labels 0, 1 | labels of the classes '1', '0'",
    ),
    (
        [0.5, 1, 1, 0],
        {"classes": [3, 5]},
        ValueError,
        "Y | the unknown labels 0.0, 0.5, 1.0 | labels of the classes 3, 5",
    ),
    (
        ONE_HOT,
        {**SCE, "classes": [0, 1]},
        ValueError,
        "Y | 3 entries per example | one entry for each of the 2 classes 0, 1",
    ),
    (
        [0, 1, 1, 0],
        {"cost": "hubber"},
        ValueError,
        (
            "cost | 'hubber' "
            "| one of 'binary_cross_entropy', 'softmax_cross_entropy', 'squared_error', 'huber', "
            "'poisson' "
            "| did you mean 'huber'?"
        ),
    ),
    (
        [0, 1, 1, 0],
        {"output_activation": "sigmod"},
        ValueError,
        (
            "output_activation | 'sigmod' "
            "| one of 'relu', 'sigmoid', 'tanh', 'softmax', 'identity', 'leaky_relu', 'elu', "
            "'gelu', 'silu', 'softplus', 'exp', 'selu', 'mish' "
            "| did you mean 'sigmoid'?"
        ),
    ),
    (
        [0, 1, 1, 0],
        {"examples": "cols"},
        ValueError,
        "examples | 'cols' | one of 'columns', 'rows' | did you mean 'columns'?",
    ),
]


def named(value: object) -> str:
    """A name that is the same in every process: no memory addresses."""
    return getattr(value, "__name__", str(value))[:30]


@pytest.mark.parametrize(("Y", "arguments", "error", "text"), REFUSED, ids=named)
def test_refused(Y: Any, arguments: dict[str, Any], error: type[Exception], text: str) -> None:
    with refused(error, text):
        encode_targets(Y() if callable(Y) else Y, m=4, **arguments)


def test_the_argument_is_named() -> None:
    with refused(ValueError, "validation Y | 3 examples ... | an array of 4 examples, like X"):
        encode_targets([1, 0, 1], m=4, argument="validation Y")


def test_so_many_labels_are_values() -> None:
    y = np.arange(300)
    with refused(
        ValueError,
        "Y | more, which look like values | labels of at most 150 classes for 300 examples "
        "| for values pass cost='squared_error'",
    ):
        encode_targets(y, m=300)
    assert encode_targets(y, m=300, cost="squared_error").kind == "regression"
    assert encode_targets(y.astype(float), m=300).kind == "regression"
    # Few examples may well be of as many classes
    assert encode_targets(np.arange(90), m=90).n_y == 90
    assert label_limit(10**9) == 1 << 20


def test_unsigned_labels_beyond_int64() -> None:
    y = np.asarray([2**63 + 5, 2**63 + 1, 2**63 + 5], dtype=np.uint64)
    targets = encode_targets(y, m=3)
    np.testing.assert_array_equal(blocks(targets), [[1, 0, 1]])


def test_survey_counts_labels_only_when_asked() -> None:
    source = target_source([0.0, 2.0, 1.0], m=3)
    assert survey_targets(source, labels="none").distinct is None
    assert survey_targets(source, labels="zero_one").distinct is None
    found = survey_targets(source, labels="whole").distinct
    assert found is not None
    assert found.tolist() == [0.0, 1.0, 2.0]
    codes, counts = encode_labels(source, np.asarray([2, 1, 0]), argument="Y")
    assert codes.tolist() == [2, 0, 1]
    assert counts.tolist() == [1, 1, 1]


def test_labels_take_no_more_memory_than_their_codes_and_some_blocks() -> None:
    # As many labels as a file has rows: one byte each, never the eight of an int64.
    m = 20_000_000
    labels = (np.arange(m, dtype=np.int32) % 3).astype(np.int8)
    tracemalloc.start()
    try:
        targets = encode_targets(labels, m=m, n_x=5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert targets.counts is not None
    assert targets.counts.sum() == m
    assert m <= peak < 3 * m


def test_weights(bring: Any) -> None:
    source = encode_weights(bring(np.asarray([1.0, 3.0, 0.0, 4.0])), m=4, dtype="float64")
    assert source is not None
    assert (source.n, source.m) == (1, 4)
    np.testing.assert_array_equal(source.block(0, 4), [[0.5, 1.5, 0.0, 2.0]])
    assert encode_weights(None, m=4) is None
    whole = encode_weights([[1, 3]], m=2)
    assert whole is not None
    assert whole.block(0, 2).dtype == np.float32


@pytest.mark.parametrize(
    ("weights", "error", "text"),
    [
        ([1, 2, 3], ValueError, "3 examples ... | an array of 2 examples, like X"),
        ([[1, 2], [3, 4]], ValueError, "2 entries per ... | one entry per example, of shape (2,)"),
        ([1, -2], ValueError, "-2, the first ... weight at example 1 ... | weights of 0 or more"),
        ([0, 0], ValueError, "0 for all examples | weights of which at least one is above 0"),
        ([1, np.nan], ValueError, "1 NaN and 0 infinite ... example 1 ... | finite numbers | ..."),
        (["a", "b"], TypeError, "text | numbers"),
    ],
)
def test_weights_refused(weights: Any, error: type[Exception], text: str) -> None:
    with refused(error, f"sample_weight | {text}"):
        encode_weights(weights, m=2)


def test_weights_are_looked_at_in_blocks_and_scaled_by_all(monkeypatch):
    monkeypatch.setattr(
        "dnn_xp.data.targets.weights.reading_ranges", partial(reading_ranges, values=3)
    )
    given = np.arange(1.0, 9.0)
    source = encode_weights(given, m=8, dtype="float64")
    assert source is not None
    np.testing.assert_array_equal(source.block(0, 8), given[np.newaxis] / 4.5)
    with refused(
        ValueError, "sample_weight | -2, the first negative weight at example 4 ... | ..."
    ):
        encode_weights([1, 1, 1, 1, -1, 1, 1, -2], m=8)
    with refused(
        ValueError,
        "sample_weight | an infinite sum | weights of a finite sum "
        "| scale them down: only their ratios matter",
    ):
        encode_weights([1e308, 1e308], m=2)
