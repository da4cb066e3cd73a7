"""Mini-batches: the examples of one epoch in a random order, cut into batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dnn_xp.common.checks import check_int

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def mini_batches(
    m: int, batch_size: int, rng: np.random.Generator | np.random.RandomState
) -> Iterator[NDArray[np.integer[Any]]]:
    """Batches of one epoch: a permutation of 0, ..., m - 1, cut every batch_size examples.

    Parameters
    ----------
    m : int
        Examples, >= 1.
    batch_size : int
        Examples of a batch, >= 1. The last batch holds the rest, m modulo batch_size, if there is one.
    rng : numpy Generator or RandomState
        Draws the permutation, when the function is called; its state advances.

    Returns
    -------
    iterator of integer arrays
        The positions of each batch's examples, (batch_size,): X[:, chosen] and Y[:, chosen].

    Raises
    ------
    ValueError
        Unless m and batch_size are whole numbers >= 1.

    Examples
    --------
    >>> import numpy as np
    >>> batches = list(mini_batches(10, 4, np.random.default_rng(0)))
    >>> [len(chosen) for chosen in batches]
    [4, 4, 2]
    >>> sorted(np.concatenate(batches).tolist()) == list(range(10))
    True
    """
    m = check_int("m", m, at_least=1)
    batch_size = check_int("batch_size", batch_size, at_least=1)
    order = rng.permutation(m)
    return (order[start : start + batch_size] for start in range(0, m, batch_size))
