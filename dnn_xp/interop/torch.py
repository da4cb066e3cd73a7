"""Models as torch.nn.Sequential."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from dnn_xp.common.checks import check_bool
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import listing, optional_package
from dnn_xp.data.quantiles import Quantiles
from dnn_xp.formulas.hidden_activations import LEAKY_SLOPE
from dnn_xp.interop.networks import (
    layers_of,
    refuse_columns,
)

if TYPE_CHECKING:
    from dnn_xp.model.model import Model

# Above this, torch's softplus is Z itself; by then exp(-Z) is below float64's rounding.
_SOFTPLUS_THRESHOLD = 40.0


def torch_packages() -> tuple[Any, Any]:
    """torch.nn, and the modules that it lacks."""
    nn: Any = optional_package("torch.nn", purpose="Its networks", extra="torch")
    from dnn_xp.interop import torch_modules

    return nn, torch_modules


def _makers() -> dict[str, Callable[[], Any]]:
    """A module for each activation."""
    nn, own = torch_packages()
    return {
        "relu": nn.ReLU,
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "softmax": lambda: nn.Softmax(dim=1),
        "identity": nn.Identity,
        "leaky_relu": lambda: nn.LeakyReLU(LEAKY_SLOPE),
        "elu": nn.ELU,
        "gelu": lambda: nn.GELU(approximate="tanh"),
        "silu": nn.SiLU,
        "selu": nn.SELU,
        "mish": nn.Mish,
        "softplus": lambda: nn.Softplus(threshold=_SOFTPLUS_THRESHOLD),
        "exp": own.Exp,
    }


def module_of(model: Model, *, logits: bool = False) -> Any:
    """The Sequential; see `Model.to_torch`."""
    logits = check_bool("logits", logits)
    torch: Any = optional_package("torch", purpose="Its networks", extra="torch")
    nn, own = torch_packages()
    refuse_columns(model, "PyTorch")
    makers = _makers()
    if unknown := [name for name in dict.fromkeys(model.activations) if name not in makers]:
        raise ArgumentValueError(
            "model", f"the activation {listing(unknown)}", f"one of {listing(makers)}"
        )
    modules: list[Any] = []
    if model.standardization is not None:
        moments = [
            torch.from_numpy(np.array(each.reshape(-1))) for each in model.standardization[:2]
        ]
        modules.append(own.Standardize(*moments))
    if isinstance(model.standardization, Quantiles):
        modules.append(own.SmoothClip())
    for (W, b), name in zip(layers_of(model), model.activations, strict=True):
        # Initial weights would be drawn from torch's generator, on which the user may count.
        linear = nn.utils.skip_init(nn.Linear, *W.shape[::-1], dtype=getattr(torch, model.dtype))
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W))
            linear.bias.copy_(torch.from_numpy(b.reshape(-1)))
        modules += [linear, makers[name]()]
    for layer, a in enumerate(model.mixes):
        # Behind what standardizes X come a Linear and an activation for each layer.
        place = len(modules) - 2 * len(model.activations) + 2 * layer + 1
        share = torch.from_numpy(np.array(model.backend.to_host(a)).reshape(-1))
        modules[place] = own.Mixed(modules[place], share)
    # An output without activation ends in its Linear layer, as PyTorch's users write it.
    if logits or model.activations[-1] == "identity":
        modules.pop()
    if model.target_range is not None:
        dtype = getattr(torch, model.dtype)
        bounds = [torch.tensor(each.reshape(-1), dtype=dtype) for each in model.target_range]
        modules.append(own.Clamp(*bounds))
    return nn.Sequential(*modules).eval()
