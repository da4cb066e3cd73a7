"""train: from arrays to a Model. It assembles; the parts are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dnn_xp.backends import Backend, choose_backend, compiled, with_precision
from dnn_xp.common.checks import check_float, check_int
from dnn_xp.common.messages import describe
from dnn_xp.data.host import is_array
from dnn_xp.execution.block_size import block_size_of, gradient_flops
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.objective import Objective, Penalties
from dnn_xp.execution.scoring import score
from dnn_xp.execution.threads import threads_used
from dnn_xp.formulas.optimizers import Optimizer
from dnn_xp.formulas.types import Array
from dnn_xp.model.model import Model
from dnn_xp.training.batches import Batches
from dnn_xp.training.descent import Descent, Schedule, Updates, full_batch, mini_batches
from dnn_xp.training.initial import check_warm_start, initial_parameters
from dnn_xp.training.inputs import Intake, dtype_of, finite_or_standardized, take_in
from dnn_xp.training.lbfgs import lbfgs
from dnn_xp.training.memory import plan_training
from dnn_xp.training.options import (
    Steps,
    build_network,
    keep_probabilities,
    optimizer_vectors,
    steps,
    yes_or_no,
)
from dnn_xp.training.progress import Progress
from dnn_xp.training.recorder import Callback, Recorder

# What settings["stopped_because"] says of a model that Ctrl-C cut short.
INTERRUPTED = "interrupted by Ctrl-C; the parameters of the last report were kept"


def train(
    X: Any,
    Y: Any,
    *,
    examples: str = "columns",
    hidden: str | Sequence[int] = "auto",
    activation: str | Sequence[str] = "relu",
    output_activation: str | None = None,
    cost: str | None = None,
    optimizer: str | Optimizer = "adam",
    learning_rate: float | Schedule | None = None,
    iterations: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    l2: float = 0.0,
    l1: float = 0.0,
    keep_prob: float | Sequence[float] = 1.0,
    clip_norm: float | None = None,
    initialization: str | Sequence[tuple[Any, Any]] = "auto",
    initial_scale: float = 0.01,
    seed: int = 0,
    sample_weight: Any = None,
    validation: Any = None,
    patience: int | None = None,
    standardize: bool = False,
    warm_start: Model | None = None,
    callbacks: Sequence[Callback] = (),
    report_every: int = 1,
    verbose: bool = False,
    device: str | None = None,
    fallback: bool = True,
    dtype: str | None = None,
    precision: str | None = None,
    block_size: str | int = "auto",
    threads: int | None = None,
    compile: bool = False,
) -> Model:
    """Train a deep fully connected network: [LINEAR -> g] x (L-1) -> LINEAR -> output.

    Minimises ``J = (1/m) sum over examples of weight * loss + l2/(2m) sum W^2 + l1/m sum |W|``.
    Without ``batch_size`` every update uses the exact gradient over all m examples, summed over
    blocks in bounded memory; the same seed then gives the same bits whatever the number of threads.

    Parameters
    ----------
    X : array (n_x, m), dataset, data frame or path
        Examples as columns; (m, n_x) with ``examples="rows"``, without a copy. NumPy, CuPy,
        PyTorch, JAX or array-api-strict arrays; pandas or polars frames; np.memmap, HDF5, Zarr, or
        a path. .npy, .h5, .zarr and .parquet files are read block by block and may be larger than
        memory; .npz and .csv files are loaded.
    Y : array (m,) or (n_y, m)
        Labels (integers, bool, text) or values (floats); floats that are all 0.0 or 1.0 are labels.
        One label each: two classes (sigmoid) or more (softmax). Columns of 0 and 1: one-hot
        classes, or several labels at once.
    examples : {"columns", "rows"}
        Where the examples are, in X and in a two-dimensional Y.
    hidden : "auto" or sequence of int
        Units of each hidden layer; "auto" is (64, 32); () is logistic or linear regression.
    activation : str or sequence of str
        relu, tanh, sigmoid, leaky_relu, elu, gelu, silu, softplus, identity: one for all hidden
        layers, or one each.
    output_activation, cost : str, optional
        Chosen from Y unless given: sigmoid with binary_cross_entropy, softmax with
        softmax_cross_entropy, identity with squared_error. Others: huber (identity), poisson (exp);
        squared_error and huber go with any elementwise output activation.
    optimizer : str or Optimizer
        gradient_descent, momentum, nesterov, rmsprop, adam, adamw, lbfgs (full batch only),
        or one made by its factory in :mod:`dnn_xp.formulas` with hyper-parameters of your own.
    learning_rate : float or callable, optional
        A rate, or a schedule from :mod:`dnn_xp.formulas` (iteration -> rate). When left out: 0.01
        for the adaptive optimizers on full batches and 0.001 on mini-batches, 0.1 for gradient
        descent, 0.05 with momentum.
    iterations : int, optional
        Full-batch updates; 300 when left out (200 for lbfgs).
    epochs : int, optional
        With ``batch_size``: passes over the examples; 20 when left out.
    batch_size : int, optional
        Examples of a mini-batch; left out, every update uses all examples.
    l2, l1 : float
        Penalties on W, divided by the number of training examples as in the course and in
        scikit-learn.
    keep_prob : float or sequence of float
        Inverted dropout: probability of keeping a unit, one for all hidden layers or one each.
    clip_norm : float, optional
        Largest norm of the gradient; a longer one is scaled down to it.
    initialization : str or list of (W, b)
        auto (follows the activation), he, xavier, lecun, normal, zeros, ...; or arrays.
    initial_scale : float
        Standard deviation for ``initialization="normal"``.
    seed : int
        Of the initial weights, shuffles, splits and dropout masks, all drawn on the host.
    sample_weight : array (m,), optional
        Weights of the examples; only their ratios matter.
    validation : float or pair (X, Y), optional
        Validation examples, or the fraction of the examples to set aside: a random one (copied)
        when they are in memory, the last ones of a file.
    patience : int, optional
        Stop after this many reports in a row without a lower validation cost (without validation:
        training cost) and keep the best parameters.
    standardize : bool
        Subtract each feature's mean and divide by its standard deviation, both from one exact pass
        over the training examples and kept in the model, which then takes raw X.
    warm_start : Model, optional
        Start from its parameters, with its architecture, classes and standardization.
    callbacks : sequence of callable
        Called with (iteration, cost, model) at each report; a true answer stops the training.
    report_every : int
        Iterations (full batch) or epochs (mini-batches) between reports. The reported cost is
        always that of all training examples: free on full batches without dropout, one forward pass
        otherwise.
    verbose : bool
        A progress bar (tqdm where installed, else plain lines); nothing is printed otherwise.
    device : None, "auto", "cpu", "cuda" or "cuda:N"
        Where to compute. None and "auto": where the arrays are; host arrays and files on the CPU,
        or with CUDA from the size on where that was measured to be faster, see docs/devices.md.
    fallback : bool
        When CUDA cannot be used: True goes on with the CPU after a DeviceFallbackWarning, False is
        a RuntimeError.
    dtype : {"float32", "float64"}, optional
        What is computed in. Left out: that of X when it is one of these, float32 for anything else.
    precision : {"float32", "float64", "tf32", "bfloat16"}, optional
        What layers are computed in; left out, the dtype. tf32 (CUDA GPUs) rounds the operands of
        products to 10 bits of mantissa, bfloat16 (PyTorch, JAX, CuPy) all arrays of a block to 7.
        Parameters, updates, costs and sums stay in float32, and so do predictions.
    block_size : "auto" or int
        Examples of a block.
    threads : int, optional
        How many work at once on the CPU, each on a block; left out: all CPUs this process may use,
        or OMP_NUM_THREADS if smaller.
    compile : bool
        PyTorch tensors: run the step of a block through torch.compile, which takes seconds to a
        minute at first. JAX always compiles; NumPy and CuPy never do.

    Returns
    -------
    Model
        Its ``record``, ``settings`` and ``summary()`` say what was decided. Ctrl-C returns the
        model so far.

    Raises
    ------
    TypeError, ValueError
        For arguments that cannot be used, naming the argument, what came, what is wanted, and the
        way out.
    DivergenceError
        When the cost becomes NaN or infinite; its ``model`` is the last good one.
    RuntimeError
        When CUDA cannot be used and ``fallback=False``.

    Examples
    --------
    >>> import numpy as np, dnn_xp
    >>> X = np.random.default_rng(0).standard_normal((2, 500))
    >>> Y = (X[0] ** 2 + X[1] ** 2 < 1).astype(int)
    >>> model = dnn_xp.train(X, Y, hidden=[16, 8], iterations=300)
    >>> model
    Model(2-16-8-1, binary, relu/sigmoid, cost 0.0..., numpy on cpu)
    >>> model.predict(X).shape
    (500,)
    """
    check_warm_start(
        warm_start,
        hidden=hidden,
        activation=activation,
        output_activation=output_activation,
        cost=cost,
        initialization=initialization,
    )
    _check_callbacks(callbacks)
    standardize = yes_or_no("standardize", standardize)
    rng = np.random.default_rng(check_int("seed", seed, at_least=0))
    dtype = dtype_of(precision, dtype)
    intake = take_in(
        X,
        Y,
        examples=examples,
        cost=cost if warm_start is None else warm_start.cost,
        output_activation=output_activation if warm_start is None else warm_start.activations[-1],
        classes=None if warm_start is None else warm_start.classes,
        features=None if warm_start is None else warm_start.sizes[0],
        sample_weight=sample_weight,
        validation=validation,
        dtype=dtype,
        rng=rng,
    )
    plan = steps(optimizer, learning_rate, iterations, epochs, batch_size, intake.X.m)
    targets = intake.targets
    if warm_start is None:
        network = build_network(
            intake.X.n,
            targets.n_y,
            hidden,
            activation,
            targets.output_activation,
            targets.cost,
            keep_prob,
        )
    else:
        network = warm_start.network._replace(
            keep_probs=keep_probabilities(keep_prob, len(warm_start.sizes) - 2)
        )
        if targets.n_y != network.sizes[-1]:
            msg = (
                f"Y has {targets.n_y} outputs per example and the warm_start model has "
                f"{network.sizes[-1]}"
            )
            raise ValueError(msg)
    if plan.is_lbfgs and (
        network.keep_probs
        or clip_norm is not None
        or learning_rate is not None
        or precision in ("tf32", "bfloat16")
    ):
        msg = (
            "optimizer='lbfgs' takes no keep_prob, clip_norm, learning_rate or lower precision: "
            "its line search needs the exact cost"
        )
        raise ValueError(msg)
    penalties = Penalties(
        check_float("l2", l2, at_least=0.0), check_float("l1", l1, at_least=0.0), intake.X.m
    )
    if clip_norm is not None:
        clip_norm = check_float("clip_norm", clip_norm, above=0.0)
    if patience is not None:
        patience = check_int("patience", patience, at_least=1)
    report_every = check_int("report_every", report_every, at_least=1)
    if warm_start is None:
        start = initial_parameters(network, initialization, rng=rng, scale=initial_scale)
    else:
        start = warm_start.backend.to_host(warm_start.theta)
    array = X if is_array(X) else None
    at_once = plan.batch_size or intake.X.m
    backend, record = choose_backend(
        device, array, fallback=fallback, step_operations=gradient_flops(network.sizes, at_once)
    )
    backend = compiled(backend) if compile else backend
    precision = precision or intake.dtype
    precise = with_precision(backend, precision)
    threads = threads_used(threads, backend)
    size_of = block_size_of(block_size, network.sizes, dtype=intake.dtype, backend=backend)

    with precise.active(), Engine(threads) as engine:
        standardization = warm_start.standardization if warm_start is not None else None
        found = finite_or_standardized(
            intake.X, engine, standardize=standardize and standardization is None
        )
        standardization = standardization or found
        objective = Objective(
            network,
            backend,
            dtype=intake.dtype,
            block_size=size_of,
            precision=precision,
            standardization=standardization,
            penalties=penalties,
        ).using(engine)
        training, held_out = intake.placed(backend, for_batches=plan.batch_size is not None)
        theta = backend.from_host(start.astype(intake.dtype))
        batches = Batches(training, plan.batch_size, rng) if plan.batch_size else None
        memory = plan_training(
            intake,
            training,
            held_out,
            network,
            backend,
            batch_size=plan.batch_size,
            block_size=objective.block_size_used,
            threads=threads,
            optimizer_vectors=optimizer_vectors(plan.optimizer),
            standardized=standardization is not None,
            moments_taken=found is not None,
        )
        record = record._replace(
            dtype=intake.dtype,
            precision=precision if precision != intake.dtype else "",
            threads=memory.threads,
        )
        settings = plan.settings() | {
            "l2": penalties.l2,
            "l1": penalties.l1,
            "keep_prob": list(network.keep_probs) or None,
            "clip_norm": clip_norm,
            "initialization": _name_of(initialization, warm_start),
            "seed": int(seed),
            "cost_reason": None
            if cost or output_activation or warm_start
            else f"chosen from Y: {_seen(intake)}",
            "plan": str(memory),
        }

        def make_model(theta: Array, recorder: Recorder) -> Model:
            stopped = (
                {"stopped_because": recorder.stopped_because} if recorder.stopped_because else {}
            )
            # As it turned out: memory may not have held the blocks that were planned.
            size = objective.block_size_used(at_once)
            used = record._replace(block_size=size, blocks=-(-at_once // size))
            return Model(
                theta,
                network,
                backend,
                targets.kind,
                classes=targets.classes,
                standardization=standardization,
                flat_targets=targets.n_y == 1 and _is_flat(Y),
                history=recorder.history(),
                record=used,
                settings=settings | stopped,
            )

        if batches is not None and batches.shuffle_run < training.m:
            settings["shuffle"] = (
                f"runs of {batches.shuffle_run} examples, read in random order, shuffled within"
            )
        updates_in_all = (
            plan.iterations if batches is None else batches.per_epoch * (plan.epochs or 0)
        )
        progress = Progress(verbose=verbose, total=updates_in_all or 0)
        recorder = Recorder(
            make_model,
            validate=None
            if held_out is None
            else lambda at: score(objective, at, held_out, targets.kind),
            patience=patience,
            callbacks=callbacks,
            progress=progress,
            fetch=_fetching(backend) if backend.asynchronous and not verbose else None,
        )
        descent = Descent(objective, training, recorder, rng, report_every)
        try:
            # An overflow is no news: the next report finds it in the cost and says what to do.
            with np.errstate(over="ignore", invalid="ignore"):
                theta = _descend(descent, theta, plan, batches, clip_norm)
                recorder.flush()
        except KeyboardInterrupt:
            recorder.flush()
            if recorder.last_theta is None:
                raise
            theta, recorder.stopped_because = recorder.last_theta, INTERRUPTED
        finally:
            progress.close()
        for replay in descent.replays:
            settings["steps"] = replay.problem or "replayed as a CUDA graph"
        if patience is not None and recorder.best_theta is not None:
            theta = recorder.best_theta
            settings["kept_iteration"] = recorder.best_iteration
        return make_model(theta, recorder)


def _descend(
    descent: Descent, theta: Array, plan: Steps, batches: Batches | None, clip_norm: float | None
) -> Array:
    if isinstance(plan.optimizer, str):
        return lbfgs(descent, theta, plan.iterations or 0)
    updates = Updates(plan.optimizer, plan.learning_rate, clip_norm)
    if batches is None:
        return full_batch(descent, theta, updates, plan.iterations or 0)
    return mini_batches(descent, theta, updates, batches, plan.epochs or 0)


def _check_callbacks(callbacks: Sequence[Callback]) -> None:
    if callable(callbacks) or not isinstance(callbacks, (list, tuple)):
        msg = f"callbacks must be a list of functions, got {describe(callbacks)}"
        raise TypeError(msg)
    for number, callback in enumerate(callbacks):
        if not callable(callback):
            msg = f"callbacks[{number}] must be callable, got {describe(callback)}"
            raise TypeError(msg)


def _fetching(backend: Backend) -> Callable[[list[Array]], list[float]]:
    def fetch(costs: list[Array]) -> list[float]:
        fetched: list[float] = backend.to_host(backend.xp.stack(costs)).tolist()
        return fetched

    return fetch


def _name_of(initialization: Any, warm_start: Model | None) -> str:
    if warm_start is not None:
        return "warm start"
    return initialization if isinstance(initialization, str) else "given arrays"


def _seen(intake: Intake) -> str:
    targets = intake.targets
    outputs = f"{targets.n_y} values an example" if targets.n_y > 1 else "floats"
    return {
        "binary": "two classes",
        "multiclass": f"{targets.n_y} classes",
        "multilabel": f"{targets.n_y} labels at once",
    }.get(targets.kind, outputs)


def _is_flat(Y: Any) -> bool:
    if hasattr(Y, "shape"):
        return len(Y.shape) == 1
    return not (isinstance(Y, (list, tuple)) and len(Y) > 0 and np.ndim(Y[0]) > 0)
