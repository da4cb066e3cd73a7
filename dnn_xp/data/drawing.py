"""Which examples are set aside: drawn within each class, whole groups, or the last ones.

Pure functions of class codes, group codes and a NumPy Generator; nothing is read or copied here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]
Codes = npt.NDArray[np.signedinteger]


def stratified_counts(counts: npt.ArrayLike, held_out: int) -> Positions:
    """Examples of each class to set aside: largest remainders, every class on both sides.

    With m examples, of which ``counts[k]`` are of class k, the share ``q_k = held_out counts[k] / m``
    is rounded down; the examples that are still wanted go one each to the largest remainders
    ``q_k - floor(q_k)``, the larger class first and then the lower k among equal ones. The last
    example of a class is never set aside. At least one of each class with two or more is, where
    `held_out` is enough for all of these.

    Parameters
    ----------
    counts : array of int (K,)
        Examples of each class.
    held_out : int
        Examples to set aside, 0 to m.

    Returns
    -------
    array of int64 (K,)
        Adds up to `held_out`, or to ``m`` less the classes that have examples where that is less.

    References
    ----------
    Hare's quota with largest remainders, as
    :class:`sklearn.model_selection.StratifiedShuffleSplit` does it, but for equal remainders and
    classes that would have no example on one side.

    Examples
    --------
    >>> stratified_counts([700, 200, 100], 25).tolist()
    [18, 5, 2]
    >>> stratified_counts([396, 4], 40).tolist()
    [39, 1]
    >>> stratified_counts([1, 2, 3], 4).tolist()
    [0, 1, 2]
    """
    sizes = np.asarray(counts, dtype=np.int64)
    most = np.maximum(sizes - 1, 0)
    least = np.minimum(most, 1)
    held_out = min(held_out, int(most.sum()))
    if least.sum() > held_out:
        least = np.zeros_like(least)
    # Integers, so that equal remainders are equal: q_k = (shares_k m + remainders_k) / m.
    shares, remainders = np.divmod(held_out * sizes, max(int(sizes.sum()), 1))
    chosen: Positions = np.clip(shares, least, most)
    # Largest remainders first, then larger classes; lexsort is stable, so that the lower k wins.
    order = np.lexsort((-sizes, -remainders))
    while (left := held_out - int(chosen.sum())) > 0:
        chosen[order[chosen[order] < most[order]][:left]] += 1
    while (over := int(chosen.sum()) - held_out) > 0:
        chosen[order[::-1][(chosen > least)[order[::-1]]][:over]] -= 1
    return chosen


def draw_stratified(codes: Codes, counts: npt.ArrayLike, rng: np.random.Generator) -> Positions:
    """Random positions, ``counts[k]`` of class k, increasing.

    Parameters
    ----------
    codes : array of int (m,)
        The class of each example, 0 to K - 1.
    counts : array of int (K,)
        How many to draw of each class.
    rng : numpy Generator
        One permutation of m is drawn.

    Examples
    --------
    >>> codes = np.asarray([0, 1, 0, 0, 1, 0])
    >>> drawn = draw_stratified(codes, [2, 1], np.random.default_rng(0))
    >>> codes[drawn].sum(), len(drawn)
    (np.int64(1), 3)
    """
    wanted = np.asarray(counts, dtype=np.int64)
    order = rng.permutation(len(codes))
    # Classes one after the other, each in random order: the first ones of each are taken.
    order = order[np.argsort(codes[order], kind="stable")]
    sizes = np.bincount(codes, minlength=len(wanted))
    starts = np.cumsum(sizes) - sizes
    return np.sort(
        np.concatenate(
            [order[start : start + n] for start, n in zip(starts, wanted, strict=True) if n]
            or [order[:0]]
        )
    )


def draw_groups(
    groups: Codes, held_out: int, rng: np.random.Generator, codes: Codes | None = None
) -> Positions:
    """Positions of whole groups, drawn at random, together as near to `held_out` as the draw allows.

    Groups are visited in random order; one is taken where it brings the number of examples nearer
    to `held_out` and leaves an example of each of its classes. Where no group does, the smallest one
    is taken, of those that leave their classes if there are any.

    Parameters
    ----------
    groups : array of int (m,)
        The group of each example, 0 to G - 1, G at least 2, every group with an example.
    held_out : int
        Examples to set aside.
    rng : numpy Generator
        One permutation of G is drawn.
    codes : array of int (m,), optional
        The class of each example.

    Examples
    --------
    >>> groups = np.repeat([0, 1, 2, 3], 5)
    >>> drawn = draw_groups(groups, 5, np.random.default_rng(0))
    >>> len(drawn), len(set(groups[drawn].tolist()))
    (5, 1)
    """
    sizes = np.bincount(groups)
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(sizes)[:-1])
    left = None if codes is None else np.bincount(codes)

    def classes_of(group: int) -> tuple[Positions, Positions]:
        if codes is None:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return np.unique(codes[members[group]], return_counts=True)

    order = rng.permutation(len(sizes)).tolist()
    chosen: list[int] = []
    total = 0
    for group in order:
        size = int(sizes[group])
        if abs(total + size - held_out) >= abs(total - held_out):
            continue
        of_group, counts = classes_of(group)
        if left is not None:
            if (left[of_group] == counts).any():
                continue
            left[of_group] -= counts
        chosen.append(group)
        total += size
        if total >= held_out:
            break
    if not chosen:

        def loses_a_class(group: int) -> bool:
            of_group, counts = classes_of(group)
            return left is not None and bool((left[of_group] == counts).any())

        chosen = [min(order, key=lambda group: (loses_a_class(group), sizes[group]))]
    return np.sort(np.concatenate([members[group] for group in chosen]))


def first_of_last(m: int, held_out: int, groups: Codes | None = None) -> int | None:
    """The first of the last examples that are set aside, m - held_out; no group on both sides.

    With groups it is the position nearest to ``m - held_out`` that divides none; None where every
    position does.

    Examples
    --------
    >>> first_of_last(10, 3), first_of_last(10, 3, np.repeat([0, 1], 5))
    (7, 5)
    >>> first_of_last(4, 1, np.asarray([0, 1, 0, 1]))
    """
    if groups is None:
        return m - held_out
    _, first = np.unique(groups, return_index=True)
    _, behind = np.unique(groups[::-1], return_index=True)
    # Positions first + 1 to m - 1 - behind would divide the group.
    change = np.zeros(m + 1, dtype=np.int64)
    np.add.at(change, first + 1, 1)
    np.add.at(change, m - behind, -1)
    free = np.flatnonzero(np.cumsum(change)[1:m] == 0) + 1
    return int(free[np.argmin(np.abs(free - (m - held_out)))]) if len(free) else None
