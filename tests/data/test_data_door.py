"""X at the door: what goes in, and what is said about everything else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import refused

from dnn_xp.common.messages import describe, listing, optional_package, unknown_name
from dnn_xp.data.agreement import check_features, check_same_library
from dnn_xp.data.features import as_source
from dnn_xp.data.host import working_dtype
from dnn_xp.data.sources.base import ArraySource, DatasetSource

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
    with refused(ValueError, "X | a pandas...Series of shape ... | two-dimensional, ..."):
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
    with refused(
        TypeError, "X | ... dtype ternary, which holds no numbers | an array of bool, ..."
    ):
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
    (None, TypeError, "X | None | a two-dimensional array of numbers"),
    (
        3.0,
        TypeError,
        (
            "X | 3.0 "
            "| a two-dimensional array of numbers, or a dataset with shape, dtype and slicing, a "
            "data frame, nested lists, or the path of a file"
        ),
    ),
    (
        {"a": 1},
        TypeError,
        (
            "X | a dict of length 1 "
            "| a two-dimensional array of numbers, or a dataset with shape, dtype and slicing, a "
            "data frame, nested lists, or the path of a file"
        ),
    ),
    (
        np.float32(1),
        ValueError,
        "X | 1.0 | two-dimensional, (features, examples) | reshape it to two dimensions",
    ),
    (
        np.ones(4),
        ValueError,
        (
            "X | a numpy.ndarray of shape (4,) and dtype float64 "
            "| two-dimensional, (features, examples) "
            "| one feature: pass X[None, :]. One example: pass X[:, None]"
        ),
    ),
    (
        np.ones((2, 3, 4)),
        ValueError,
        (
            "X | a numpy.ndarray of shape (2, 3, 4) and dtype float64 "
            "| two-dimensional, (features, examples) "
            "| flatten each example, for instance X.reshape(2, -1)"
        ),
    ),
    (
        np.ones((2, 0)),
        ValueError,
        (
            "X | 2 features and 0 examples with examples='columns' "
            "| at least one example of at least one feature"
        ),
    ),
    (
        np.ones((0, 2)),
        ValueError,
        (
            "X | 0 features and 2 examples with examples='columns' "
            "| at least one example of at least one feature"
        ),
    ),
    (
        [],
        ValueError,
        (
            "X | a numpy.ndarray of shape (0,) and dtype float64 "
            "| two-dimensional, (features, examples) "
            "| one feature: pass X[None, :]. One example: pass X[:, None]"
        ),
    ),
    (
        [[1, 2], [3]],
        ValueError,
        (
            "X | a list of length 2 whose entries differ in length "
            "| a two-dimensional array of numbers"
        ),
    ),
    (
        np.asarray([[1, None]], dtype=object),
        TypeError,
        (
            "X | a numpy.ndarray of shape (1, 2) and dtype object, which holds objects "
            "| an array of bool, integers or floats | convert it: X.astype(float)"
        ),
    ),
    (
        [["a", "b"]],
        TypeError,
        (
            "X | a numpy.ndarray of shape (1, 2) and dtype <U1, which holds text "
            "| an array of bool, integers or floats | encode text as numbers first"
        ),
    ),
    (
        np.asarray([[b"a"]]),
        TypeError,
        (
            "X | a numpy.ndarray of shape (1, 1) and dtype |S1, which holds bytes "
            "| an array of bool, integers or floats | convert it to float32 or float64 first"
        ),
    ),
    (
        np.ones((2, 2)) * 1j,
        TypeError,
        (
            "X "
            "| a numpy.ndarray of shape (2, 2) and dtype complex128, which holds complex numbers "
            "| an array of bool, integers or floats "
            "| pass its parts, for instance the stacked X.real and X.imag"
        ),
    ),
    (
        np.zeros((1, 1), dtype="M8[s]"),
        TypeError,
        (
            "X | a numpy.ndarray of shape (1, 1) and dtype datetime64[s], which holds dates "
            "| an array of bool, integers or floats | convert it to float32 or float64 first"
        ),
    ),
    (
        np.zeros((1, 1), dtype=[("a", "f4")]),
        TypeError,
        (
            "X "
            "| a numpy.ndarray of shape (1, 1) and dtype [('a', '<f4')], which holds structured "
            "records "
            "| an array of bool, integers or floats | convert it to float32 or float64 first"
        ),
    ),
    (
        np.ma.masked_equal(X, 3.0),
        ValueError,
        (
            "X | a masked array with 1 of them | an array without masked entries "
            "| fill them (X.filled(value)), or leave these examples out"
        ),
    ),
    (
        _sparse,
        TypeError,
        (
            "X "
            "| a scipy.sparse._csr.csr_matrix of shape (2, 3) and dtype float32, which is sparse "
            "| a dense array | pass X.toarray() if that fits in memory"
        ),
    ),
    (
        _jax_sparse,
        TypeError,
        (
            "X "
            "| a jax.experimental.sparse.bcoo.BCOO of shape (2, 3) and dtype float32, which is "
            "sparse "
            "| a dense array | pass X.toarray() if that fits in memory"
        ),
    ),
    (
        lambda: _torch("grad"),
        TypeError,
        (
            "X | a torch tensor that requires grad | a tensor that records no gradient "
            "| pass X.detach()"
        ),
    ),
    (
        lambda: _torch("sparse"),
        TypeError,
        (
            "X | a sparse tensor (torch.sparse_coo) | a dense array "
            "| pass X.to_dense() if that fits in memory"
        ),
    ),
    (
        lambda: _torch("list"),
        TypeError,
        "X | a list of torch arrays | one array | stack them first",
    ),
    (
        lambda: _torch("complex"),
        TypeError,
        (
            "X "
            "| a torch.Tensor of shape (2, 3) and dtype complex64, which holds complex numbers "
            "| an array of bool, integers or floats "
            "| pass its parts, for instance the stacked X.real and X.imag"
        ),
    ),
]


@pytest.mark.parametrize(
    ("value", "error", "text"), REFUSED, ids=[text[:30] for *_, text in REFUSED]
)
def test_refused(value: Any, error: type[Exception], text: str) -> None:
    with refused(error, text):
        as_source(value() if callable(value) else value)


def test_the_argument_is_named_and_rows_are_worded_as_rows() -> None:
    with refused(
        ValueError, "validation X | ... | two-dimensional, (examples, features) | ...[:, None]..."
    ):
        as_source(np.ones(3), argument="validation X", examples="rows")
    with refused(ValueError, "examples | 'row' | one of 'columns', 'rows' | did you mean 'rows'?"):
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
    with refused(
        TypeError,
        "Y | an array of numpy | an array of array_api_strict, like X "
        "| convert Y to array_api_strict, or pass it as a list",
    ):
        check_same_library(x, y)
    with refused(
        TypeError, "sample_weight | an array of array_api_strict | an array of numpy, like X | ..."
    ):
        check_same_library(X, x, arguments=("X", "sample_weight"))
    with refused(TypeError, "Y | an array of array_api_strict | an array of numpy, like X | ..."):
        check_same_library([[1, 2, 3]], x)
    far = strict.asarray(X, device=strict.Device("device1"))
    with refused(
        ValueError, "Y | an array on ...device1... | on array_api_strict device ...CPU..., like X"
    ):
        check_same_library(x, far)
    for a, b in ((x, x), (X, y), (x, [0, 1, 0]), (x, np.asarray(["a", "b", "a"])), (x, None)):
        check_same_library(a, b)
    check_same_library("x.npy", y)
    check_same_library(as_source(x), x)


def test_torch_and_jax_do_not_mix() -> None:
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    with refused(TypeError, "Y | an array of jax | an array of torch, like X | ..."):
        check_same_library(torch.ones((2, 3)), jnp.ones(3))


def test_series_of_text_go_with_any_library() -> None:
    pd, torch = pytest.importorskip("pandas"), pytest.importorskip("torch")
    check_same_library(torch.ones((2, 3)), pd.Series(["a", "b", "a"]))
    check_same_library(torch.ones((2, 3)), pd.Series(["a", "b", "a"], dtype="category"))
    with refused(TypeError, "Y | an array of numpy | an array of torch, like X | ..."):
        check_same_library(torch.ones((2, 3)), pd.Series([1, 2, 3]))


def test_features_of_the_model() -> None:
    source = as_source(X)
    check_features(source, 2)
    wanted = "examples of 5 features, as in the training of the model"
    with refused(ValueError, f"X | 2 features per example | {wanted}"):
        check_features(source, 5)
    with refused(ValueError, "X | 2 ... | ... | is X transposed? If so, pass examples='rows'"):
        check_features(source, 3)
    with refused(ValueError, "Q | 3 ... | ... | is Q transposed? If so, pass examples='columns'"):
        check_features(as_source(X, examples="rows"), 2, argument="Q", examples="rows")


def test_unknown_names() -> None:
    error = unknown_name("cost", "Squared_Eror", ["squared_error", "huber"])
    assert isinstance(error, ValueError)
    assert str(error) == (
        "cost must be one of 'squared_error', 'huber'; got 'Squared_Eror'. "
        "Did you mean 'squared_error'?"
    )
    assert str(unknown_name("cost", 7, ["a"])) == "cost must be one of 'a'; got 7"


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (X, "a numpy.ndarray of shape (2, 3) and dtype float32"),
        ("ab", "'ab'"),
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
