"""Other libraries, at their own defaults, on two threads.

What they ask of their users is done for them: scikit-learn's MLP gets numbers and Y standardized and
categories one-hot, as its guide advises; boosting gets categories as such. RealMLP selects its epoch
by the validation part; the others have no use for one and train on all rows.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.accuracy.methods import THREADS, Fit
from benchmarks.accuracy.splits import Split


def fit(model: Any, split: Split, **more: Any) -> Fit:
    """Fit and predict."""
    return lambda: np.asarray(model.fit(split.X, split.y, **more).predict(split.X_test))


def mlp(split: Split) -> Fit:
    """scikit-learn's MLP."""
    from sklearn.compose import TransformedTargetRegressor, make_column_selector
    from sklearn.compose import make_column_transformer as by_column
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    encoded = by_column(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
        sparse_threshold=0,
    )
    if split.classes:
        network: Any = MLPClassifier(random_state=split.seed)
    else:
        network = TransformedTargetRegressor(
            MLPRegressor(random_state=split.seed), transformer=StandardScaler()
        )
    return fit(make_pipeline(encoded, network), split)


def boosting(split: Split) -> Fit:
    """scikit-learn's HistGradientBoosting."""
    from sklearn import ensemble

    kind = "Classifier" if split.classes else "Regressor"
    return fit(getattr(ensemble, f"HistGradientBoosting{kind}")(random_state=split.seed), split)


def lightgbm(split: Split) -> Fit:
    """LightGBM."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMClassifier if split.classes else LGBMRegressor
    return fit(kind(random_state=split.seed, n_jobs=THREADS, verbose=-1), split)


def realmlp(split: Split, variant: str) -> Fit:
    """RealMLP of pytabkit, which keeps the epoch with the lowest error on the validation part."""
    import pytabkit

    kind = "Classifier" if split.classes else "Regressor"
    model = getattr(pytabkit, f"RealMLP_{variant}_{kind}")(
        device="cpu", n_threads=THREADS, random_state=split.seed
    )
    return fit(model, split, val_idxs=split.set_aside)


METHODS = {
    "scikit-learn MLP": mlp,
    "HistGradientBoosting": boosting,
    "LightGBM": lightgbm,
    "RealMLP-TD-S": partial(realmlp, variant="TD_S"),
    "RealMLP-TD": partial(realmlp, variant="TD"),
}
