"""The data sets that come with scikit-learn, as tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.cli.inputs.tables import Columns, columns_of
from dnn_xp.common.messages import optional_package

BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")


def bundled(name: str) -> Columns:
    """A bundled data set by its name; classes that have names are given by them."""
    datasets: Any = optional_package(
        "sklearn.datasets", purpose=f"The data set {name!r}", extra="sklearn"
    )
    loaded = getattr(datasets, f"load_{name}")()
    values = np.asarray(loaded.target)
    if values.ndim == 2:
        targets = {str(each): values[:, j] for j, each in enumerate(loaded.target_names)}
    else:
        names = np.asarray(getattr(loaded, "target_names", ()))
        targets = {"target": names[values] if names.dtype.kind == "U" else values}
    features = dict(zip(map(str, loaded.feature_names), np.asarray(loaded.data).T, strict=True))
    columns = features | targets
    return columns_of(columns, f"{name} (bundled with scikit-learn)", targets=tuple(targets))
