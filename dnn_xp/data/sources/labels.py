"""Class labels as targets: stored as small integer codes, expanded to one-hot columns per block."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.data.host import device, namespace, positions_for
from dnn_xp.formulas.types import Array


def code_dtype(n_classes: int) -> np.dtype[Any]:
    """The smallest signed integers that hold 0, ..., n_classes - 1."""
    for dtype in (np.int8, np.int16):
        if n_classes - 1 <= np.iinfo(dtype).max:
            return np.dtype(dtype)
    return np.dtype(np.int32)


class LabelSource:
    """The targets of class labels: (1, m) of 0 and 1, or (n, m) one-hot columns.

    Only the codes are stored. `block` expands them in the codes' own library and on their device:
    LabelSource(codes on a device, n) is the same source on that device.

    Parameters
    ----------
    codes : integer array, (m,)
        0 or 1 where n is 1, else 0, ..., n - 1.
    n : int
        Outputs of the network: 1 for two classes with a sigmoid.
    dtype : str
        "float32" or "float64", of the blocks.
    """

    in_memory = True

    def __init__(self, codes: Array, n: int, *, dtype: str = "float32") -> None:
        self.codes, self.n, self.m = codes, n, int(codes.shape[0])
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self._xp = namespace(codes)

    def block(self, start: int, stop: int) -> Array:
        """Targets of examples start to stop-1: (n, stop - start)."""
        return self._expand(self.codes[start:stop])

    def gather(self, indices: npt.NDArray[np.int64]) -> Array:
        """Targets of the examples at these positions: (n, len(indices))."""
        if isinstance(self.codes, np.ndarray):
            return self._expand(self.codes[indices])
        positions = positions_for(self.codes, indices, self.m)
        return self._expand(self._xp.take(self.codes, positions, axis=0))

    def _expand(self, codes: Array) -> Array:
        xp = self._xp
        row = codes[None, :]
        if self.n > 1:
            # Column j of the block is e_k for the class k of example j.
            row = row == xp.arange(self.n, dtype=codes.dtype, device=device(codes))[:, None]
        return xp.astype(row, getattr(xp, self.dtype.name))

    def __repr__(self) -> str:
        return f"LabelSource(n={self.n}, m={self.m}, dtype={self.dtype})"
