"""Values that a user may pass, drawn from a generator: examples, targets, weights, and junk."""

from __future__ import annotations

from typing import Any

import numpy as np

Rng = np.random.Generator


def chance(rng: Rng, probability: float) -> bool:
    """True with this probability."""
    return bool(rng.random() < probability)


def one_of(rng: Rng, choices: Any) -> Any:
    """One of some choices, which NumPy would make an array of."""
    choices = list(choices)
    return choices[int(rng.integers(len(choices)))]


JUNK: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 7, 10**400, -(10**400), 2**63, 1.5, -0.0, 1e308, 1e-320),
    *(float("nan"), float("inf"), "x", "", "auto", "relu", "ä\udc80", b"ab", 1j, ..., int, len),
    *([], [[]], {}, {1: 2}, (), (1, 2), [1, "a"], [None], {"a"}, range(3), object(), slice(3)),
    *(
        np.array([1, 2]),
        np.array([]),
        np.array(3),
        np.array("a"),
        np.array([None]),
        np.zeros((2, 2)),
    ),
    *(
        np.float64(0.5),
        np.float32("nan"),
        np.int8(3),
        np.bool_(True),
        np.str_("adam"),
        np.uint64(2),
    ),
    *(np.datetime64("2020-01-01"), np.random.default_rng(0), np.ma.masked, np.dtype("f4"), "8,8"),
    lambda *given: given,
)

_DTYPES = ("f8", "f8", "f8", "f4", "f4", "f2", ">f4", ">f8", "i8", "i4", "i1", "u1", "u8", "?", "g")


def junk(rng: Rng) -> Any:
    """A value that is nearly always wrong."""
    return one_of(rng, JUNK)


def matrix(rng: Rng, n: int, m: int) -> Any:
    """(n, m) numbers of any scale, dtype and layout, now and then with NaN or infinity."""
    values = rng.standard_normal((n, m))
    if chance(rng, 0.25):
        with np.errstate(all="ignore"):
            values = values * np.float64(10) ** rng.uniform(-320, 320) + 10.0 ** rng.uniform(
                -10, 10
            )
    if chance(rng, 0.1):
        values[int(rng.integers(n))] = one_of(rng, (0.0, 1e30, -1e300, 5e-324))
    dtype = one_of(rng, _DTYPES)
    with np.errstate(all="ignore"):
        values = values.astype(dtype)
    if values.dtype.kind == "f" and chance(rng, 0.04):
        values[int(rng.integers(n)), int(rng.integers(m))] = one_of(rng, (np.nan, np.inf, -np.inf))
    return laid_out(rng, values)


def laid_out(rng: Rng, values: Any) -> Any:
    """The same values in another layout, at times read-only."""
    how = int(rng.integers(8))
    if how == 0:
        values = np.asfortranarray(values)
    elif how == 1:
        wide = np.zeros([2 * size + 1 for size in values.shape], values.dtype)
        part = wide[tuple(slice(1, None, 2) for _ in values.shape)]
        part[...] = values
        values = part
    elif how == 2:
        values = values[::-1][::1][::-1]
    elif how == 3 and not values.dtype.hasobject:
        raw = np.zeros(values.nbytes + 1, np.uint8)[1:].view(values.dtype).reshape(values.shape)
        raw[...] = values
        values = raw
    if chance(rng, 0.3):
        values = values.view()
        values.flags.writeable = False
    return values


def wrapped(rng: Rng, values: Any, libraries: Any) -> Any:
    """The values as a list, a frame, or an array of another library, or as they are."""
    how = int(rng.integers(60))
    if how == 0:
        return values.tolist()
    if how == 1:
        import pandas

        return pandas.DataFrame(values.astype(values.dtype.newbyteorder("=")))
    if how == 2:
        return np.ma.masked_array(values, mask=rng.random(values.shape) < one_of(rng, (0, 0.1)))
    if how == 3:
        return values.astype(object)
    if how == 4:
        with np.errstate(all="ignore"):
            return values.astype(one_of(rng, ("c8", "U5", "S3", "M8[s]")))
    if how == 5:
        return values.reshape(one_of(rng, ((-1,), (1, *values.shape), (*values.shape, 1))))
    if how == 6 and libraries:
        try:
            return one_of(rng, libraries)(
                np.ascontiguousarray(values, values.dtype.newbyteorder("="))
            )
        except (TypeError, ValueError):  # a dtype that the library lacks
            return values
    if how == 7:
        return junk(rng)
    return values


def targets(rng: Rng, m: int) -> Any:
    """Targets of m examples, of any kind, at times wrong."""
    kind = int(rng.integers(12))
    count = int(rng.integers(1, 4))
    codes = rng.integers(0, count + 1, m)
    if kind < 3:
        values: Any = codes.astype(one_of(rng, ("i8", "u1", "?", "f4", "f8")))
    elif kind == 3:
        values = np.array(["ant", "bee", "", "ä"])[codes]
    elif kind == 4:
        values = np.eye(count + 1, dtype=one_of(rng, ("f4", "i8", "?")))[:, codes]
    elif kind == 5:
        values = rng.random((count, m))
    elif kind == 6:
        values = np.array([b"a", None, "b", 1.5], dtype=object)[codes]
    else:
        values = rng.standard_normal(m if chance(rng, 0.6) else (count, m))
        if chance(rng, 0.3):
            with np.errstate(all="ignore"):
                values = values * np.float64(10) ** rng.uniform(-320, 320)
        if chance(rng, 0.05):
            values.reshape(-1)[int(rng.integers(values.size))] = one_of(rng, (np.nan, np.inf))
    if chance(rng, 0.05):
        values = values[..., : int(rng.integers(m))]
    if chance(rng, 0.05):
        return values.tolist()
    return junk(rng) if chance(rng, 0.03) else laid_out(rng, values)


def fingerprint(value: Any) -> Any:
    """What tells an input from a changed one."""
    if isinstance(value, np.ma.MaskedArray):
        return fingerprint(value.data), fingerprint(np.ma.getmaskarray(value))
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.strides, value.flags.writeable, _bytes(value)
    if type(value).__module__.partition(".")[0] == "pandas":
        return [(str(value[name].dtype), value[name].to_numpy().tobytes()) for name in value]
    if isinstance(value, (list, tuple)):
        return [fingerprint(each) for each in value]
    if type(value).__module__.partition(".")[0] in ("torch", "array_api_strict"):
        return str(value)
    return None


def _bytes(value: Any) -> Any:
    return repr(value.tolist()) if value.dtype.kind == "O" else value.tobytes()
