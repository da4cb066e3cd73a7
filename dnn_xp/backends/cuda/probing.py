"""Which epilogues of cublasLt give the right numbers here: one small product of each decides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dnn_xp.backends.cuda.cublaslt import Products
from dnn_xp.formulas.types import Array

# A wrong bias, sign or sum is off by as much as the numbers themselves; TF32, should the user have
# switched it on for all of CuPy, by some thousandths.
_TOLERANCE = 1e-2


def epilogues_that_fail(
    products: Products,
    from_host: Callable[[np.ndarray], Array],
    to_host: Callable[[Array], np.ndarray],
) -> dict[str, str]:
    """Each epilogue that cannot be trusted on this device, and why."""
    rng = np.random.default_rng(0)
    shapes = ((48, 32), (32, 80), (48, 1), (48, 80))
    W, A_prev, b, dZ = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    Z = W @ A_prev + b
    # In the order that layers have them: examples side by side.
    on_device = [from_host(W), *(from_host(array.T.copy()).T for array in (A_prev, b, dZ))]
    mask, sums = products.empty_mask(48, 80), from_host(np.zeros((48, 1), np.float32))

    def bias() -> list[Array]:
        W, A_prev, b, _ = on_device
        return [products.matmul(W, A_prev, epilogue="BIAS", bias=b)]

    def relu() -> list[Array]:
        W, A_prev, b, _ = on_device
        return [products.matmul(W, A_prev, epilogue="RELU_AUX_BIAS", bias=b, mask=mask)]

    def relu_back() -> list[Array]:
        # Of the bits that the forward has just written.
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
        except Exception as error:  # whatever it is, the written formulas take over
            failing[name] = str(error)
            continue
        wrong = max(
            float(np.abs(one - other).max()) for one, other in zip(found, expected, strict=True)
        )
        if not wrong < _TOLERANCE * float(np.abs(Z).max()):
            failing[name] = f"it is wrong by {wrong:.1e}"
    return failing
