"""The NumPy backend's products of layers beside numpy.matmul, where they are put to BLAS in pieces.

x2 is another array in every call: a block's arrays come from the cache that the layer before has
left, and an operand that stays where it is would flatter the pieces.
"""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
import pytest

from benchmarks import ours
from benchmarks.shapes import scaled
from dnn_xp.backends.numpy.settings import numpy_settings
from dnn_xp.execution.engine import Engine

# n, k, p, and whether x2 is the transpose of an array in rows, as in dW = dZ A^T.
PRODUCTS = {
    "W (32, 32) A (32, 8080)": (32, 32, 8080, False),
    "W (100, 100) A (100, 2000)": (100, 100, 2000, False),
    "W (20, 12288) X (12288, 209)": (20, 12288, 209, False),
    "dZ (64, 4080) X^T (4080, 28)": (64, 4080, 28, True),
    "dZ (64, 4080) A^T (4080, 64)": (64, 4080, 64, True),
    "dZ (10, 944) A^T (944, 512)": (10, 944, 512, True),
    "dZ (20, 209) X^T (209, 3072)": (20, 209, 3072, True),
}


@pytest.mark.benchmark(group="product")
@pytest.mark.parametrize("way", ours.PRODUCTS)
@pytest.mark.parametrize("name", PRODUCTS)
def test_product(benchmark: Any, name: str, way: str, scale: float) -> None:
    n, k, p, across = PRODUCTS[name]
    k, p = (scaled(side, scale) if side == max(n, k, p) else side for side in (k, p))
    rng = np.random.default_rng(0)
    x1 = rng.standard_normal((n, k), dtype=np.float32)
    seconds = [rng.standard_normal((p, k) if across else (k, p), dtype=np.float32) for _ in "abcd"]
    operands = [each.T if across else each for each in seconds]
    product = ours.PRODUCTS[way]
    exact = x1.astype(np.float64) @ operands[0].astype(np.float64)
    np.testing.assert_allclose(product(x1, operands[0]), exact, rtol=0, atol=1e-5 * k)
    following = cycle(operands)
    benchmark.extra_info |= {"kind": "product", "name": f"{name}, {way}", "device": "cpu", "m": k}
    with numpy_settings(), Engine(1):
        benchmark(lambda: product(x1, next(following)))
