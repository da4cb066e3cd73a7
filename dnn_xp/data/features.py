"""X at the door: whatever holds numbers becomes a source of examples, or an error says why not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import array_api_compat as compat
import numpy as np

from dnn_xp.common.checks import check_examples
from dnn_xp.common.messages import describe
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.host import is_array, library, numpy_dtype
from dnn_xp.data.readers.files import open_file
from dnn_xp.data.readers.parquet import ParquetSource
from dnn_xp.data.readers.tables import NUMERIC_KINDS, frame_matrix, is_frame, table_matrix
from dnn_xp.data.sources.base import ArraySource, DatasetSource, Source

_WANTED = "a two-dimensional array of numbers"
_KINDS = {
    "O": "objects",
    "U": "text",
    "S": "bytes",
    "T": "text",
    "c": "complex numbers",
    "M": "dates",
    "m": "time differences",
    "V": "structured records",
}


def as_source(X: Any, *, argument: str = "X", examples: str = "columns") -> Source:
    """Check X and make it a source of examples.

    Parameters
    ----------
    X : array, dataset, data frame, nested list, path, or Source
        An array of NumPy, CuPy, PyTorch, JAX or another array-API library; a np.memmap, an h5py
        or Zarr dataset, or any object with shape, dtype and slicing; a pandas or polars data
        frame; a path (see `open_path`). (n_x, m), or (m, n_x) with examples="rows". Integers and
        bool are taken as they are and computed with as float32 (see `working_dtype`).
    argument : str
        What the errors call it.
    examples : {"columns", "rows"}
        Where the examples are.

    Returns
    -------
    Source
        Without a copy, except for lists and for data frames of several dtypes.

    Raises
    ------
    TypeError
        For what cannot be computed with: None, sparse matrices, objects, text, complex numbers,
        tensors that record gradients.
    ValueError
        For a wrong number of dimensions, for no examples or no features, for masked entries.

    Examples
    --------
    >>> import numpy as np
    >>> source = as_source(np.arange(6.0).reshape(3, 2), examples="rows")
    >>> source.n, source.m
    (2, 3)
    >>> source.block(0, 2)
    array([[0., 2.],
           [1., 3.]])
    """
    rows = check_examples(examples)
    if isinstance(X, (str, os.PathLike)):
        return open_path(X, argument=argument, examples=examples)
    if isinstance(X, Source):
        source = X
    else:
        values = as_values(X, argument=argument)
        check_kind(values, argument=argument)
        if len(values.shape) != 2:
            raise _dimensions(values, argument, rows)
        kind = ArraySource if is_array(values) else DatasetSource
        source = kind(values, rows)
    if source.m == 0 or source.n == 0:
        raise ValueError(
            f"{argument} is empty: {source.n} features and {source.m} examples came "
            f'(with examples="{examples}"). At least one of each is wanted.'
        )
    return source


def open_path(
    path: str | os.PathLike[str],
    *,
    examples: str,
    key: str | None = None,
    columns: Sequence[str] | None = None,
    argument: str = "X",
) -> Source:
    """The source of a file: .npy (mapped), .npz, .h5/.hdf5, .zarr, .parquet or .csv.

    Parameters
    ----------
    path : str or PathLike
        "file.h5::name" (.npz, .zarr too) names an array in the file; "file.parquet::a,b" (.csv
        too) chooses columns.
    examples : {"columns", "rows"}
        In .csv and .parquet files a line is an example, so these want "rows".
    key : str, optional
        The array in the file; not needed when it is the only one.
    columns : sequence of str, optional
        The columns that are features.
    argument : str
        What the errors call it.

    Raises
    ------
    FileNotFoundError, ValueError, TypeError, ImportError
        No such file; an unknown suffix, key or column; nothing numeric in it; a package missing.
    """
    rows = check_examples(examples)
    opened = open_file(path, argument=argument, key=key, columns=columns)
    if isinstance(opened, (ColumnTable, ParquetSource)):
        if not rows:
            raise ValueError(
                f'{argument}={os.fspath(path)!r} holds one example per line. Pass examples="rows".'
            )
        if isinstance(opened, ColumnTable):
            opened = table_matrix(opened, argument=argument)
    return as_source(opened, argument=argument, examples=examples)


def as_values(obj: Any, *, argument: str, wanted: str = _WANTED) -> Any:
    """An array or dataset with shape, dtype and slicing; lists and data frames become NumPy's."""
    module = type(obj).__module__
    if obj is None:
        raise TypeError(f"{argument} is None; {wanted} is wanted.")
    if {"sparse", "_sparse"} & set(module.split(".")):
        raise TypeError(
            f"{argument} is {describe(obj)}: a sparse matrix. Dense arrays are wanted: pass "
            f"{argument}.toarray() if that fits in memory."
        )
    if is_frame(obj):
        return frame_matrix(obj, argument=argument)
    if isinstance(obj, (list, tuple)):
        return _from_list(obj, argument)
    if isinstance(obj, np.ma.MaskedArray):
        masked = int(np.ma.count_masked(obj))  # type: ignore[no-untyped-call]  # NumPy's stubs
        if masked:
            raise ValueError(
                f"{argument} is a masked array with {masked} masked entries. Fill them "
                f"({argument}.filled(value)) or leave these examples out."
            )
        return np.asarray(obj.data)
    if isinstance(obj, np.matrix):
        return np.asarray(obj)
    if compat.is_torch_array(obj):
        if obj.requires_grad:
            raise TypeError(
                f"{argument} is a torch tensor that requires grad; values alone are wanted. "
                f"Pass {argument}.detach()."
            )
        if "strided" not in str(obj.layout):
            raise TypeError(
                f"{argument} is a sparse matrix ({obj.layout}). Dense arrays are wanted: pass "
                f"{argument}.to_dense() if that fits in memory."
            )
    if is_array(obj):
        return obj
    if isinstance(obj, (dict, set, str, bytes)) or not all(
        hasattr(obj, name) for name in ("shape", "dtype", "__getitem__")
    ):
        raise TypeError(
            f"{argument} is {describe(obj)}; {wanted} is wanted, or a dataset with shape, dtype "
            "and slicing, a data frame, nested lists, or the path of a file."
        )
    return obj


def _from_list(obj: Any, argument: str) -> Any:
    """np.asarray of nested lists; tensors inside are for their own library to stack."""
    if len(obj) and not isinstance(obj[0], np.ndarray) and compat.is_array_api_obj(obj[0]):
        raise TypeError(
            f"{argument} is a {type(obj).__name__} of {library(obj[0])} arrays; one array is "
            "wanted. Stack them first."
        )
    try:
        return np.asarray(obj)
    except ValueError as error:
        raise ValueError(
            f"{argument} is {describe(obj)} whose entries differ in length; {_WANTED} is wanted."
        ) from error


def check_kind(values: Any, *, argument: str) -> None:
    """A TypeError unless the values are bool, integers or floats."""
    try:
        kind: str = numpy_dtype(values.dtype).kind
    except TypeError:
        kind = "unknown"
    if kind in NUMERIC_KINDS:
        return
    way = {
        "c": f"Pass its parts, for instance the stacked {argument}.real and {argument}.imag.",
        "O": f"Convert it: {argument}.astype(float).",
        "U": "Encode text as numbers first.",
    }.get(kind, "Convert it to float32 or float64 first.")
    raise TypeError(
        f"{argument} is {describe(values)}: it holds {_KINDS.get(kind, 'no numbers')}; "
        f"bool, integers or floats are wanted. {way}"
    )


def _dimensions(values: Any, argument: str, rows: bool) -> ValueError:
    shape = tuple(values.shape)
    wanted = "(examples, features)" if rows else "(features, examples)"
    way = "Reshape it to two dimensions."
    if len(shape) == 1:
        one, many = ("[:, None]", "[None, :]") if rows else ("[None, :]", "[:, None]")
        way = f"One feature: pass {argument}{one}. One example: pass {argument}{many}."
    elif len(shape) > 2:
        way = f"Flatten each example, for instance {argument}.reshape({shape[0]}, -1)."
    return ValueError(
        f"{argument} is {describe(values)} with {len(shape)} dimensions; two are wanted: "
        f"{wanted}. {way}"
    )
