"""What `train` and `plan` are called with: a specification, data and callbacks, listed once."""

# ruff: noqa: RUF009 - option() is a field, which dataclasses take
from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import partial, wraps
from numbers import Real
from typing import Any, ParamSpec, TypeVar

from dnn_xp.common.checks import check_callable, check_int, check_sequence
from dnn_xp.common.errors import Argument, ArgumentTypeError, ArgumentValueError, Pass
from dnn_xp.common.messages import describe
from dnn_xp.data.targets.weights import check_sample_weight
from dnn_xp.model.model import Model
from dnn_xp.training.checkpoints.options import Keeping
from dnn_xp.training.ensembles import settings_of_ensemble
from dnn_xp.training.initial import given_layers
from dnn_xp.training.options import about, checks_of, of_each_layer, option, option_of
from dnn_xp.training.specification import Specification

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

Callback = Callable[[int, float, Model], Any]


def takes(arguments: Callable[P, T]) -> Callable[[Callable[[T], R]], Callable[P, R]]:
    """Decorate a function of one record so that it is called with the record's fields.

    Signature, types and, in the place of ``{parameters}``, documentation are those of the fields of
    the dataclass `arguments`.
    """

    def decorate(function: Callable[[T], R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return function(arguments(*args, **kwargs))

        made: Any = arguments
        made.__init__.__qualname__ = function.__name__  # as errors of Python name it
        returned = inspect.signature(function).return_annotation
        shown: Any = call
        shown.__signature__ = inspect.signature(made).replace(return_annotation=returned)
        del shown.__wrapped__
        if shown.__doc__:
            # Python 3.13 strips the indentation of docstrings when it compiles, older ones do not.
            written = inspect.cleandoc(shown.__doc__)
            shown.__doc__ = written.replace("{parameters}", inspect.cleandoc(_described(made)))
        return call

    return decorate


def _described(arguments: Any) -> str:
    """The fields as the section Parameters of a docstring, positional ones first."""
    lines = []
    for each in sorted(fields(arguments), key=lambda each: bool(each.kw_only)):
        found = option_of(each)
        if found is not None and each.init:
            text = f"{found.help[0].upper()}{found.help[1:]}. {found.more}"
            lines += [f"{each.name} : {found.kind}"]
            lines += textwrap.wrap(
                text, 92, initial_indent=" " * 4, subsequent_indent=" " * 4, break_on_hyphens=False
            )
    return textwrap.indent("\n".join(lines), " " * 4)


def _check_callbacks(name: str, callbacks: Any) -> tuple[Callback, ...]:
    entries = check_sequence(name, callbacks, wanted="a list of functions")
    wanted = "a function of (iteration, cost, model)"
    return tuple(
        check_callable(f"{name}[{number}]", each, wanted=wanted)
        for number, each in enumerate(entries)
    )


def check_model(name: str, model: Any) -> Model | None:
    """A model, or None."""
    if model is not None and not isinstance(model, Model):
        wanted = "a Model, as train and load return it"
        raise ArgumentTypeError(name, describe(model), wanted)
    return model


@dataclass(frozen=True, kw_only=True, eq=False)
class Arguments(Keeping):
    """The options of a training, and what it is given besides them.

    Data given as an option are moved out of it: validation examples to `validation_pair`, initial
    parameters to `layers`.
    """

    sample_weight: Any = option(
        None,
        check_sample_weight,
        "array (m,), optional",
        "weights of the examples; only their ratios matter",
        flag=False,
    )
    validation_groups: Any = option(
        None,
        None,
        "array (m,), optional",
        "group of each example (a patient, a household), for validation=fraction",
        "Whole groups are set aside, together as near to the fraction as the draw allows.",
        flag=False,
    )
    warm_start: Model | None = option(
        None,
        check_model,
        "Model, optional",
        "start from its parameters",
        "With its architecture, classes and standardization.",
        flag=False,
    )
    callbacks: Sequence[Callback] = option(
        (),
        _check_callbacks,
        "sequence of callable",
        "called with (iteration, cost, model) at each report",
        "A true answer stops the training.",
        flag=False,
    )
    layers: Any = field(init=False, default=None)
    validation_pair: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Move the data out of the options, and check the options."""
        if not isinstance(self.initialization, str):
            layers = given_layers(self.initialization, "initialization")
            self._set(layers=layers, initialization="auto")
        if self.layers is not None or self.warm_start is not None:
            self._refuse_rules("initialization" if self.layers is not None else "warm_start")
        if self.validation is not None and not isinstance(self.validation, Real):
            pair = self.validation
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                wanted = "a fraction such as 0.1 or a pair (X, Y)"
                raise ArgumentTypeError("validation", describe(pair), wanted)
            self._set(validation=None, validation_pair=tuple(pair))
        if check_model("warm_start", self.warm_start) is not None:
            self._take_from_model(self.warm_start)
        if self.validation_groups is not None and self.validation is None:
            raise ArgumentValueError(
                "validation_groups",
                describe(self.validation_groups),
                ("left out unless ", Argument("validation"), " is a fraction"),
                (Pass("validation", 0.1),),
            )
        super().__post_init__()

    @property
    def specification(self) -> Specification:
        """The options alone, which were checked."""
        made = object.__new__(Specification)
        for each in fields(Specification):
            object.__setattr__(made, each.name, getattr(self, each.name))
        return made

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _refuse_rules(self, other: str) -> None:
        """Refuse rules for parameters that another argument brings."""
        for name in ("output_initialization", "bias_initialization", "unit_variance"):
            given = getattr(self, name)
            if given is not None and given is not False:
                raise ArgumentValueError(
                    name,
                    describe(given),
                    ("left out where ", Argument(other), " brings parameters"),
                )

    def _take_from_model(self, model: Any) -> None:
        """Fill in the architecture of the warm_start model; refuse options that contradict it."""
        if self.layers is not None or self.initialization != "auto":
            came = "a list of (W, b)" if self.layers is not None else repr(self.initialization)
            raise ArgumentValueError(
                "initialization",
                came,
                ("left out where ", Argument("warm_start"), " is given"),
                "the model brings its parameters",
            )
        inner, encoding = model.sizes[1:-1], model.network.number_encoding
        checks = dict(checks_of(Specification))
        members, sharing = settings_of_ensemble(model.network.ensemble).values()
        if members is None and checks["ensemble"]("ensemble", self.ensemble) not in (None, 1):
            raise ArgumentValueError(
                "ensemble",
                repr(self.ensemble),
                ("left out where ", Argument("warm_start"), " is a single network"),
                ("start from an ensemble, or leave ", Argument("warm_start"), " out"),
            )
        for name, left_out, brought in (
            ("hidden", "auto", inner),
            ("activation", ("relu",) * len(inner), model.activations[:-1]),
            ("output_activation", None, model.activations[-1]),
            ("cost", None, model.cost),
            ("number_encoding", None, encoding and encoding.kind),
            *(
                (("ensemble", None, members), ("ensemble_sharing", "layers", sharing))
                if members is not None
                else ()
            ),
        ):
            given = checks[name](name, getattr(self, name))
            if name == "activation":
                given = of_each_layer(name, given, len(inner), "name", "name")
            if given not in (left_out, brought):
                raise ArgumentValueError(
                    name,
                    repr(given),
                    (f"{brought!r}, that of the ", Argument("warm_start"), " model"),
                    ("leave ", Argument(name), " out, the model brings its architecture"),
                )
            self._set(**{name: brought})


@dataclass(frozen=True, eq=False)
class TrainArguments(Arguments):
    """What `train` is called with."""

    X: Any = field(
        metadata=about(
            "array (n_x, m), dataset, data frame or path",
            "examples as columns",
            '(m, n_x) with ``examples="rows"``, without a copy. NumPy, CuPy, PyTorch, JAX or '
            "array-api-strict arrays; pandas or polars frames; np.memmap, HDF5, Zarr, or a path. "
            ".npy, .h5, .zarr and .parquet files are read block by block and may be larger than "
            "memory; .npz and .csv files are loaded.",
        )
    )
    Y: Any = field(
        metadata=about(
            "array (m,) or (n_y, m)",
            "labels (integers, bool, text) or values (floats)",
            "Floats that are all 0.0 or 1.0 are labels. One label each: two classes (sigmoid) or "
            "more (softmax). Columns of 0 and 1: one-hot classes, or several labels at once.",
        )
    )


@dataclass(frozen=True, eq=False)
class PlanArguments(Arguments):
    """What `plan` is called with."""

    X: Any = field(
        metadata=about(
            "array, dataset, path, or pair of int",
            "what :func:`dnn_xp.train` would get, or just its shape (n_x, m)",
        )
    )
    _: KW_ONLY
    outputs: int = option(
        1,
        partial(check_int, at_least=1),
        "int",
        "outputs of the network: 1 for two classes or one value, else the number of classes",
        flag=False,
    )
