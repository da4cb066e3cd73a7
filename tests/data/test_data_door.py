"""X at the door: what goes in, and what is said about everything else."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from dnn_xp.common.messages import describe, listing, optional_package, unknown_name
from dnn_xp.data import (
    ArraySource,
    DatasetSource,
    as_source,
    check_features,
    check_same_library,
    looks_transposed,
    working_dtype,
)

X = np.arange(6.0, dtype=np.float32).reshape(2, 3)


def test_arrays_of_every_library_go_in(bring: Any) -> None:
    array = bring(X)
    source = as_source(array)
    assert isinstance(source, ArraySource)
    assert source.array is array
    assert (source.n, source.m, source.dtype, source.in_memory) == (2, 3, np.float32, True)
    turned = as_source(array, examples="rows")
    assert (turned.n, turned.m) == (3, 2)


def test_lists_and_subclasses_of_numpy_arrays() -> None:
    np.testing.assert_array_equal(as_source([[1, 2], [3, 4]]).block(0, 2), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(as_source(((True,), (False,))).block(0, 1), [[True], [False]])
    unmasked = np.ma.masked_array(X, mask=False)
    assert type(as_source(unmasked).block(0, 1)) is np.ndarray
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(X)
    assert type(as_source(matrix).block(0, 1)) is np.ndarray


def test_a_source_is_taken_as_it_is() -> None:
    source = as_source(X)
    assert as_source(source, examples="rows") is source


def test_pandas_frames() -> None:
    pd = pytest.importorskip("pandas")
    one = as_source(pd.DataFrame(X), examples="rows")
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one.block(0, 2), X.T)
    mixed = pd.DataFrame({"i": [1, 2], "b": [True, False], "f": np.float32([0.5, 1.5])})
    source = as_source(mixed, examples="rows")
    assert source.dtype == np.float32
    np.testing.assert_array_equal(source.block(0, 2), [[1, 2], [1, 0], [0.5, 1.5]])
    gaps = pd.DataFrame({"i": pd.array([1, None], dtype="Int64"), "d": [0.1, 0.2]})
    source = as_source(gaps, examples="rows")
    assert source.dtype == np.float64
    np.testing.assert_array_equal(source.block(0, 2), [[1, np.nan], [0.1, 0.2]])
    bad = pd.DataFrame({"a": [1.0], "city": ["Ulm"], "when": pd.to_datetime(["2020-01-01"])})
    with pytest.raises(TypeError, match=r"columns 'city', 'when' of the data frame, which hold"):
        as_source(bad, examples="rows")
    with pytest.raises(ValueError, match=r"X is a pandas.*Series of shape .* with 1 dimensions"):
        as_source(pd.Series([1.0, 2.0]))


def test_polars_frames() -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": [1, None], "b": [0.5, 1.5], "c": [True, False]})
    source = as_source(frame, examples="rows")
    np.testing.assert_array_equal(source.block(0, 2), [[1, np.nan], [0.5, 1.5], [1, 0]])
    with pytest.raises(TypeError, match=r"column 's' of the data frame, which holds no numbers"):
        as_source(pl.DataFrame({"s": ["x"]}), examples="rows")


class Dataset:
    shape = (4, 2)
    dtype: Any = np.dtype(np.float32)

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.ones(self.shape, self.dtype)[key]


def test_dtypes_numpy_has_no_name_for() -> None:
    strange = Dataset()
    strange.dtype = "ternary"
    with pytest.raises(TypeError, match=r"dtype ternary: it holds no numbers; bool, int"):
        as_source(strange)


def test_objects_with_shape_dtype_and_slicing() -> None:
    source = as_source(Dataset(), examples="rows")
    assert isinstance(source, DatasetSource)
    assert (source.n, source.m) == (2, 4)


def _sparse() -> Any:
    return pytest.importorskip("scipy.sparse").csr_matrix(X)


def _jax_sparse() -> Any:
    return pytest.importorskip("jax.experimental.sparse").BCOO.fromdense(X)


def _torch(make: str) -> Any:
    torch = pytest.importorskip("torch")
    tensor = torch.ones((2, 3))
    return {
        "grad": tensor.clone().requires_grad_(),
        "sparse": tensor.to_sparse(),
        "list": [tensor, tensor],
        "complex": tensor + 1j,
    }[make]


REFUSED: list[tuple[Any, type[Exception], str]] = [
    (None, TypeError, r"X is None; a two-dimensional array of numbers is wanted"),
    (3.0, TypeError, r"X is 3.0; a two-dimensional array"),
    ({"a": 1}, TypeError, r"X is a dict of length 1; a two-dimensional array"),
    (np.float32(1), ValueError, r"with 0 dimensions; two are wanted"),
    (np.ones(4), ValueError, r"1 dimensions.*One feature: pass X\[None, :\]. One example: pass X"),
    (np.ones((2, 3, 4)), ValueError, r"3 dimensions.*Flatten each example.*X.reshape\(2, -1\)"),
    (np.ones((2, 0)), ValueError, r"X is empty: 2 features and 0 examples came"),
    (np.ones((0, 2)), ValueError, r"X is empty: 0 features and 2 examples came"),
    ([], ValueError, r"1 dimensions"),
    ([[1, 2], [3]], ValueError, r"X is a list of length 2 whose entries differ in length"),
    (np.asarray([[1, None]], dtype=object), TypeError, r"holds objects; bool.*X.astype\(float\)"),
    ([["a", "b"]], TypeError, r"holds text; bool, integers or floats are wanted. Encode text"),
    (np.asarray([[b"a"]]), TypeError, r"holds bytes"),
    (np.ones((2, 2)) * 1j, TypeError, r"holds complex numbers; .*X.real and X.imag"),
    (np.zeros((1, 1), dtype="M8[s]"), TypeError, r"holds dates"),
    (np.zeros((1, 1), dtype=[("a", "f4")]), TypeError, r"holds structured records"),
    (np.ma.masked_equal(X, 3.0), ValueError, r"masked array with 1 masked entries. Fill them"),
    (_sparse, TypeError, r"csr_matrix of shape \(2, 3\).*: a sparse matrix.*X.toarray\(\)"),
    (_jax_sparse, TypeError, r"BCOO.*: a sparse matrix. Dense arrays are wanted"),
    (lambda: _torch("grad"), TypeError, r"requires grad; values alone.*Pass X.detach\(\)"),
    (lambda: _torch("sparse"), TypeError, r"sparse matrix \(torch.sparse_coo\).*X.to_dense\(\)"),
    (lambda: _torch("list"), TypeError, r"list of torch arrays; one array is wanted. Stack"),
    (lambda: _torch("complex"), TypeError, r"holds complex numbers"),
]


@pytest.mark.parametrize(
    ("value", "error", "text"), REFUSED, ids=[text[:30] for *_, text in REFUSED]
)
def test_refused(value: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        as_source(value() if callable(value) else value)


def test_the_argument_is_named_and_rows_are_worded_as_rows() -> None:
    with pytest.raises(ValueError, match=r"validation X is .*\(examples, features\).*\[:, None\]"):
        as_source(np.ones(3), argument="validation X", examples="rows")
    with pytest.raises(ValueError, match=r"examples='row' is unknown: did you mean 'rows'\?"):
        as_source(X, examples="row")


@pytest.mark.parametrize(
    ("dtype", "working"),
    [
        ("float32", "float32"),
        ("float64", "float64"),
        (">f8", "float64"),
        ("int64", "float32"),
        ("bool", "float32"),
        ("float16", "float32"),
        ("longdouble", "float32"),
        ("bfloat16", "float32"),
    ],
)
def test_working_dtype(dtype: str, working: str) -> None:
    assert working_dtype(dtype) == working


def test_working_dtype_of_every_library(bring: Any) -> None:
    assert working_dtype(bring(np.ones(2, dtype=np.float32)).dtype) == "float32"
    assert working_dtype(bring(np.ones(2, dtype=np.int32)).dtype) == "float32"


def test_two_libraries_or_devices() -> None:
    strict = pytest.importorskip("array_api_strict")
    x, y = strict.asarray(X), np.ones(3)
    with pytest.raises(TypeError, match=r"X is of array_api_strict and Y of numpy.*or pass it as"):
        check_same_library(x, y)
    with pytest.raises(TypeError, match=r"X is of numpy and sample_weight of array_api_strict"):
        check_same_library(X, x, arguments=("X", "sample_weight"))
    with pytest.raises(TypeError, match="X is of numpy and Y of array_api_strict"):
        check_same_library([[1, 2, 3]], x)
    far = strict.asarray(X, device=strict.Device("device1"))
    with pytest.raises(ValueError, match=r"X is on array_api_strict device .*CPU_DEVICE.*device1"):
        check_same_library(x, far)
    for a, b in ((x, x), (X, y), (x, [0, 1, 0]), (x, np.asarray(["a", "b", "a"])), (x, None)):
        check_same_library(a, b)
    check_same_library("x.npy", y)
    check_same_library(as_source(x), x)


def test_torch_and_jax_do_not_mix() -> None:
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    with pytest.raises(TypeError, match=r"X is of torch and Y of jax; one library is wanted"):
        check_same_library(torch.ones((2, 3)), jnp.ones(3))


def test_series_of_text_go_with_any_library() -> None:
    pd, torch = pytest.importorskip("pandas"), pytest.importorskip("torch")
    check_same_library(torch.ones((2, 3)), pd.Series(["a", "b", "a"]))
    check_same_library(torch.ones((2, 3)), pd.Series(["a", "b", "a"], dtype="category"))
    with pytest.raises(TypeError, match="X is of torch and Y of numpy"):
        check_same_library(torch.ones((2, 3)), pd.Series([1, 2, 3]))


def test_features_of_the_model() -> None:
    source = as_source(X)
    check_features(source, 2)
    with pytest.raises(ValueError, match=r"X has 2 features per example.*trained with 5\.$"):
        check_features(source, 5)
    with pytest.raises(ValueError, match=r'X looks transposed. Pass examples="rows"'):
        check_features(source, 3)
    with pytest.raises(ValueError, match=r'Q looks transposed. Pass examples="columns"'):
        check_features(as_source(X, examples="rows"), 2, argument="Q", examples="rows")


def test_looks_transposed() -> None:
    source = as_source(X)
    assert looks_transposed(source, 3) == ""
    assert looks_transposed(source, 7) == ""
    assert re.search(r'has 2 rows. Pass examples="rows"', looks_transposed(source, 2))
    turned = as_source(X, examples="rows")
    assert "columns" in looks_transposed(turned, 3, examples="rows")


def test_unknown_names() -> None:
    error = unknown_name("cost", "Squared_Eror", ["squared_error", "huber"])
    assert isinstance(error, ValueError)
    assert str(error) == (
        "cost='Squared_Eror' is unknown: did you mean 'squared_error'? "
        "Choose one of 'squared_error', 'huber'."
    )
    assert str(unknown_name("cost", 7, ["a"])) == "cost=7 is unknown. Choose one of 'a'."


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (X, "a numpy.ndarray of shape (2, 3) and dtype float32"),
        ("ab", "the string 'ab'"),
        (True, "True"),
        ([], "a list of length 0"),
        (object(), "an object"),
    ],
    ids=["array", "string", "bool", "list", "object"],
)
def test_describe(obj: Any, words: str) -> None:
    assert describe(obj) == words


def test_describe_library_arrays(bring: Any) -> None:
    assert describe(bring(X)).endswith("of shape (2, 3) and dtype float32")


def test_long_listings_end() -> None:
    assert listing("abc", limit=2) == "'a', 'b' and 1 more"


def test_optional_package_gives_the_package() -> None:
    assert optional_package("numpy", purpose="This") is np
    with pytest.raises(ImportError, match=r"This needs the package no_such.*dnn_xp\[plots\]"):
        optional_package("no_such.part", purpose="This", extra="plots")
