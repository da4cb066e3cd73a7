"""X as a source of examples: arrays, datasets, data frames, nested lists, files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import array_api_compat as compat
import numpy as np

from dnn_xp.common.checks import check_examples
from dnn_xp.common.errors import Argument, ArgumentTypeError, ArgumentValueError, Pass
from dnn_xp.common.messages import describe
from dnn_xp.data.host import is_array, library, numpy_dtype
from dnn_xp.data.readers.files import open_file
from dnn_xp.data.readers.parquet import ParquetSource
from dnn_xp.data.readers.tables import NUMERIC_KINDS, Table, frame_matrix, is_frame, table_matrix
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
        bool stay as they are; the engine computes with them in float32 (see `working_dtype`).
    argument : str
        Its name in errors.
    examples : {"columns", "rows"}
        Where the examples are.

    Returns
    -------
    Source
        Without a copy, except for lists and for data frames of several dtypes.

    Raises
    ------
    ArgumentTypeError
        For None, sparse matrices, objects, text, complex numbers, tensors that record gradients.
    ArgumentValueError
        For a wrong number of dimensions, no examples, no features, masked entries.

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
        raise ArgumentValueError(
            argument,
            (f"{source.n} features and {source.m} examples with ", Argument("examples", examples)),
            "at least one example of at least one feature",
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
        Its name in errors.

    Raises
    ------
    FileNotFoundError, ValueError, TypeError, ImportError
        No such file; an unknown suffix, key or column; no numbers in it; a missing package.
    """
    rows = check_examples(examples)
    opened = open_file(path, argument=argument, key=key, columns=columns)
    if isinstance(opened, (Table, ParquetSource)):
        if not rows:
            raise ArgumentValueError(
                argument,
                f"the table {os.fspath(path)!r}, which has one example per line",
                ("a file of arrays with ", Argument("examples", "columns")),
                (Pass("examples", "rows"),),
            )
        if isinstance(opened, Table):
            opened = table_matrix(opened, argument=argument, where=repr(os.fspath(path)))
    return as_source(opened, argument=argument, examples=examples)


def as_values(obj: Any, *, argument: str, wanted: str = _WANTED) -> Any:
    """An array or dataset with shape, dtype and slicing; lists and data frames as NumPy arrays."""
    module = type(obj).__module__
    if obj is None:
        raise ArgumentTypeError(argument, "None", wanted)
    if {"sparse", "_sparse"} & set(module.split(".")):
        raise ArgumentTypeError(
            argument,
            f"{describe(obj)}, which is sparse",
            "a dense array",
            f"pass {argument}.toarray() if that fits in memory",
        )
    if is_frame(obj):
        return frame_matrix(obj, argument=argument)
    if isinstance(obj, (list, tuple)):
        return _from_list(obj, argument)
    if isinstance(obj, np.ma.MaskedArray):
        masked = int(np.ma.count_masked(obj))  # type: ignore[no-untyped-call]  # NumPy's stubs
        if masked:
            raise ArgumentValueError(
                argument,
                f"a masked array with {masked} of them",
                "an array without masked entries",
                f"fill them ({argument}.filled(value)), or leave these examples out",
            )
        return np.asarray(obj.data)
    if isinstance(obj, np.matrix):
        return np.asarray(obj)
    if compat.is_torch_array(obj):
        if obj.requires_grad:
            raise ArgumentTypeError(
                argument,
                "a torch tensor that requires grad",
                "a tensor that records no gradient",
                f"pass {argument}.detach()",
            )
        if "strided" not in str(obj.layout):
            raise ArgumentTypeError(
                argument,
                f"a sparse tensor ({obj.layout})",
                "a dense array",
                f"pass {argument}.to_dense() if that fits in memory",
            )
    if is_array(obj):
        return obj
    if isinstance(obj, (dict, set, str, bytes)) or not all(
        hasattr(obj, name) for name in ("shape", "dtype", "__getitem__")
    ):
        raise ArgumentTypeError(
            argument,
            describe(obj),
            f"{wanted}, or a dataset with shape, dtype and slicing, a data frame, nested lists, "
            "or the path of a file",
        )
    return obj


def _from_list(obj: Any, argument: str) -> Any:
    """np.asarray of nested lists; lists of another library's tensors are refused."""
    if len(obj) and not isinstance(obj[0], np.ndarray) and compat.is_array_api_obj(obj[0]):
        raise ArgumentTypeError(
            argument,
            f"a {type(obj).__name__} of {library(obj[0])} arrays",
            "one array",
            "stack them first",
        )
    try:
        return np.asarray(obj)
    except ValueError as error:
        raise ArgumentValueError(
            argument, f"{describe(obj)} whose entries differ in length", _WANTED
        ) from error


def check_kind(values: Any, *, argument: str) -> None:
    """Raise ArgumentTypeError unless the values are bool, integers or floats."""
    try:
        kind: str = numpy_dtype(values.dtype).kind
    except TypeError:
        kind = "unknown"
    if kind in NUMERIC_KINDS:
        return
    way = {
        "c": f"pass its parts, for instance the stacked {argument}.real and {argument}.imag",
        "O": f"convert it: {argument}.astype(float)",
        "U": "encode text as numbers first",
    }.get(kind, "convert it to float32 or float64 first")
    raise ArgumentTypeError(
        argument,
        f"{describe(values)}, which holds {_KINDS.get(kind, 'no numbers')}",
        "an array of bool, integers or floats",
        way,
    )


def _dimensions(values: Any, argument: str, rows: bool) -> ArgumentValueError:
    shape = tuple(values.shape)
    wanted = "(examples, features)" if rows else "(features, examples)"
    way = "reshape it to two dimensions"
    if len(shape) == 1:
        one, many = ("[:, None]", "[None, :]") if rows else ("[None, :]", "[:, None]")
        way = f"one feature: pass {argument}{one}. One example: pass {argument}{many}"
    elif len(shape) > 2:
        way = f"flatten each example, for instance {argument}.reshape({shape[0]}, -1)"
    return ArgumentValueError(argument, describe(values), f"two-dimensional, {wanted}", way)
