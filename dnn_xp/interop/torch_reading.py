"""torch.nn.Sequential as a model: what `dnn_xp.interop.torch` writes, and others of the same modules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.common.checks import check_choice
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError, Pass
from dnn_xp.common.messages import describe
from dnn_xp.data.quantiles import Quantiles
from dnn_xp.formulas.hidden_activations import LEAKY_SLOPE
from dnn_xp.interop.networks import Layers, Moments, fields_of_network
from dnn_xp.interop.torch import torch_packages

_KINDS = ("binary", "multiclass", "multilabel", "regression")
_OUTPUT_OF = {"binary": "sigmoid", "multilabel": "sigmoid", "multiclass": "softmax"}


def fields_of_module(
    module: Any, *, kind: str | None = None, classes: Any = None
) -> dict[str, Any]:
    """The arguments of a Model; see `Model.from_torch`."""
    nn, own = torch_packages()
    if kind is not None:
        check_choice("kind", kind, _KINDS)
    if not isinstance(module, nn.Sequential):
        wanted = "a torch.nn.Sequential of Linear layers and activations"
        raise ArgumentTypeError("module", describe(module), wanted)
    read = _read(module, nn, own)
    layers = read.layers
    activations, kind = _output(read.activations, layers[-1][0].shape[0], kind)
    if read.target_range is not None and (kind, activations[-1]) != ("regression", "identity"):
        got = f"a Clamp behind {activations[-1]} outputs of kind {kind!r}"
        raise ArgumentValueError("module", got, "one behind the values of a regression")
    return fields_of_network(
        layers,
        activations,
        kind=kind,
        classes=classes,
        flat_targets=kind == "regression" and layers[-1][0].shape[0] == 1,
        standardization=read.standardization,
        mixes=read.mixes,
        target_range=read.target_range,
        made_by="PyTorch's Sequential",
    )


def _flat(module: Any, nn: Any) -> Iterator[Any]:
    """The modules of a Sequential and of those in it, without what changes no value."""
    for each in module:
        if isinstance(each, nn.Sequential):
            yield from _flat(each, nn)
        elif not isinstance(each, (nn.Dropout, nn.Identity, nn.Flatten)):
            yield each


class _Read(NamedTuple):
    """What the modules of a Sequential say.

    Attributes
    ----------
    layers : list of (W, b)
    activations : list of str or None
        The activation after each layer.
    mixes : list of arrays (n_l, 1)
        The a[l] of hidden layers; [] where none is mixed.
    standardization : pair of arrays, optional
        The moments of a Standardize in front.
    target_range : pair of arrays (n_L, 1), optional
        The bounds of a Clamp at the end.
    """

    layers: Layers
    activations: list[str | None]
    mixes: list[Any]
    standardization: Moments | None
    target_range: Moments | None


def _read(module: Any, nn: Any, own: Any) -> _Read:
    """Layers and what is before, between and behind them."""
    layers: Layers = []
    activations: list[str | None] = []
    mixes: dict[int, Any] = {}
    standardization: Moments | None = None
    target_range: Moments | None = None
    for place, each in enumerate(_flat(module, nn)):
        if target_range is not None:
            raise ArgumentValueError("module", f"{each} behind a Clamp", "a Clamp at the end")
        if isinstance(each, own.Standardize) and place == 0:
            mean, scale = (_host(part, np.float64)[:, None] for part in (each.mean, each.scale))
            standardization = mean, scale
        elif isinstance(each, own.SmoothClip) and place == 1 and standardization is not None:
            standardization = Quantiles(*standardization)
        elif isinstance(each, nn.Linear):
            layers.append(_linear(each))
            activations.append(None)
        elif layers and isinstance(each, own.Clamp):
            target_range = _bounds(each, layers[-1][0].shape[0])
        elif layers and activations[-1] is None and isinstance(each, own.Mixed):
            mixes[len(layers)] = each.a
            inner = each.activation
            activations[-1] = (
                "identity" if isinstance(inner, nn.Identity) else _activation(inner, nn, own)
            )
        elif layers and activations[-1] is None:
            activations[-1] = _activation(each, nn, own)
        else:
            got = f"{each} where a Linear layer begins"
            raise ArgumentValueError(
                "module", got, "Linear layers, each with at most one activation"
            )
    if not layers:
        raise ArgumentValueError("module", describe(module), "a Sequential with a Linear layer")
    _check_widths(layers)
    dtype = np.result_type(*(W.dtype for W, _ in layers))
    layers = [(W.astype(dtype), b.astype(dtype)) for W, b in layers]
    return _Read(layers, activations, _mixes(mixes, layers), standardization, target_range)


def _mixes(given: dict[int, Any], layers: Layers) -> list[Any]:
    """a[l] (n_l, 1) of the hidden layers, 1 where an activation is not mixed; [] where none is."""
    if len(layers) in given:
        raise ArgumentValueError("module", "a Mixed behind the last Linear layer", "a hidden one")
    mixes = []
    for layer, (W, _) in enumerate(layers[:-1], start=1):
        a = _host(given[layer], W.dtype) if layer in given else np.ones(len(W), W.dtype)
        if a.shape != (len(W),):
            got = f"a Mixed whose a has the shape {a.shape} behind {len(W)} units"
            raise ArgumentValueError("module", got, "an a for each unit")
        mixes.append(a[:, None])
    return mixes if given else []


def _bounds(clamp: Any, n: int) -> Moments:
    """The lowest and the highest value (n, 1) of each output."""
    low, high = (_host(each, np.float64)[:, None] for each in (clamp.low, clamp.high))
    if low.shape != (n, 1) or high.shape != (n, 1):
        got = f"a Clamp of {len(low)} and {len(high)} bounds behind {n} outputs"
        raise ArgumentValueError("module", got, "bounds for each output")
    return low, high


def _check_widths(layers: Layers) -> None:
    for layer, ((W, _), (W_next, _)) in enumerate(pairwise(layers), start=1):
        if W.shape[0] != W_next.shape[1]:
            got = f"layer {layer} of {W.shape[0]} units before one of {W_next.shape[1]} inputs"
            raise ArgumentValueError("module", got, "layers that fit together")


def _linear(module: Any) -> tuple[Any, Any]:
    """W (n, n_prev) and b (n, 1); 0 where the layer has no bias."""
    W = module.weight
    double = str(W.dtype) == "torch.float64"
    dtype = np.float64 if double else np.float32
    b = np.zeros(W.shape[0], dtype) if module.bias is None else _host(module.bias, dtype)
    return _host(W, dtype), b[:, None]


def _host(tensor: Any, dtype: Any) -> Any:
    """A copy in NumPy; float16 and bfloat16, which NumPy lacks in part, through float32."""
    tensor = tensor.detach().cpu()
    return np.array(tensor.double().numpy() if dtype == np.float64 else tensor.float().numpy())


def _activation(module: Any, nn: Any, own: Any) -> str:
    """Our name of a module's activation; an error where its settings are others than ours."""
    plain = {
        nn.ReLU: "relu",
        nn.Sigmoid: "sigmoid",
        nn.Tanh: "tanh",
        nn.SiLU: "silu",
        nn.SELU: "selu",
        nn.Mish: "mish",
    }
    name = {**plain, own.Exp: "exp"}.get(type(module))
    if name is not None:
        return name
    set_as_ours = {
        nn.LeakyReLU: ("leaky_relu", "negative_slope", (LEAKY_SLOPE,)),
        nn.ELU: ("elu", "alpha", (1.0,)),
        nn.GELU: ("gelu", "approximate", ("tanh",)),
        nn.Softplus: ("softplus", "beta", (1.0,)),
        nn.Softmax: ("softmax", "dim", (1, -1)),
    }
    if type(module) not in set_as_ours:
        known = ", ".join(each.__name__ for each in (*plain, *set_as_ours))
        raise ArgumentTypeError("module", f"{module}", f"made of Linear, {known}")
    name, setting, allowed = set_as_ours[type(module)]
    value = getattr(module, setting)
    if value not in allowed:
        wanted = (
            f"a {type(module).__name__} with {setting}={allowed[0]!r}, as {name!r} is defined here"
        )
        raise ArgumentValueError("module", f"{module}", wanted)
    return name


def _output(activations: list[str | None], n: int, kind: str | None) -> tuple[list[str], str]:
    """All activations, that of the output by the kind, and the kind, by that of the output."""
    output = activations[-1]
    hidden = [each or "identity" for each in activations[:-1]]
    natural = {"sigmoid": "binary" if n == 1 else "multilabel", "softmax": "multiclass"}
    kind = kind or natural.get(output or "", "regression")
    output = output or _OUTPUT_OF.get(kind, "identity")
    if kind == "binary" and n != 1:
        remedy = (
            Pass("kind", "multiclass"),
            " for one class of several, or ",
            Pass("kind", "multilabel"),
        )
        raise ArgumentValueError("module", f"{n} outputs with kind='binary'", "one output", remedy)
    if output != _OUTPUT_OF.get(kind, output):
        got = f"a network that ends in {output} with kind={kind!r}"
        wanted = f"one that ends in {_OUTPUT_OF[kind]} or in a Linear layer"
        raise ArgumentValueError("module", got, wanted)
    return [*hidden, output], kind
