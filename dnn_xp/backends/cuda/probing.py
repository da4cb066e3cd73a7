"""Checks each epilogue of cublasLt on this device by a small product."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dnn_xp.backends.cuda.cublaslt import Products
from dnn_xp.formulas.types import Array

# A wrong bias, sign or sum has an error of the size of the values; TF32, which the user may have
# switched on for all of CuPy, one of a few thousandths.
_TOLERANCE = 1e-2


def epilogues_that_fail(
    products: Products,
    from_host: Callable[[np.ndarray], Array],
    to_host: Callable[[Array], np.ndarray],
) -> dict[str, str]:
    """The epilogues that fail or give wrong values on this device, and why."""
    rng = np.random.default_rng(0)
    shapes = ((48, 32), (32, 80), (48, 1), (48, 80))
    W, A_prev, b, dZ = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    Z = W @ A_prev + b
    # In Fortran order, as in layers.
    on_device = [from_host(W), *(from_host(array.T.copy()).T for array in (A_prev, b, dZ))]
    mask, sums = products.empty_mask(48, 80), from_host(np.zeros((48, 1), np.float32))

    def bias() -> list[Array]:
        W, A_prev, b, _ = on_device
        return [products.matmul(W, A_prev, epilogue="BIAS", bias=b)]

    def relu() -> list[Array]:
        W, A_prev, b, _ = on_device
        return [products.matmul(W, A_prev, epilogue="RELU_AUX_BIAS", bias=b, mask=mask)]

    def relu_back() -> list[Array]:
        # With the mask that relu() wrote.
        W, A_prev, _, _ = on_device
        return [products.matmul(W, A_prev, epilogue="DRELU", mask=mask)]

    def gradients() -> list[Array]:
        _, A_prev, _, dZ = on_device
        return [products.matmul(dZ, A_prev.T, epilogue="BGRADA", bias=sums), sums]

    cases: dict[str, tuple[Callable[[], list[Array]], list[np.ndarray]]] = {
        "BIAS": (bias, [Z]),
        "RELU_AUX_BIAS": (relu, [np.maximum(Z, 0.0)]),
        "DRELU": (relu_back, [(W @ A_prev) * (Z > 0.0)]),
        "BGRADA": (gradients, [dZ @ A_prev.T, dZ.sum(axis=1, keepdims=True)]),
    }
    failing = {}
    for name, (run, expected) in cases.items():
        try:
            found = [to_host(array) for array in run()]
        except Exception as error:  # after any error the fused formulas are used
            failing[name] = str(error)
            continue
        wrong = max(
            float(np.abs(one - other).max()) for one, other in zip(found, expected, strict=True)
        )
        if not wrong < _TOLERANCE * float(np.abs(Z).max()):
            failing[name] = f"it is wrong by {wrong:.1e}"
    return failing
