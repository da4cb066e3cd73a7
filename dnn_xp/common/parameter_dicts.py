"""Parameters and gradients as the course's dictionaries, {"W1": ..., "b1": ..., "W2": ...}."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dnn_xp.common.messages import describe, listing

_NAME = re.compile(r"([Wb])([1-9][0-9]*)")
# dA and dZ, which the course keeps beside dW and db.
_INTERMEDIATE = re.compile(r"d[AZ][0-9]+")


def layers_from_dict(
    arrays: Mapping[str, Any], *, prefix: str = "", argument: str = "parameters"
) -> list[tuple[Any, Any]]:
    """[(W1, b1), (W2, b2), ...] from {"W1": W1, "b1": b1, ...}; the arrays themselves.

    Parameters
    ----------
    arrays : mapping
        W1, b1, ..., WL, bL, each with `prefix` in front. With a prefix of "d", keys such as "dA0" and
        "dZ1" are passed over.
    prefix : str
        "" for parameters, "d" for gradients.
    argument : str
        What the errors call the dictionary.

    Raises
    ------
    TypeError
        For keys that are no text.
    ValueError
        For keys of other names, and where a layer has only one of W and b or is missing.

    Examples
    --------
    >>> layers_from_dict({"dW1": 1, "db1": 2, "dW2": 3, "db2": 4, "dA1": 5}, prefix="d")
    [(1, 2), (3, 4)]
    """
    wanted = f"{argument} must have the keys '{prefix}W1', '{prefix}b1', '{prefix}W2', ..."
    found: dict[tuple[str, int], Any] = {}
    for key, array in arrays.items():
        if not isinstance(key, str):
            msg = f"{wanted}; one key is {describe(key)}"
            raise TypeError(msg)
        if prefix and _INTERMEDIATE.fullmatch(key):
            continue
        name = _NAME.fullmatch(key.removeprefix(prefix)) if key.startswith(prefix) else None
        if name is None:
            msg = f"{wanted}; {key!r} is none of them, rename it or leave it out"
            raise ValueError(msg)
        found[name[1], int(name[2])] = array
    layers = max((layer for _, layer in found), default=1)
    expected = [(letter, layer) for layer in range(1, layers + 1) for letter in "Wb"]
    missing = [
        f"{prefix}{letter}{layer}" for letter, layer in expected if (letter, layer) not in found
    ]
    if missing:
        msg = f"{wanted}; {listing(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        raise ValueError(msg)
    return [(found["W", layer], found["b", layer]) for layer in range(1, layers + 1)]


def layers_to_dict(layers: Iterable[tuple[Any, Any]], *, prefix: str = "") -> dict[str, Any]:
    """{"W1": W1, "b1": b1, ...} from [(W1, b1), ...]; `prefix` "d" gives "dW1", "db1", ...

    Examples
    --------
    >>> layers_to_dict([(1, 2), (3, 4)], prefix="d")
    {'dW1': 1, 'db1': 2, 'dW2': 3, 'db2': 4}
    """
    return {
        f"{prefix}{letter}{number}": array
        for number, layer in enumerate(layers, start=1)
        for letter, array in zip("Wb", layer, strict=True)
    }
