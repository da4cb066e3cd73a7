"""A trained network: its parameters, the record of its training, predictions and scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from dnn_xp.backends.choice import OTHERS, DeviceRecord, backend_named, choose_backend
from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.backends.precision import with_precision
from dnn_xp.backends.record import Backend
from dnn_xp.common.contexts import in_own_context
from dnn_xp.common.errors import Argument, ArgumentValueError
from dnn_xp.common.messages import counted, optional_package, unknown_name
from dnn_xp.data.agreement import check_features
from dnn_xp.data.encoding import TableEncoder
from dnn_xp.data.finite import check_cost, check_finite, check_outputs
from dnn_xp.data.given import Given, examples_of, take_given
from dnn_xp.data.quantiles import Binned, scaled_by
from dnn_xp.data.sources.base import Source
from dnn_xp.data.targets.kinds import encode_targets
from dnn_xp.data.targets.weights import encode_weights
from dnn_xp.execution.block_size import block_size_of
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.objective import Objective
from dnn_xp.execution.placement import convert, place
from dnn_xp.execution.scoring import Evaluation, score
from dnn_xp.execution.threads import threads_used
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.parameters import flatten, unflatten
from dnn_xp.formulas.theta import (
    member_parameters,
    mixes_in,
    periodic_parameters,
    tables_in,
)
from dnn_xp.formulas.types import Array
from dnn_xp.model.exports import Exports
from dnn_xp.model.history import History, StopReason
from dnn_xp.model.storage import load_model, save_model
from dnn_xp.model.summary import model_html, model_repr, model_table


@dataclass(frozen=True, slots=True, weakref_slot=True, repr=False, eq=False)
class Model(Exports):
    """A trained network. It does not change: training further gives a new one.

    Every method that takes X accepts what :func:`dnn_xp.train` accepts: arrays of NumPy, CuPy,
    PyTorch, JAX, data frames, datasets and paths, (n_0, m) or with ``examples="rows"`` (m, n_0).
    Tables (data frames, Arrow tables, CSV and Parquet files) have their examples in rows; a model
    that was trained on one takes the columns by name, whatever their order. It computes where the
    model lives, and results come back in the library and on the device of that X.

    Attributes
    ----------
    theta : array (p,)
        All parameters, flat: W[1] row by row, b[1], W[2], ...; E of embeddings; s of an ensemble.
    network : Network
        Sizes, activations, cost.
    backend : Backend
        Where the model lives.
    kind : str
        "binary", "multiclass", "multilabel" or "regression".
    classes : NumPy array or None
        The labels that the outputs stand for.
    standardization : pair of NumPy arrays (n_x, 1) or None
        Mean and scale that X is standardized with before the first layer; with a piecewise encoding
        of numbers the edges of their bins and what X is scaled by follow.
    target_standardization : pair of NumPy arrays (n_L, 1) or None
        Mean and scale of Y, of a regression that learned (Y - mean) / scale. Predictions and costs
        are in the units of Y all the same.
    flat_targets : bool
        Whether Y was one-dimensional; a regression then predicts (m,).
    history : History
        Figures of the training.
    record : DeviceRecord or None
        Where it was trained, what had been asked for, and why they differ when they do.
    settings : dict
        The other arguments of the training, defaults resolved.
    stopped : StopReason or None
        Why the training ended; None of a model that a callback gets, or that was put together.
    encoder : TableEncoder or None
        How the columns of a table become features: names, categories, what stands for missing
        numbers. None of a model that was trained on arrays.
    target_range : pair of NumPy arrays (n_L, 1) or None
        The lowest and the highest value that a regression predicts, of a training with clamp_outputs.

    Examples
    --------
    >>> import numpy as np, dnn_xp
    >>> X = np.random.default_rng(0).standard_normal((2, 200))
    >>> model = dnn_xp.train(X, X[0] * X[1] > 0, hidden=[8], iterations=200)
    >>> model.evaluate(X, X[0] * X[1] > 0).accuracy > 0.9
    True
    """

    theta: Array
    network: Network
    backend: Backend
    kind: str
    classes: np.ndarray | None = None
    standardization: tuple[np.ndarray, np.ndarray] | Binned | None = None
    target_standardization: tuple[np.ndarray, np.ndarray] | None = None
    flat_targets: bool = True
    history: History = field(default_factory=History)
    record: DeviceRecord | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    stopped: StopReason | None = None
    encoder: TableEncoder | None = None
    target_range: tuple[np.ndarray, np.ndarray] | None = None

    def __post_init__(self) -> None:
        # Read-only where the library can do that, against changes by accident.
        pairs = self.standardization, self.target_standardization, self.target_range
        moments = [array for pair in pairs for array in pair or ()]
        for array in (self.theta, self.classes, *moments):
            if isinstance(array, np.ndarray):
                array.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        # The backend goes by name: pickle refuses its functions and modules.
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        given["theta"] = self.backend.to_host(self.theta)
        given["backend"] = (self.backend.library, self.backend.device_name)
        return _unpickled, (given,)

    @property
    def parameters(self) -> list[tuple[Array, Array]]:
        """[(W[1], b[1]), ..., (W[L], b[L])]: (n_l, n_{l-1}) and (n_l, 1), where the model lives.

        Layers of which each of k members of an ensemble has its own are one below the other,
        (k n_l, n_{l-1}) and (k n_l, 1); `members` has them apart.
        """
        network = self.network
        return unflatten(self.theta, network.sizes, copies=network.copies, xp=self.backend.xp)

    @property
    def members(self) -> tuple[Model, ...]:
        """The networks of an ensemble, each a model by itself; of any other model itself alone.

        A member has the factors of its features in W[1], and no history.
        """
        if self.network.ensemble is None:
            return (self,)
        xp = self.backend.xp
        alone = self.network._replace(ensemble=None, scaling_layer=False)
        said = ("kept_iteration", "ensemble", "ensemble_sharing")
        settings = {name: each for name, each in self.settings.items() if name not in said}
        return tuple(
            replace(
                self,
                theta=flatten([each for part in parameters for each in part], xp=xp),
                network=alone,
                history=History(),
                settings=settings,
                stopped=None,
            )
            for parameters in member_parameters(self.theta, self.network, xp=xp)
        )

    @property
    def mixes(self) -> list[Array]:
        """[a[1], ..., a[L-1]], each (n_l, 1), of a parametric activation; [] of others.

        Of members with layers of their own one below the other, (k n_l, 1).
        """
        return mixes_in(self.theta, self.network, xp=self.backend.xp)

    @property
    def embeddings(self) -> dict[str, Array]:
        """E (dimension, categories) of each column that is embedded, by its name.

        The columns of E are those of the categories in ``encoder.codes``, of all others together, and
        of missing entries.
        """
        network, encoder = self.network, self.encoder
        if encoder is None or not network.embeddings:
            return {}
        tables = tables_in(self.theta, network, xp=self.backend.xp)
        return dict(zip(encoder.embedded, tables, strict=True))

    @property
    def periodic(self) -> tuple[Array, ...]:
        """(w, b, V, c) of the periodic encoding of numbers, see :mod:`dnn_xp.formulas`; () without one.

        w and b are (n, 16), V is (n, 3, 16) and c is (n, 3), of the n features that are encoded; of
        members that share nothing one below the other, of k n.
        """
        found = periodic_parameters(self.theta, self.network, xp=self.backend.xp)
        return tuple(found[0]) if found else ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns that the model was trained on; () for arrays and tables without names."""
        named = self.encoder is not None and self.encoder.named
        return self.encoder.names_in if self.encoder is not None and named else ()

    @property
    def target_name(self) -> str:
        """The column of the table that is predicted; "" where Y was given by itself."""
        names = self.settings.get("target_names") or [""]
        return str(names[0]) if len(names) == 1 else ""

    @property
    def sizes(self) -> tuple[int, ...]:
        """n_0, ..., n_L; n_0 counts what embeddings make of a category, and an encoding of a number."""
        return self.network.sizes

    @property
    def activations(self) -> tuple[str, ...]:
        """Names of g[1], ..., g[L]."""
        return tuple(activation.name for activation in self.network.activations)

    @property
    def cost(self) -> str:
        """Name of the cost."""
        return self.network.cost.name

    @property
    def dtype(self) -> str:
        """The dtype that the model computes in, "float32" or "float64"; X is turned into it block by block."""
        return str(self.theta.dtype).rpartition(".")[2]

    def decision_function(
        self, X: Any, *, examples: str | None = None, threads: int | None = None
    ) -> Array:
        """Z[L], what the output activation is applied to: (n_L, m), or (m, n_L) with examples="rows".

        Of an ensemble the Z[L] whose activation is the mean of its members': the log-odds, or the
        logarithms, of mean probabilities; the mean of values.

        Of a regression with standardized targets it is in the units of Y: Z[L] * scale + mean; of one
        trained with clamp_outputs it is kept within target_range, as predictions are.
        """
        return self._as_given(self._outputs(X, examples, threads), X, examples)

    def predict_proba(
        self, X: Any, *, examples: str | None = None, threads: int | None = None
    ) -> Array:
        """A[L], the probabilities: (n_L, m), or (m, n_L) with examples="rows".

        One row for two classes: the probability of ``classes[1]``. One row a class or label
        otherwise.

        Raises
        ------
        ValueError
            For a regression, which has no probabilities.
        """
        if self.kind == "regression":
            raise ArgumentValueError(
                "model",
                ("a regression, with ", Argument("cost", self.cost)),
                "one of classes or labels, which have probabilities",
                "use predict",
            )
        return self._as_given(self._activate(self._outputs(X, examples, threads)), X, examples)

    def predict(self, X: Any, *, examples: str | None = None, threads: int | None = None) -> Array:
        """Labels, or values for a regression.

        Returns
        -------
        array
            Two or more classes: the labels (m,), by the larger probability. Several labels at once:
            0 and 1, (n_L, m). Regression: values (n_L, m), or (m,) when Y was one-dimensional.
            (n_L, m) becomes (m, n_L) with ``examples="rows"``.
        """
        Z = self._outputs(X, examples, threads)
        xp = self.backend.xp
        if self.kind == "regression":
            A = self._activate(Z)
            return (
                convert(A[0, :], self.backend, X)
                if self.flat_targets
                else self._as_given(A, X, examples)
            )
        if self.kind == "multilabel":
            return self._as_given(xp.astype(Z > 0, xp.int32), X, examples)
        codes = xp.astype(Z[0, :] > 0, xp.int32) if self.kind == "binary" else xp.argmax(Z, axis=0)
        labels = self._classes()[self.backend.to_host(codes)]
        # Nothing is computed: no BLAS is loaded for it.
        return labels if labels.dtype.kind in "US" else convert(labels, numpy_backend("numpy"), X)

    @in_own_context
    def evaluate(
        self,
        X: Any,
        Y: Any,
        *,
        examples: str | None = None,
        sample_weight: Any = None,
        threads: int | None = None,
    ) -> Evaluation:
        """Cost and accuracy (classification) or R2 (regression), in one pass over blocks.

        Both are those of the mean prediction of an ensemble. Its training minimizes, and its
        ``history.costs`` are, the mean of the members' costs, which is no lower.

        Returns
        -------
        Evaluation
            ``.cost`` without penalties, and ``.accuracy`` or ``.r2``.
        """
        brought = self._checked(X, examples, Y)
        source = brought.X
        targets, weights = targets_for(self, brought, sample_weight)
        given = Examples(
            place(source, self.backend),
            place(targets, self.backend),
            None if weights is None else place(weights, self.backend),
        )
        with self._at_work(threads) as objective:
            found = score(objective, self.theta, given, self.kind)
        check_cost(found.cost, self.dtype)
        return found

    def summary(self) -> None:
        """Print the layers, their shapes and parameter counts, and everything that was decided in the training."""
        print(model_table(self))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to one safetensors file, whole or not at all; :func:`dnn_xp.load` reads it.

        Raises
        ------
        OSError
            When it cannot be written, as on a full disk or in a read-only folder; it names the path.
        """
        save_model(self, path)

    def to(self, device: str, *, fallback: bool = True) -> Model:
        """The same model on "cpu", "cuda", "cuda:N", or in the arrays of "torch", "jax", "numpy" or "cupy"."""
        allowed = ("cpu", "cuda", "cuda:1", "numpy", "cupy", "torch", "jax")
        given: Any = device
        if not isinstance(given, str):
            raise unknown_name("device", given, allowed)
        if device in ("torch", "jax", "numpy", *OTHERS):
            if device in ("torch", "jax"):
                optional_package(device, purpose=f"device={device!r}", extra=device)
            backend = backend_named(device)
        elif device in ("auto", "cpu", "cupy") or device.startswith("cuda"):
            named = "cuda" if device == "cupy" else device
            backend, _ = choose_backend(named, None, fallback=fallback)
        else:
            raise unknown_name("device", device, allowed)
        theta = backend.from_host(self.backend.to_host(self.theta))
        return replace(self, theta=theta, backend=backend)

    def __repr__(self) -> str:
        return model_repr(self)

    def _repr_html_(self) -> str:
        return model_html(self)

    def _classes(self) -> np.ndarray:
        # Binary and multiclass models always have classes, which the type checker cannot know.
        return np.asarray([0, 1]) if self.classes is None else self.classes

    def _checked(self, X: Any, examples: str | None, Y: Any = None) -> Given:
        given = given_for(self, X, Y, examples)
        as_it_is = scaled_by(self.standardization) == "none"
        check_finite(given.X, "X", within=self.dtype if as_it_is else None)
        return given

    @in_own_context
    def _outputs(self, X: Any, examples: str | None, threads: int | None) -> Array:
        source = place(self._checked(X, examples).X, self.backend)
        with self._at_work(threads) as objective:
            Z = objective.decision_function(self.theta, source)
        check_outputs(Z, self.dtype)
        return Z

    @contextmanager
    def _at_work(self, threads: int | None) -> Iterator[Objective]:
        precise = with_precision(self.backend, self.dtype)
        with (
            precise.active(),
            Engine(threads_used(threads, self.backend)) as engine,
            # Overflows give no warning here: check_outputs refuses them afterwards.
            np.errstate(over="ignore", invalid="ignore"),
        ):
            yield _objective(self).using(engine)

    def _activate(self, Z: Array) -> Array:
        # exp overflows where Z is still finite.
        with np.errstate(over="ignore"):
            A = self.network.activations[-1].forward(Z, xp=self.backend.xp)
        check_outputs(A, self.dtype)
        return A

    def _as_given(self, values: Array, X: Any, examples: str | None) -> Array:
        rows = examples_of(X, examples) == "rows"
        return convert(values.T if rows else values, self.backend, X)


def given_for(model: Model, X: Any, Y: Any = None, examples: str | None = None) -> Given:
    """X as a source of the model's features, which are not checked for NaN yet; Y apart from it."""
    given = take_given(X, Y, examples=examples, encoder=model.encoder, target=model.target_name)
    check_features(given.X, model.network.n_x, examples=given.examples)
    return given


def targets_for(
    model: Model, given: Given, sample_weight: Any = None
) -> tuple[Source, Source | None]:
    """Targets (n_L, m) and weights (1, m) of examples that a model is scored on."""
    targets = encode_targets(
        given.Y,
        m=given.X.m,
        n_x=given.X.n,
        examples=given.examples,
        cost=model.cost,
        output_activation=model.activations[-1],
        classes=model.classes,
        dtype=model.dtype,
    )
    if targets.n_y != model.sizes[-1]:
        raise ArgumentValueError(
            "Y",
            f"{counted(targets.n_y, 'output')} per example",
            f"targets of {counted(model.sizes[-1], 'output')}, as the model has",
        )
    weights = encode_weights(sample_weight, m=given.X.m, dtype=model.dtype)
    return targets.source, weights


# Compiled objectives of models in use: jit compiles once, not once a call.
_OBJECTIVES: WeakKeyDictionary[Model, Objective] = WeakKeyDictionary()


def _objective(model: Model) -> Objective:
    if model not in _OBJECTIVES:
        _OBJECTIVES[model] = objective_for(model)
    return _OBJECTIVES[model]


def objective_for(model: Model, made: Callable[..., Objective] = Objective) -> Objective:
    """What scores and predicts with a model; `made` takes the arguments of `Objective`."""
    return made(
        model.network,
        model.backend,
        dtype=model.dtype,
        block_size=block_size_of("auto", model.network, dtype=model.dtype, backend=model.backend),
        standardization=model.standardization,
        target_standardization=model.target_standardization,
        orientation=model.settings.get("layout"),
        target_range=model.target_range,
    )


def _unpickled(given: dict[str, Any]) -> Model:
    """The inverse of Model.__reduce__."""
    backend = backend_named(*given["backend"])
    return Model(**given | {"theta": backend.from_host(given["theta"]), "backend": backend})


def load(path: str | PathLike[str], *, device: str | None = None, fallback: bool = True) -> Model:
    """Read a model that :meth:`Model.save` wrote.

    Parameters
    ----------
    path : str or path
        The file.
    device : str, optional
        Where the model shall live, as in :func:`dnn_xp.train`; the CPU when left out.
    fallback : bool
        Whether to fall back to the CPU, with a warning, when CUDA cannot be used.

    Returns
    -------
    Model

    Raises
    ------
    OSError
        When there is no such file, or no right to read it.
    ValueError
        When it is no dnn_xp model, or not the file that was saved: a digest covers every bit.

    Examples
    --------
    >>> import numpy as np, dnn_xp, pathlib, tempfile
    >>> X = np.random.default_rng(0).standard_normal((2, 50))
    >>> model = dnn_xp.train(X, X[0] > X[1], hidden=[3], iterations=50)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(pathlib.Path(folder, "model.safetensors"))
    ...     again = dnn_xp.load(pathlib.Path(folder, "model.safetensors"))
    >>> bool((again.predict(X) == model.predict(X)).all())
    True
    """
    model = Model(**load_model(path))
    return model if device is None else model.to(device, fallback=fallback)
