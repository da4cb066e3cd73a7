"""Calls of the public functions, drawn from a seed, each with its check of what comes back."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from fuzz_values import Rng, chance, fingerprint, junk, matrix, one_of, targets, wrapped

import dnn_xp
from dnn_xp.execution.host_memory import NotEnoughMemoryError

# What the docstrings promise; anything else is a finding. Every other ValueError and TypeError of
# the package is an ArgumentError.
DOCUMENTED = (
    dnn_xp.ArgumentError,
    dnn_xp.DivergenceError,
    NotEnoughMemoryError,
    OSError,
    ImportError,
)


class Finding(Exception):  # noqa: N818 - what it is
    """A call that did what it must not do."""


class Fuzz:
    """Draws calls from seeds.

    Parameters
    ----------
    folder : Path
        For the files of the calls.
    libraries : sequence of callables
        Makers of arrays of other libraries.
    """

    def __init__(self, folder: Any, libraries: Any = ()) -> None:
        self.folder, self.libraries = folder, libraries
        self.models: list[dnn_xp.Model] = []
        self._files: WeakKeyDictionary[dnn_xp.Model, bytes] = WeakKeyDictionary()

    def model(self, rng: Rng) -> dnn_xp.Model:
        """One of the last models that were trained."""
        if not self.models:
            X = np.random.default_rng(0).standard_normal((3, 20))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.models.append(dnn_xp.train(X, X[0] > 0, hidden=[2], iterations=1))
        return one_of(rng, self.models)

    def saved(self, rng: Rng) -> bytes:
        """The file of one of these models."""
        model = self.model(rng)
        if model not in self._files:
            model.save(self.folder / "saved")
            self._files[model] = (self.folder / "saved").read_bytes()
        return self._files[model]

    def call(self, seed: int) -> str:
        """Do the call of a seed; what it was and how it ended, or a Finding."""
        rng = np.random.default_rng(seed)
        name, kind = one_of(rng, KINDS)
        before = np.geterr(), np.getbufsize()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                # NumPy's own warnings would come from inside of the library.
                warnings.simplefilter("error", RuntimeWarning)
                ended = kind(self, rng)
        except Finding:
            raise
        except DOCUMENTED as error:
            if not str(error) or len(str(error)) > 4000:
                raise Finding(f"{name}: a message of {len(str(error))} characters") from error
            ended = type(error).__name__
        except Exception as error:
            raise Finding(f"{name}: {type(error).__name__}: {error}") from error
        if (np.geterr(), np.getbufsize()) != before:
            raise Finding(f"{name}: the settings of NumPy changed")
        return f"{name}: {ended}"


@contextmanager
def unchanged(*inputs: Any) -> Any:
    """The inputs are the same after the block, also after an error."""
    before = [fingerprint(each) for each in inputs]
    try:
        yield
    finally:
        if [fingerprint(each) for each in inputs] != before:
            raise Finding("an input was modified")


def finite(what: str, values: Any) -> None:
    """A Finding where numbers are not all finite."""
    if type(values).__module__.partition(".")[0] in ("torch", "array_api_strict"):
        values = values.tolist()
    array = np.asarray(values)
    if array.dtype.kind in "fc" and not np.isfinite(array).all():
        raise Finding(f"{what} is not finite")


# Options: mostly ones that make sense, so that the calls go deep.
OPTIONS: dict[str, tuple[Any, ...]] = {
    "hidden": ([], [2], [3, 2], 4, (1,)),
    "activation": ("tanh", "relu", "gelu", "sigmoid", "leaky_relu", ["tanh", "relu"]),
    "optimizer": ("adam", "lbfgs", "momentum", "gradient_descent", "rmsprop", "nesterov", "adamw"),
    "learning_rate": (0.1, 1e-3, 10.0, 1e30, lambda step: 0.1 / (step + 1)),
    "batch_size": (1, 3, 8, 1000),
    "cost": ("squared_error", "huber", "poisson", "binary_cross_entropy", "softmax_cross_entropy"),
    "output_activation": ("identity", "sigmoid", "softmax", "relu", "exp"),
    "l2": (0, 0.1, 1e30),
    "l1": (0.01, 1e20),
    "ensemble": (1, 2, 3),
    "ensemble_sharing": ("layers", "nothing"),
    "keep_prob": (0.5, [0.9], 1),
    "clip_norm": (1.0, 1e-30),
    "standardize": (True, False),
    "standardize_targets": (True, False),
    "initialization": ("he", "xavier", "zeros", 0.01),
    "dtype": ("float32", "float64"),
    "device": ("cpu", "auto"),
    "examples": ("rows", "columns"),
    "threads": (1, 2),
    "block_size": (1, 4, "auto", 100),
    "validation": (0.3, 0.5),
    "patience": (1, 2),
    "report_every": (1, 2, 50),
    "class_weight": ("balanced", {0: 1.0, 1: 2.0}, {"ant": 3.0}),
    "sample_weight": (np.ones(12), np.arange(12.0), np.zeros(12), [1e300] * 12),
    "seed": (0, 1, 2**40),
    "missing": ("error", "indicator"),
    "callbacks": ([lambda iteration, cost, model: cost < 0.1],),
    "batch_costs": (True, False),
    "precision": ("float32", "bfloat16", "float64"),
    "layout": ("rows", "columns"),
    "validation_part": ("last", "random"),
}


def options(rng: Rng, names: Any = tuple(OPTIONS)) -> dict[str, Any]:
    """A few options, now and then one of junk."""
    chosen = {name: one_of(rng, OPTIONS[name]) for name in names if chance(rng, 0.12)}
    if chance(rng, 0.25):
        chosen[one_of(rng, names)] = junk(rng)
    return chosen


def examples(fuzz: Fuzz, rng: Rng) -> tuple[Any, Any]:
    """X and Y, which may fit each other."""
    n, m = int(rng.integers(1, 5)), 12 if chance(rng, 0.5) else int(rng.integers(1, 40))
    return wrapped(rng, matrix(rng, n, m), fuzz.libraries), targets(rng, m)


def train(fuzz: Fuzz, rng: Rng) -> str:
    """A short training, whose model and predictions are finite."""
    X, Y = examples(fuzz, rng)
    given = options(rng)
    length = "iterations" if given.get("batch_size") is None else "epochs"
    given.setdefault(length, int(rng.integers(0, 4)))
    if given.get("learning_rate") is len:
        del given["learning_rate"]  # a schedule of the user's, whose errors are the user's
    if chance(rng, 0.1):
        given["warm_start"] = fuzz.model(rng)
    with unchanged(X, Y, given.get("sample_weight")):
        model = dnn_xp.train(X, Y, **given)
    finite("theta", model.theta)
    finite("the history", model.history.costs)
    finite("the first cost of validation", model.history.validation_costs[:1])
    fuzz.models = [*fuzz.models[-30:], model]
    fits = {name: given[name] for name in ("examples", "threads") if name in given}
    with unchanged(X):
        finite("a prediction", model.predict(X, **fits))
    return "trained"


def use(fuzz: Fuzz, rng: Rng) -> str:
    """A method of a model, with examples that may fit it."""
    model = fuzz.model(rng)
    n, m = model.sizes[0] + int(chance(rng, 0.1)), int(rng.integers(1, 40))
    X, Y = wrapped(rng, matrix(rng, n, m), fuzz.libraries), targets(rng, m)
    given = options(rng, ("examples", "threads"))
    if not given and chance(rng, 0.3) and isinstance(X, np.ndarray):
        X, given = X.T, {"examples": "rows"}
    method = one_of(rng, ("predict", "predict_proba", "decision_function", "evaluate"))
    with unchanged(X, Y):
        if method == "evaluate":
            finite("the cost", model.evaluate(X, Y, **given).cost)
        else:
            finite(method, getattr(model, method)(X, **given))
    return method


def store(fuzz: Fuzz, rng: Rng) -> str:
    """A model through a file predicts the same."""
    model, path = fuzz.model(rng), fuzz.folder / "stored"
    model.save(path)
    again = dnn_xp.load(path)
    if model.backend.to_host(model.theta).tobytes() != again.theta.tobytes():
        raise Finding("a stored model has other parameters")
    X = np.random.default_rng(0).standard_normal((model.sizes[0], 5))
    if model.encoder is None or model.encoder.plain:
        finite("a prediction", again.predict(X))
    if chance(rng, 0.3):
        dnn_xp.load(junk(rng))
    return "stored"


def plan(fuzz: Fuzz, rng: Rng) -> str:
    """The plan of a training."""
    X, _ = examples(fuzz, rng)
    with unchanged(X):
        given = options(
            rng, [name for name in OPTIONS if name not in ("callbacks", "sample_weight")]
        )
        dnn_xp.plan(X, **given)
    return "planned"


Kind = Callable[[Fuzz, Rng], str]
KINDS: list[tuple[str, Kind]] = [
    *[("train", train)] * 10,
    *[("use", use)] * 6,
    ("store", store),
    ("plan", plan),
]
