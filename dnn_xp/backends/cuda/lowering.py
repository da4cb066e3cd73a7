"""The steps of a layer by epilogues of cublasLt, where there is one for the product and activation.

    Z = W A_prev + b                          BIAS
    A = relu(W A_prev + b)                    RELU_AUX_BIAS; the cache holds A and its mask for Z
    m dW = dZ A_prev^T, m db = sum(dZ)        BGRADA
    dZ_prev = (W^T dZ) * relu'(Z_prev)        DRELU

Other steps run as in `fusing`: a product, then one kernel for the elementwise operations. Tests
compare these functions with the formulas in `formulas.layers`.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any, NamedTuple

from dnn_xp.backends.cuda.cublaslt import Products, UnsupportedError
from dnn_xp.backends.cuda.fusing import Fuse, fused
from dnn_xp.formulas.activations import Activation
from dnn_xp.formulas.hidden_activations import relu
from dnn_xp.formulas.layers import LayerCache, Layers, LinearCache
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.output_activations import identity
from dnn_xp.formulas.types import Array, Namespace


class Rectified(NamedTuple):
    """What the cache of relu holds for Z: A, which is above 0 where Z is, and one bit per element."""

    A: Array
    mask: Array


def outer_derivative(
    dZ: Array, w: Array, Z_prev: Array, *, activation: Activation, xp: Namespace
) -> Array:
    """From a layer of one unit, with w = W^T (n_prev, 1): ``dZ_prev = (w dZ) * g'(Z_prev)``; elementwise."""
    return activation.backward(w * dZ, Z_prev, xp=xp)


def lowered(
    network: Network, fuse: Fuse, products: Products, epilogues: Collection[str]
) -> tuple[Network, Layers]:
    """The same network, fused, and the steps of its layers by the given epilogues."""
    written = network.activations
    network, plain = fused(network, fuse)
    # With dropout the backward pass multiplies by its mask between W^T dZ and g', and needs Z; that of
    # an ensemble regroups the columns of its members there.
    needs_Z = network.ensemble is not None or any(p < 1.0 for p in network.keep_probs)
    # Compare functions before fusing, not names: a user may give the name relu to another activation.
    by_bits = {
        each.name
        for each in written
        if each.forward is relu and "RELU_AUX_BIAS" in epilogues and not needs_Z
    }
    outer = {
        activation.name: fuse(partial(outer_derivative, activation=activation), 1)
        for activation in dict.fromkeys(written[:-1])
        if activation.elementwise
    }

    def product(A: Array, B: Array, epilogue: str, **how: Any) -> Array | None:
        """The product, or None if there is no such epilogue, for these shapes or at all."""
        if epilogue not in epilogues:
            return None
        try:
            return products.matmul(A, B, epilogue=epilogue, **how)
        except UnsupportedError:
            return None

    def linear_forward(
        A_prev: Array, W: Array, b: Array, *, xp: Namespace
    ) -> tuple[Array, LinearCache]:
        Z = product(W, A_prev, "BIAS", bias=b)
        if Z is None:
            return plain.linear_forward(A_prev, W, b, xp=xp)
        return Z, (A_prev, W, b)

    def linear_activation_forward(
        A_prev: Array, W: Array, b: Array, activation: Activation, *, xp: Namespace
    ) -> tuple[Array, LayerCache]:
        if activation.forward is identity:
            Z, cache = linear_forward(A_prev, W, b, xp=xp)
            return Z, (cache, Z)
        if activation.name in by_bits:
            mask = products.empty_mask(W.shape[0], A_prev.shape[1])
            A = product(W, A_prev, "RELU_AUX_BIAS", bias=b, mask=mask)
            if A is not None:
                return A, ((A_prev, W, b), Rectified(A, mask))
        return plain.linear_activation_forward(A_prev, W, b, activation, xp=xp)

    def linear_gradient_sums(dZ: Array, A_prev: Array, *, xp: Namespace) -> tuple[Array, Array]:
        # Sums over examples are in float32 even if layers are in bfloat16.
        dtype = xp.float32 if dZ.dtype.itemsize == 2 else dZ.dtype
        sums = xp.empty((dZ.shape[0], 1), dtype=dtype)
        dW = product(dZ, A_prev.T, "BGRADA", bias=sums, dtype=dtype)
        if dW is None:
            return plain.linear_gradient_sums(dZ, A_prev, xp=xp)
        return dW, sums

    def linear_activation_derivative(
        dZ: Array, W: Array, Z_prev: Array | Rectified, activation: Activation, *, xp: Namespace
    ) -> Array:
        if W.shape[0] > 1 and isinstance(Z_prev, Rectified):
            dZ_prev = product(W.T, dZ, "DRELU", mask=Z_prev.mask)
            if dZ_prev is not None:
                return dZ_prev
        Z = Z_prev.A if isinstance(Z_prev, Rectified) else Z_prev
        if W.shape[0] == 1 and activation.name in outer:
            return outer[activation.name](dZ, W.T, Z, xp=xp)
        return plain.linear_activation_derivative(dZ, W, Z, activation, xp=xp)

    return network, Layers(
        linear_forward,
        linear_activation_forward,
        linear_gradient_sums,
        linear_activation_derivative,
    )
