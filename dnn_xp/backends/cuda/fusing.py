"""Elementwise formulas as single CUDA kernels, traced by `cupy.fuse`.

Matrices on the GPU are in Fortran order: the values of an example are contiguous. CuPy's kernels
index in C order, so they get transposed views, which is equivalent for an elementwise formula.
Results are allocated here, in the order and dtype of the operands. For bfloat16 every operation of
a formula is computed in float32, in registers, and only results are rounded.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from dnn_xp.backends.record import Function
from dnn_xp.formulas.activations import ACTIVATIONS, Activation
from dnn_xp.formulas.costs import Cost
from dnn_xp.formulas.layers import LayerCache, Layers, activated
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.output_activations import identity
from dnn_xp.formulas.types import Array, Namespace

Fuse = Callable[[Function, int], Function]


def tracing_namespace(cupy: Any) -> Namespace:
    """The namespace of formulas while they are traced: CuPy's, with an astype that can be traced."""
    traced = ModuleType("cupy, traced")
    traced.__dict__.update(vars(cupy), astype=_astype)
    return traced


def _astype(x: Any, dtype: Any, *, copy: bool = True) -> Any:
    return x.astype(dtype)


def kernel_of(formula: Function, cupy: Any, *, inputs: int, widen: bool) -> Function:
    """The formula as a function of its operands and of output arrays; `widen` computes in float32."""
    traced = tracing_namespace(cupy)

    def written(*arrays: Any) -> None:
        operands = [x.astype(np.float32) for x in arrays[:inputs]] if widen else arrays[:inputs]
        results = formula(*operands, xp=traced)
        for out, result in zip(
            arrays[inputs:], results if isinstance(results, tuple) else (results,), strict=True
        ):
            out[...] = result

    return written


def fuser(cupy: Any) -> Fuse:
    """Make the function that fuses an elementwise formula into one kernel."""

    def fuse(formula: Function, results: int = 1) -> Function:
        name = getattr(getattr(formula, "func", formula), "__name__", "formula")
        in_c = re.sub(r"\W", "_", name)  # a lambda is called <lambda>
        kernels: dict[tuple[int, bool], Function] = {}
        untraceable: set[tuple[int, bool]] = set()

        def fused(*arrays: Array, xp: Namespace) -> Any:
            widen = arrays[0].dtype.itemsize == 2
            key = len(arrays), widen
            if key in untraceable:
                return formula(*arrays, xp=xp)
            if key not in kernels:
                written = kernel_of(formula, cupy, inputs=len(arrays), widen=widen)
                kernels[key] = cupy.fuse(kernel_name=f"dnn_xp_{in_c}")(written)
            shape = np.broadcast_shapes(*(array.shape for array in arrays))
            outs = [cupy.empty(shape[::-1], dtype=arrays[0].dtype) for _ in range(results)]
            try:
                kernels[key](*(array.T for array in arrays), *outs)
            except MemoryError:
                raise
            except Exception as error:  # a formula of the user's may not be traceable
                untraceable.add(key)
                warnings.warn(
                    f"CuPy cannot fuse {name}, which runs as written, one kernel per operation: "
                    f"{error}",
                    stacklevel=2,
                )
                return formula(*arrays, xp=xp)
            return outs[0].T if results == 1 else tuple(out.T for out in outs)

        return fused

    return fuse


def _fused_activation(activation: Activation, fuse: Fuse) -> Activation:
    # The identity returns its argument; a kernel would copy it.
    if not activation.elementwise or activation.forward is identity:
        return activation
    return activation._replace(
        forward=fuse(activation.forward, 1), backward=fuse(activation.backward, 1)
    )


def _fused_cost(cost: Cost, fuse: Fuse) -> Cost:
    if not ACTIVATIONS[cost.activation].elementwise:
        return cost
    return cost._replace(loss=fuse(cost.loss, 1), derivative=fuse(cost.derivative, 1))


def fused(network: Network, fuse: Fuse) -> tuple[Network, Layers]:
    """The same network with its elementwise formulas fused, and a layer's bias with its activation."""
    by_name = {each.name: _fused_activation(each, fuse) for each in network.activations}
    activations = tuple(by_name[each.name] for each in network.activations)
    of_layer = {
        ours.name: fuse(partial(activated, activation=ours), 2)
        for ours in dict.fromkeys(network.activations[:-1])
        if by_name[ours.name] is not ours
    }

    def linear_activation_forward(
        A_prev: Array, W: Array, b: Array, activation: Activation, *, xp: Namespace
    ) -> tuple[Array, LayerCache]:
        run = of_layer.get(activation.name, partial(activated, activation=activation))
        A, Z = run(xp.matmul(W, A_prev), b, xp=xp)
        return A, ((A_prev, W, b), Z)

    lowered = network._replace(activations=activations, cost=_fused_cost(network.cost, fuse))
    return lowered, Layers(linear_activation_forward=linear_activation_forward)
