"""A user's calls, checked by mypy --strict against the installed wheel, and run: `nox -s types`.

Calls that have to be errors carry the code that they have to be refused with.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

import dnn_xp
from dnn_xp.formulas import ACTIVATIONS, relu


def trains(X: npt.NDArray[np.float32], Y: npt.NDArray[np.bool_]) -> dnn_xp.Model:
    """Train, and look at what was decided."""
    model = dnn_xp.train(X, Y, hidden=[8], iterations=5, device="cpu")
    assert_type(model, dnn_xp.Model)
    assert_type(model.sizes, tuple[int, ...])
    assert model.record is not None
    assert_type(model.record.threads, int)
    assert_type(model.history, dnn_xp.History)
    return model


def predicts(model: dnn_xp.Model, X: npt.NDArray[np.float32], Y: npt.NDArray[np.bool_]) -> None:
    """Arrays are those of whichever library X is of: Any."""
    assert_type(model.predict(X), Any)
    assert_type(model.predict_proba(X.T, examples="rows"), Any)
    evaluation = model.evaluate(X, Y)
    assert_type(evaluation, dnn_xp.Evaluation)
    assert_type(evaluation.cost, float)


def saves_and_loads(model: dnn_xp.Model, folder: Path) -> None:
    """Paths are strings or Path objects."""
    model.save(folder / "model.safetensors")
    model.save(str(folder / "model.safetensors"))
    assert_type(dnn_xp.load(folder / "model.safetensors"), dnn_xp.Model)


def plans() -> None:
    """A plan needs no array."""
    plan = dnn_xp.plan((28, 1_000_000), hidden=[32, 32], batch_size=256)
    assert_type(plan, dnn_xp.Plan)
    assert_type(plan.host_peak_bytes, int)


def goes_forward_and_backward(X: npt.NDArray[np.float64], Y: npt.NDArray[np.float64]) -> None:
    """The formulas themselves."""
    parameters = [(np.eye(2), np.zeros((2, 1))), (np.ones((1, 2)), np.zeros((1, 1)))]
    activations = [ACTIVATIONS["relu"], ACTIVATIONS["identity"]]
    A, caches = dnn_xp.forward(X, parameters, activations, xp=np)
    gradients = dnn_xp.backward(A - Y, caches, activations, m=X.shape[1], xp=np)
    assert_type(gradients, list[tuple[Any, Any]])
    relu(X, xp=np)


def has_to_be_refused(model: dnn_xp.Model, X: Any, Y: Any) -> None:
    """Never called: mypy reports a comment that ignores no error."""
    dnn_xp.train(X, Y, hiden=[8])  # type: ignore[call-arg]
    dnn_xp.train(X, Y, hidden=[8], iterations="5")  # type: ignore[arg-type]
    dnn_xp.train(X, Y, hidden=[8], device=0)  # type: ignore[arg-type]
    dnn_xp.plan((28, 1000), batchsize=256)  # type: ignore[call-arg]
    dnn_xp.load()  # type: ignore[call-arg]
    model.predict()  # type: ignore[call-arg]
    model.save(3)  # type: ignore[arg-type]
    model.accuracy  # type: ignore[attr-defined] # noqa: B018
    relu(X)  # type: ignore[call-arg]
    cost: str = model.evaluate(X, Y).cost  # type: ignore[assignment]
    del cost


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2, 100), dtype=np.float32)
    Y = X[0] > X[1]
    model = trains(X, Y)
    predicts(model, X, Y)
    saves_and_loads(model, Path(sys.argv[1]))
    plans()
    goes_forward_and_backward(X.astype(np.float64), np.where(Y, 1.0, 0.0)[None])
