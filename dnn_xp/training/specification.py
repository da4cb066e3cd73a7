"""The table of options of a training: one entry each, with its default, check, help and flag.

Long because it is one table. It needs no data: whatever can be refused without X and Y is refused
when a `Specification` is made. To add an option, write one entry here; its keyword, documentation,
check, command-line flag and line in a model's summary follow. `_check_together` refuses options that
contradict each other.
"""

# ruff: noqa: RUF009 - option() is a field, which dataclasses take
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from math import isclose
from typing import Any, Self

import numpy as np

from dnn_xp.backends.choice import check_device
from dnn_xp.backends.precision import PRECISIONS
from dnn_xp.common.checks import check_bool, check_choice, check_float, check_int
from dnn_xp.common.errors import Argument, ArgumentValueError, Pass
from dnn_xp.common.messages import describe
from dnn_xp.data.targets.classes import check_class_weight
from dnn_xp.formulas.activations import ACTIVATIONS
from dnn_xp.formulas.costs import COSTS
from dnn_xp.formulas.data_initialization import BIAS_INITIALIZATIONS
from dnn_xp.formulas.initialization import INITIALIZATIONS
from dnn_xp.formulas.optimizers import OPTIMIZERS, Optimizer
from dnn_xp.formulas.schedules import Schedule
from dnn_xp.training import records
from dnn_xp.training.ensembles import check_ensemble
from dnn_xp.training.options import (
    check_activation,
    check_block_size,
    check_dtype,
    check_fitting_cost,
    check_hidden,
    check_optimizer,
    check_rate,
    check_seed,
    check_target_scaling,
    checks_of,
    hidden_sizes,
    of_each_layer,
    option,
    optional,
    per_layer,
)
from dnn_xp.training.preset import PRESETS, apply_preset

HIDDEN_ACTIVATIONS = tuple(name for name, each in ACTIVATIONS.items() if each.elementwise)
OPTIMIZER_NAMES = (*OPTIMIZERS, "lbfgs")
SHARINGS = ("layers", "nothing")


_SCHEDULES = ("constant", "cosine", "flat_cosine", "coslog4")

# Where a record being made notes which options were given; gone when it is made.
_GIVEN = "_given"


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """The cost J(theta) that is minimized: network, penalties, where theta starts, where it is computed."""

    examples: str | None = option(
        None,
        optional(partial(check_choice, allowed=("columns", "rows"))),
        '{"columns", "rows"}, optional',
        "where the examples are, in X and in a two-dimensional Y",
        "When left out, rows in data frames, Arrow tables, CSV and Parquet files, and columns in "
        "all else.",
        flag=False,
    )
    missing: str = option(
        "error",
        partial(check_choice, allowed=("error", "indicator")),
        '{"error", "indicator"}',
        "what missing numbers of a table are",
        "An error; or their mean over the training examples, with a feature of their own that is 1 "
        "where a number is missing. Missing entries of text columns are a category.",
        choices=("error", "indicator"),
    )
    embedding: int | None = option(
        None,
        optional(partial(check_int, at_least=0)),
        "int, optional",
        "dimension of what is learned for each category of a column with more than 128; 0: none",
        "When left out, min(50, round(1.6 k^0.56)) for k categories. Columns of fewer categories are "
        "one-hot, and so are the 128 most frequent with 0.",
        text="int",
    )
    preset: str | None = option(
        None,
        optional(partial(check_choice, allowed=tuple(PRESETS))),
        '{"tabular"}, optional',
        "sets many options at once, where they are left out; tabular: the most accurate for tables",
        "What it sets, why, and how accurate and fast it is: docs/tabular.md.",
        group="network",
        choices=tuple(PRESETS),
    )
    hidden: str | Sequence[int] = option(
        "auto",
        check_hidden,
        '"auto" or sequence of int',
        "units of each hidden layer; auto is (64, 32)",
        "() is logistic or linear regression.",
        group="network",
        text="sizes",
    )
    activation: str | Sequence[str] = option(
        "relu",
        check_activation,
        "str or sequence of str",
        "of the hidden layers, one for all or one each",
        "relu, tanh, sigmoid, leaky_relu, elu, gelu, silu, softplus, identity, exp, selu, mish.",
        group="network",
        choices=HIDDEN_ACTIVATIONS,
    )
    output_activation: str | None = option(
        None,
        optional(partial(check_choice, allowed=ACTIVATIONS)),
        "str, optional",
        "chosen from Y and the cost when left out",
        "sigmoid with binary_cross_entropy, softmax with softmax_cross_entropy, identity with "
        "squared_error and huber, exp with poisson; squared_error and huber go with any elementwise "
        "output activation.",
        group="network",
        choices=tuple(ACTIVATIONS),
    )
    cost: str | None = option(
        None,
        optional(partial(check_choice, allowed=COSTS)),
        "str, optional",
        "chosen from Y when left out",
        "binary_cross_entropy, softmax_cross_entropy, squared_error, huber, poisson.",
        group="network",
        choices=tuple(COSTS),
    )
    l2: float | None = option(
        None,
        optional(partial(check_float, at_least=0.0)),
        "float, optional",
        "penalty on W squared; 0 turns it off",
        "l2/(2m) sum W^2, with m the number of training examples. When left out: 5, less "
        "with fewer than 500 examples, where the number of updates is left out, too, and nothing else "
        "regularizes: that keeps small noisy data from being overfitted, and fades as 1/m (none from "
        "100,000 examples on). Otherwise 0; always 5 on embeddings, whose categories have few examples.",
        text="float",
        shown=True,
    )
    l1: float = option(
        0.0,
        partial(check_float, at_least=0.0),
        "float",
        "penalty on |W|",
        "l1/m sum |W|, with m the number of training examples.",
        shown=True,
    )
    class_weight: Any = option(
        None,
        check_class_weight,
        '"balanced" or mapping, optional',
        "weight of the examples of each class; balanced: m / (K examples of the class)",
        "A mapping names each label of Y: {0: 1.0, 1: 5.0}. Multiplied with sample_weight; only "
        "ratios matter.",
        choices=("balanced",),
    )
    keep_prob: float | Sequence[float] = option(
        1.0,
        per_layer(partial(check_float, above=0.0, at_most=1.0)),
        "float or sequence of float",
        "inverted dropout: probability of keeping a hidden unit",
        "One for all hidden layers or one each.",
        text="numbers",
        shown=True,
    )
    dropout: float | Sequence[float] | None = option(
        None,
        optional(per_layer(partial(check_float, at_least=0.0, below=1.0))),
        "float or sequence of float, optional",
        "the rate that is dropped: 1 - keep_prob",
        text="numbers",
        shown=True,
    )
    initialization: str | Sequence[tuple[Any, Any]] = option(
        "auto",
        partial(check_choice, allowed=("auto", *INITIALIZATIONS)),
        "str or list of (W, b)",
        "of the weights; auto follows the activation",
        "he, xavier, lecun, normal, zeros, ...; or arrays.",
        group="network",
        shown=True,
    )
    output_initialization: str | None = option(
        None,
        optional(partial(check_choice, allowed=tuple(INITIALIZATIONS))),
        "str, optional",
        "of the weights of the last layer; as initialization when left out",
        "zeros: the training starts from the same prediction for all examples.",
        group="network",
        choices=tuple(INITIALIZATIONS),
        shown=True,
    )
    bias_initialization: str | None = option(
        None,
        optional(partial(check_choice, allowed=BIAS_INITIALIZATIONS)),
        '{"he+5"}, optional',
        "he+5: b of a unit makes it zero between 5 training examples; 0 when left out",
        "b[l] = -(a random convex combination of W[l] A[l-1] of 5 random training examples), other ones "
        'for each unit, as RealMLP has it. When left out, b = 0, or as initialization="ntk" draws it.',
        group="network",
        choices=BIAS_INITIALIZATIONS,
        shown=True,
    )
    unit_variance: bool = option(
        False,
        check_bool,
        "bool",
        "scale the initial weights of each unit to variance 1 over training examples",
        "Rows of W[l] are divided by the standard deviation of W[l] A[l-1] over up to 1,024 random "
        "training examples, layer by layer.",
        group="network",
        shown=True,
    )
    initial_scale: float = option(
        0.01,
        partial(check_float, above=0.0),
        "float",
        'standard deviation of the weights for initialization="normal"',
        group="network",
    )
    seed: int | np.random.Generator | np.random.RandomState = option(
        0,
        check_seed,
        "int, Generator or RandomState",
        "of all that is random",
        "Initial weights, shuffles, splits and dropout masks, all drawn on the host. A generator of "
        "NumPy gives one number, which is the seed then and is recorded as such.",
        text="int",
    )
    standardize: bool = option(
        True,
        check_bool,
        "bool",
        "subtract each feature's mean and divide by its standard deviation",
        "Both come from one exact pass over the training examples and are kept in the model, which "
        "then takes raw X.",
    )
    standardize_by: str = option(
        "moments",
        partial(check_choice, allowed=("moments", "quantiles")),
        '{"moments", "quantiles"}',
        "quantiles: X less its median, over the distance of its quartiles, clipped at +-3",
        "Where features are standardized: by mean and standard deviation, or by quantiles, which "
        "outliers cannot change, and then clipped smoothly, x / sqrt(1 + (x/3)^2). The quantiles are exact "
        "up to 33 million values, and those of every k-th example beyond.",
        choices=("moments", "quantiles"),
        shown=True,
    )
    number_encoding: str | None = option(
        None,
        optional(partial(check_choice, allowed=("periodic", "piecewise"))),
        '{"periodic", "piecewise"}, optional',
        "what the first layer gets of each number besides the number; nothing more when left out",
        "periodic: V cos(2 pi w x + b) + c, three values of 16 cosines, all of it learned; piecewise: "
        "the parts of the bins, between quantiles, that are below x, each 0 to 1. Features that are "
        "0 or 1 by construction and embedded columns have neither.",
        group="network",
        choices=("periodic", "piecewise"),
        shown=True,
    )
    bins: int = option(
        48,
        partial(check_int, at_least=1),
        "int",
        'bins of each number with number_encoding="piecewise"',
        group="network",
        text="int",
    )
    frequency: float = option(
        0.1,
        partial(check_float, above=0.0),
        "float",
        'standard deviation of w, which number_encoding="periodic" starts with',
        group="network",
    )
    scaling_layer: bool = option(
        False,
        check_bool,
        "bool",
        "learn a factor of each feature besides the first layer's weights",
        "W[1] diag(s) in the place of W[1]: with a larger rate for s the network learns sooner which "
        "features matter. The model has their product.",
        group="network",
        shown=True,
    )
    parametric_activation: bool = option(
        False,
        check_bool,
        "bool",
        "learn for each hidden unit how much of its activation it takes",
        "Z + a (g(Z) - Z) in the place of g(Z), with a number a for each unit, 1 at first.",
        group="network",
        shown=True,
    )
    ensemble: int | None = option(
        None,
        optional(partial(check_int, at_least=1)),
        "int, optional",
        "networks that are trained at once, each its own random start, and predict by their mean",
        "Each has its own factors of the features, random signs at first, and its own last layer. They "
        "minimize the mean of their costs, and predict by the mean of their probabilities or values.",
        group="network",
        text="int",
        shown=True,
    )
    ensemble_sharing: str = option(
        "layers",
        partial(check_choice, allowed=SHARINGS),
        '{"layers", "nothing"}',
        "what the networks of an ensemble have in common: all layers but the last, or nothing",
        group="network",
        choices=SHARINGS,
        shown=True,
    )
    label_smoothing: float | None = option(
        None,
        optional(partial(check_float, at_least=0.0, below=1.0)),
        "float, optional",
        "of classes: (1 - e) Y + e / K is learned in the place of Y; 0 when left out",
        "0.1 with the preset tabular. The costs of the training, those of validation too, are of what is "
        "learned.",
        text="float",
        shown=True,
    )
    standardize_targets: bool | None = option(
        None,
        optional(check_bool),
        "bool, optional",
        "the same with Y; when left out, for squared_error and huber with identity output",
        "The network learns (Y - mean) / scale; predictions and costs are in the units of Y.",
        text="switch",
    )
    clamp_outputs: bool = option(
        False,
        check_bool,
        "bool",
        "keep predictions of values within the lowest and the highest Y of the training",
        "Of a regression with identity output. Predictions, scores and the costs of validation and evaluate "
        "are of what is kept within; the cost that is minimized is not.",
        shown=True,
    )
    device: str | None = option(
        None,
        check_device,
        'None, "auto", "cpu", "cuda" or "cuda:N"',
        "where to compute: auto, cpu, cuda or cuda:N",
        "None and auto: where the arrays are; host arrays and files on the CPU, or with CUDA from "
        "the size on where that was measured to be faster, see docs/devices.md.",
        group="computing",
    )
    fallback: bool = option(
        True,
        check_bool,
        "bool",
        "go on with the CPU when CUDA cannot be used",
        "With a DeviceFallbackWarning; False makes it a RuntimeError.",
        group="computing",
    )
    block_size: str | int = option(
        "auto",
        check_block_size,
        '"auto" or int',
        "examples of a block",
        group="computing",
        text="size",
    )
    layout: str | None = option(
        None,
        optional(partial(check_choice, allowed=("columns",))),
        '{"columns"}, optional',
        "columns: blocks of rows are transposed, which gives the bits of columns",
        "When left out, NumPy computes with examples as rows or columns as they lie in X.",
        group="computing",
        choices=("columns",),
        shown=True,
    )
    blas: str = option(
        "auto",
        partial(check_choice, allowed=("auto", "numpy", "mkl")),
        '{"auto", "numpy", "mkl"}',
        "what multiplies matrices on the CPU; auto is mkl on Intel's where it is installed",
        "numpy is NumPy's own BLAS; mkl takes products whose sides are all 48 or more, where the "
        "package is there (``dnn_xp[mkl]``), else a RuntimeError.",
        group="computing",
        choices=("auto", "numpy", "mkl"),
    )
    threads: int | None = option(
        None,
        optional(partial(check_int, at_least=1)),
        "int, optional",
        "how many work at once on the CPU, each on a block",
        "When left out, all CPUs this process may use, or OMP_NUM_THREADS if smaller.",
        group="computing",
        text="int",
    )

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Note which options are given, since a preset sets the others only."""
        made = super().__new__(cls)
        if options:
            made.__dict__[_GIVEN] = frozenset(options)
        return made

    def __post_init__(self) -> None:
        """Check every option by itself, then together."""
        given = self.__dict__.pop(_GIVEN, frozenset())
        if self.preset is not None:
            check_choice("preset", self.preset, PRESETS)
            apply_preset(self, given)
        own: Any = type(self)  # hashable, which mypy does not see
        for name, check in checks_of(own):
            object.__setattr__(self, name, check(name, getattr(self, name)))
        self._check_together()

    def _check_together(self) -> None:
        layers = len(self.sizes)
        of_each_layer("activation", self.activation, layers, "name", "name")
        kept = of_each_layer("keep_prob", self.keep_prob, layers)
        contradicted = not all(map(isclose, kept, self.keep_probs or (1.0,) * layers))
        if self.keep_prob != 1.0 and contradicted:
            raise ArgumentValueError(
                "keep_prob",
                (f"{self.keep_prob} with ", Argument("dropout", self.dropout)),
                ("1 - ", Argument("dropout"), " where both are given"),
                "pass one of them",
            )
        if self.output_activation is not None and self.cost is not None:
            check_fitting_cost(self.output_activation, self.cost)
        check_target_scaling(self.standardize_targets, self.output_activation, self.cost)
        check_ensemble(self)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of the hidden layers."""
        return hidden_sizes(self.hidden)

    @property
    def keep_probs(self) -> tuple[float, ...]:
        """Probability of keeping a unit of each hidden layer; () where nothing is ever dropped."""
        layers = len(self.sizes)
        each = of_each_layer("keep_prob", self.keep_prob, layers)
        if self.dropout is not None:
            rates = of_each_layer("dropout", self.dropout, layers)
            each = tuple(1.0 - rate for rate in rates)
        return each if any(value < 1.0 for value in each) else ()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and records.key(other) == records.key(self)

    def __hash__(self) -> int:
        return hash(records.key(self))


@dataclass(frozen=True, kw_only=True, eq=False)
class Specification(Problem):
    """Everything that can be asked of a training, apart from its data and callbacks.

    Immutable; compares by value, pickles, and goes to and from a dict, JSON and TOML.

    Raises
    ------
    ArgumentError
        A ValueError or a TypeError, for options that cannot be used: names the option, what came,
        what is wanted.

    Examples
    --------
    >>> asked = Specification(hidden=[16, 8], optimizer="momentum", l2=0.1)
    >>> Specification.from_toml(asked.to_toml()) == asked
    True
    >>> Specification(l2=-1)
    Traceback (most recent call last):
    dnn_xp.common.errors.ArgumentValueError: l2 must be a finite number >= 0; got -1
    """

    optimizer: str | Optimizer = option(
        "adam",
        check_optimizer,
        "str or Optimizer",
        "how theta is updated",
        "gradient_descent, momentum, nesterov, rmsprop, adam, adamw, lbfgs (full batch only), or "
        "one made by its factory in :mod:`dnn_xp.formulas` with hyper-parameters of your own.",
        choices=OPTIMIZER_NAMES,
        shown=True,
    )
    learning_rate: float | Schedule | None = option(
        None,
        check_rate,
        "float or callable, optional",
        "a rate, or in Python a schedule",
        "Schedules (iteration -> rate) are in :mod:`dnn_xp.formulas`. When left out: 0.01 for the "
        "adaptive optimizers on full batches and 0.001 on mini-batches, 0.1 for gradient descent, "
        "0.05 with momentum.",
        text="float",
        shown=True,
    )
    schedule: str | None = option(
        None,
        optional(partial(check_choice, allowed=_SCHEDULES)),
        '{"constant", "cosine", "flat_cosine", "coslog4"}, optional',
        "how learning_rate, the highest rate, changes over the training; constant when left out",
        "cosine: down to 0; flat_cosine: from the half on; coslog4: four cosine cycles from 0 and back, "
        "each twice as long as the one before.",
        choices=_SCHEDULES,
    )
    dropout_schedule: str | None = option(
        None,
        optional(partial(check_choice, allowed=_SCHEDULES)),
        '{"constant", "cosine", "flat_cosine", "coslog4"}, optional',
        "how the rate that is dropped changes over the training, from the one given to 0",
        "As schedule; constant when left out.",
        choices=_SCHEDULES,
        shown=True,
    )
    weight_decay_schedule: str | None = option(
        None,
        optional(partial(check_choice, allowed=_SCHEDULES)),
        '{"constant", "cosine", "flat_cosine", "coslog4"}, optional',
        "how the weight decay of adamw changes over the training, besides the learning rate",
        "theta decays by learning_rate weight_decay times this, from 1 to 0. As schedule; constant when "
        "left out.",
        choices=_SCHEDULES,
        shown=True,
    )
    decay_biases: bool = option(
        True,
        check_bool,
        "bool",
        "adamw decays b, too",
        "As in PyTorch; without, all but b decays, as in RealMLP.",
    )
    ntk: bool = option(
        False,
        check_bool,
        "bool",
        "multiply the rate of W[l] by 1 / sqrt(n[l-1])",
        "What Adam does in the neural tangent parametrization: one rate for layers of any width.",
        shown=True,
    )
    bias_rate: float = option(
        1.0,
        partial(check_float, at_least=0.0),
        "float",
        "factor of the learning rate for b",
        shown=True,
    )
    output_rate: float | None = option(
        None,
        optional(partial(check_float, at_least=0.0)),
        "float, optional",
        "factor of the learning rate for W and b of the last layer; 1 when left out",
        "2 with the preset tabular and two classes.",
        text="float",
        shown=True,
    )
    scale_rate: float = option(
        1.0,
        partial(check_float, at_least=0.0),
        "float",
        "factor of the learning rate for the scaling layer",
        shown=True,
    )
    parametric_rate: float = option(
        0.1,
        partial(check_float, at_least=0.0),
        "float",
        "factor of the learning rate for what parametric_activation learns",
        shown=True,
    )
    encoding_rate: float = option(
        0.1,
        partial(check_float, at_least=0.0),
        "float",
        'factor of the learning rate for number_encoding="periodic"',
        shown=True,
    )
    iterations: int | None = option(
        None,
        optional(partial(check_int, at_least=0)),
        "int, optional",
        "full-batch updates; 300 when left out (200 for lbfgs)",
        text="int",
        shown=True,
    )
    epochs: int | None = option(
        None,
        optional(partial(check_int, at_least=0)),
        "int, optional",
        "with batch_size: passes over the examples; when left out, 1,500 updates, 20 to 300 epochs",
        text="int",
        shown=True,
    )
    batch_size: int | None = option(
        None,
        optional(partial(check_int, at_least=1)),
        "int, optional",
        "examples of a mini-batch; when left out, every update uses all",
        text="int",
        shown=True,
    )
    clip_norm: float | None = option(
        None,
        optional(partial(check_float, above=0.0)),
        "float, optional",
        "largest norm of the gradient; a longer one is scaled down to it",
        text="float",
        shown=True,
    )
    ema_decay: float | None = option(
        None,
        optional(partial(check_float, at_least=0.0, below=1.0)),
        "float, optional",
        "average theta over the updates, that much of the average kept at each, and use the average",
        "average <- ema_decay average + (1 - ema_decay) theta, corrected for its start. The updates go on "
        "from theta; validation, keep_best, patience, reports and the model have the average. None when "
        "left out.",
        text="float",
        shown=True,
    )
    validation: Any = option(
        None,
        optional(partial(check_float, above=0.0, below=1.0)),
        "float or pair (X, Y), optional",
        "fraction of the examples to watch the cost on, or such examples",
        "The examples of a fraction are set aside: random ones (copied) when they are in memory, "
        "drawn within each class where Y holds classes; the last ones of a file.",
        text="float",
    )
    validation_part: str = option(
        "auto",
        partial(check_choice, allowed=("auto", "last")),
        '{"auto", "last"}',
        "which examples a fraction sets aside; last: those at the end, as for time series",
        choices=("auto", "last"),
    )
    patience: int | None = option(
        None,
        optional(partial(check_int, at_least=1)),
        "int, optional",
        "stop after N reports without a lower validation cost, and keep the best parameters",
        "Without validation the training cost is watched.",
        text="int",
    )
    report_every: int = option(
        1,
        partial(check_int, at_least=1),
        "int",
        "iterations (full batch) or epochs (mini-batches) between reports",
        "The reported cost is always that of all training examples: free on full batches without "
        "dropout and ema_decay, one forward pass otherwise.",
        text="int",
    )
    on_divergence: str = option(
        "error",
        partial(check_choice, allowed=("error", "halve")),
        '{"error", "halve"}',
        "what follows a cost that is NaN or infinite; halve: go back, and on at half the rate",
        "An error with the last finite model; or the training goes back to the newest state that led "
        "to a cost no higher than that of the start, and on from there with half the learning rate, "
        "40 times at most. The history and the summary say so.",
        choices=("error", "halve"),
    )
    keep_best: str | None = option(
        None,
        optional(partial(check_choice, allowed=("cost", "score"))),
        '{"cost", "score"}, optional',
        "keep the parameters of the best report, not those of the last one",
        "cost: the lowest cost, of validation where there is one, as always with patience; score: the "
        "highest accuracy or R2 of validation, the last one of equals.",
        choices=("cost", "score"),
    )
    report_costs: str = option(
        "exact",
        partial(check_choice, allowed=("exact", "batches")),
        '{"exact", "batches"}',
        "batches: report the mean cost of the last epoch's mini-batches, which takes no pass",
        "The exact cost at the reported parameters takes a forward pass over all examples.",
        choices=("exact", "batches"),
    )
    batch_costs: bool = option(
        False,
        check_bool,
        "bool",
        "keep the mean cost of each epoch's batches beside the exact cost of each report",
        "In ``model.history.batch_costs``; it costs nothing beyond the updates, where a report takes "
        "a pass over all examples: with a larger ``report_every`` it shows the epochs between.",
        flag=False,
    )
    verbose: bool = option(
        False,
        check_bool,
        "bool",
        "show a progress bar",
        "tqdm where installed, else plain lines; nothing is printed otherwise.",
        flag=False,
    )
    dtype: str | None = option(
        None,
        optional(check_dtype),
        '{"float32", "float64"}, optional',
        "what is computed in; when left out, that of X, or float32",
        group="computing",
        choices=("float32", "float64"),
    )
    precision: str | None = option(
        None,
        optional(partial(check_choice, allowed=PRECISIONS)),
        '{"float32", "float64", "tf32", "bfloat16"}, optional',
        "what layers are computed in; when left out, the dtype",
        "tf32 (CUDA GPUs) rounds the operands of products to 10 bits of mantissa, bfloat16 (PyTorch, "
        "JAX, CuPy) all arrays of a block to 7. Parameters, updates, costs and sums stay in "
        "float32, and so do predictions.",
        group="computing",
        choices=PRECISIONS,
    )
    compile: bool = option(
        False,
        check_bool,
        "bool",
        "run the step of a block through torch.compile",
        "For PyTorch tensors; it takes seconds to a minute at first. JAX always compiles; NumPy and "
        "CuPy never do.",
        flag=False,
    )

    def _check_together(self) -> None:
        super()._check_together()
        if self.validation_part != "auto" and self.validation is None:
            raise ArgumentValueError(
                "validation_part",
                repr(self.validation_part),
                ("left out unless ", Argument("validation"), " is a fraction"),
                (Pass("validation", 0.1),),
            )
        if self.iterations is not None and self.epochs is not None:
            raise ArgumentValueError(
                "iterations",
                (f"{self.iterations} with ", Argument("epochs", self.epochs)),
                ("left out where ", Argument("epochs"), " is given"),
            )
        if self.batch_size is not None and self.iterations is not None:
            raise ArgumentValueError(
                "iterations",
                str(self.iterations),
                ("left out where ", Argument("batch_size"), " is given"),
                ("it counts full-batch updates: pass ", Argument("epochs")),
            )
        if self.batch_costs and self.batch_size is None:
            raise ArgumentValueError(
                "batch_costs",
                "True",
                ("left out where ", Argument("batch_size"), " is"),
                "full batches report the exact cost at no cost",
            )
        if self.schedule is not None and callable(self.learning_rate):
            raise ArgumentValueError(
                "schedule",
                repr(self.schedule),
                ("left out where ", Argument("learning_rate"), " is a schedule"),
                "pass one of them",
            )
        if self.dropout_schedule is not None and self.dropout is None and self.keep_prob == 1.0:
            raise ArgumentValueError(
                "dropout_schedule",
                repr(self.dropout_schedule),
                ("left out unless ", Argument("dropout"), " is given"),
                (Pass("dropout", 0.15),),
            )
        self._check_decay()
        if self.is_lbfgs:
            self._check_lbfgs()
        needed = None if self.precision is None else self.wanted_dtype
        if needed is not None and self.dtype not in (None, needed):
            raise ArgumentValueError(
                "dtype",
                repr(self.dtype),
                (f"{needed!r} where ", Argument("precision", self.precision), " is given"),
                "leave one of them out",
            )

    def _check_decay(self) -> None:
        """Refuse options of weight decay where nothing decays."""
        name = self.optimizer.name if isinstance(self.optimizer, Optimizer) else self.optimizer
        if name == "adamw":
            return
        for option_of_decay, left_out in (("weight_decay_schedule", None), ("decay_biases", True)):
            given = getattr(self, option_of_decay)
            if given != left_out:
                raise ArgumentValueError(
                    option_of_decay,
                    repr(given),
                    ("left out unless ", Argument("optimizer", "adamw"), " is given"),
                    (Pass("optimizer", "adamw"),),
                )

    def _check_lbfgs(self) -> None:
        exact = "its line search needs the exact cost"
        dropped = "keep_prob" if self.dropout is None else "dropout"
        low = self.precision in ("tf32", "bfloat16")
        for name, given, why in (
            ("batch_size", self.batch_size is not None, "it works on the full batch only"),
            (dropped, bool(self.keep_probs), exact),
            ("clip_norm", self.clip_norm is not None, exact),
            (
                "ema_decay",
                self.ema_decay is not None,
                "its few iterates differ too much to average",
            ),
            ("learning_rate", self.learning_rate is not None, "its line search finds the rate"),
            ("schedule", self.schedule is not None, "its line search finds the rate"),
            ("precision", low, exact),
            ("on_divergence", self.on_divergence != "error", "its line search finds the rate"),
        ):
            if given:
                raise ArgumentValueError(
                    name,
                    describe(getattr(self, name)),
                    ("left out where ", Argument("optimizer", "lbfgs"), " is given"),
                    (f"{why}: leave it out, or ", Pass("optimizer", "adam")),
                )

    @property
    def is_lbfgs(self) -> bool:
        """Whether the optimizer is L-BFGS, which has a line search in the place of a rate."""
        return self.optimizer == "lbfgs"

    @property
    def wanted_dtype(self) -> str | None:
        """The dtype that was asked for, by itself or by a precision."""
        if self.precision is None:
            return self.dtype
        return "float64" if self.precision == "float64" else "float32"

    def to_dict(self) -> dict[str, Any]:
        """Every option as a plain value: str, number, bool, None, list or dict.

        Raises
        ------
        TypeError
            For a learning rate or an optimizer that is not one of :mod:`dnn_xp.formulas`.
        """
        return records.to_dict(self)

    @classmethod
    def from_dict(cls, options: dict[str, Any]) -> Self:
        """The inverse of `to_dict`; options that are not there keep their defaults."""
        return cls(**records.arguments(options, [each.name for each in fields(cls)]))

    def to_json(self) -> str:
        """The options as a JSON object."""
        return records.to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        return cls.from_dict(records.read_json(text))

    def to_toml(self) -> str:
        """The options as TOML, one a line; those that are None are left out."""
        return records.to_toml(self)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """The inverse of `to_toml`."""
        return cls.from_dict(records.read_toml(text))
