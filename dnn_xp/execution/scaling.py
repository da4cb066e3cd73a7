"""Mean and scale where blocks are computed: ``(values - mean) / scale`` in the working dtype."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from dnn_xp.backends.record import Backend
from dnn_xp.data.quantiles import Binned, scaled_by
from dnn_xp.data.standardize import WIDER_THAN_FLOAT32, standardize
from dnn_xp.formulas.tabular import smooth_clip
from dnn_xp.formulas.types import Array, Namespace

# Mean and scale, (n, 1) each.
MeanAndScale: TypeAlias = tuple[np.ndarray, np.ndarray]
# The standardization of X: the same, or with the bins of a piecewise encoding.
ScaleOfX: TypeAlias = MeanAndScale | Binned
# Standardized values beyond which no bin begins or ends, and which float32 holds.
_BEYOND_BINS = 1e30
# Bins that are narrower have no component: 1 / width is not to overflow.
_NARROWEST_BIN = 1e-25


class Scaling(NamedTuple):
    """Mean and scale (n, 1) that the values of a block are standardized with.

    Attributes
    ----------
    moments : pair of arrays
        In the working dtype, or in float64 where that has no room for them.
    wide : pair of arrays, optional
        The same in float64, for blocks whose values the working dtype would round before the mean is
        taken away: of a time in seconds since 1970 float32 keeps no more than two minutes.
    rounded : list of dtypes
        The dtypes of those blocks, of the library that computes.
    clipped : bool
        Whether the result is clipped smoothly, as that of quantiles is.
    codes : int
        Last rows that hold codes of categories, and are not clipped.
    bins : pair of arrays, optional
        Lower edges and slopes (numbers, bins) of a piecewise encoding, for values that are not clipped.
    """

    moments: tuple[Array, Array]
    wide: tuple[Array, Array] | None
    rounded: list[Any]
    clipped: bool = False
    codes: int = 0
    bins: tuple[Array, Array] | None = None

    def standardized(self, values: Array, dtype: Any, *, xp: Namespace) -> Array:
        """``(values - mean) / scale``, clipped or not, in the working dtype."""
        scaled = self._scaled(values, dtype, xp=xp)
        if self.clipped:
            scaled = self._clipped(scaled, xp=xp)
        return xp.astype(scaled, dtype, copy=False)

    def for_bins(self, values: Array, dtype: Any, *, xp: Namespace) -> Array:
        """``(values - mean) / scale``, which is not clipped, in the working dtype."""
        scaled = self._scaled(values, dtype, xp=xp)
        bounded = xp.minimum(xp.maximum(scaled, -_BEYOND_BINS), _BEYOND_BINS)
        return xp.astype(bounded, dtype, copy=False)

    def _scaled(self, values: Array, dtype: Any, *, xp: Namespace) -> Array:
        if self.wide is not None and values.dtype in self.rounded:
            values, moments = xp.astype(values, xp.float64, copy=False), self.wide
        else:
            values, moments = xp.astype(values, dtype, copy=False), self.moments
        return standardize(values, *moments, xp=xp)

    def _clipped(self, scaled: Array, *, xp: Namespace) -> Array:
        if not self.codes:
            return smooth_clip(scaled, xp=xp)
        numbers = scaled.shape[0] - self.codes
        return xp.concat([smooth_clip(scaled[:numbers, :], xp=xp), scaled[numbers:, :]], axis=0)

    def in_original_units(self, Z: Array, *, xp: Namespace) -> Array:
        """``Z scale + mean``, in the dtype of Z."""
        wide, (mean, scale) = Z, self.moments
        if self.wide is not None:
            wide, (mean, scale) = xp.astype(Z, xp.float64), self.wide
        return xp.astype(wide * scale + mean, Z.dtype, copy=False)


def scaling_on(
    backend: Backend, moments: ScaleOfX | None, dtype: str, *, codes: int = 0
) -> Scaling | None:
    """Mean and scale where the backend computes, for blocks in a working dtype."""
    if moments is None:
        return None
    wide = None
    if dtype == "float32":
        # Where the device has no float64 there is no better than the working dtype.
        with suppress(TypeError, ValueError):
            wide = _placed(moments, backend, "float64")
    xp = backend.xp
    rounded = [getattr(xp, name) for name in WIDER_THAN_FLOAT32 if hasattr(xp, name)]
    clipped = scaled_by(moments) == "quantiles"
    bins = _bins_on(backend, moments.edges, dtype) if isinstance(moments, Binned) else None
    if wide is not None and not _fits_float32(*moments[:2]):
        return Scaling(wide, wide, rounded, clipped, codes, bins)
    return Scaling(_placed(moments, backend, dtype), wide, rounded, clipped, codes, bins)


def _bins_on(backend: Backend, edges: np.ndarray, dtype: str) -> tuple[Array, Array]:
    """Lower edges and slopes (numbers, bins) of edges (numbers, bins + 1), as they are in the working dtype."""
    rounded = np.clip(edges, -_BEYOND_BINS, _BEYOND_BINS).astype(dtype)
    widths = np.diff(rounded.astype(np.float64), axis=1)
    exists = widths > _NARROWEST_BIN
    slopes = np.where(exists, 1.0 / np.where(exists, widths, 1.0), 0.0).astype(dtype)
    return backend.from_host(np.ascontiguousarray(rounded[:, :-1])), backend.from_host(slopes)


def _placed(moments: ScaleOfX, backend: Backend, dtype: str) -> tuple[Array, Array]:
    with np.errstate(over="ignore", under="ignore"):
        arrays = [np.asarray(array, dtype=dtype) for array in moments[:2]]
    mean, scale = map(backend.from_host, arrays)
    return mean, scale


def _fits_float32(mean: np.ndarray, scale: np.ndarray) -> bool:
    """Whether float32 holds every mean and scale: none overflows, and no scale underflows."""
    limits = np.finfo(np.float32)
    largest = max(np.abs(mean).max(), scale.max())
    return bool(largest <= limits.max and scale.min() >= limits.tiny)
