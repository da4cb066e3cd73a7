"""What comes in: checks of what users pass, and sources of examples made from it.

May import common, formulas and backends.
"""

from __future__ import annotations

from dnn_xp.data.agreement import check_features, check_same_library
from dnn_xp.data.features import as_source, open_path
from dnn_xp.data.finite import block_is_finite, check_cost, check_finite, check_outputs
from dnn_xp.data.host import working_dtype
from dnn_xp.data.readers.files import table_columns
from dnn_xp.data.readers.parquet import ParquetSource
from dnn_xp.data.sources.base import ArraySource, DatasetSource, Source
from dnn_xp.data.sources.labels import LabelSource
from dnn_xp.data.standardize import (
    Moments,
    block_moments,
    finalize_moments,
    merge_moments,
    moments,
    standardize,
)
from dnn_xp.data.targets.kinds import Targets, encode_targets
from dnn_xp.data.targets.weights import encode_weights

__all__ = [
    "ArraySource",
    "DatasetSource",
    "LabelSource",
    "Moments",
    "ParquetSource",
    "Source",
    "Targets",
    "as_source",
    "block_is_finite",
    "block_moments",
    "check_cost",
    "check_features",
    "check_finite",
    "check_outputs",
    "check_same_library",
    "encode_targets",
    "encode_weights",
    "finalize_moments",
    "merge_moments",
    "moments",
    "open_path",
    "standardize",
    "table_columns",
    "working_dtype",
]
