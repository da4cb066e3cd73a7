"""The tree along which contributions of blocks are added, and parts of it that are computed elsewhere."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

Contribution = tuple[Any, ...]


def add(left: Contribution, right: Contribution) -> Contribution:
    """Entrywise sum of two contributions, in place into the left one where its library can."""
    return tuple(map(operator.iadd, left, right))


class Node(NamedTuple):
    """Sum of the blocks below node (level, number) of the tree."""

    level: int
    number: int
    value: Contribution


def total(
    nodes: Iterable[Node], *, combine: Callable[[Contribution, Contribution], Contribution] = add
) -> Contribution:
    """Sum of all blocks, from nodes that cover them: with the bits of `Engine.fold`."""
    return _grown(nodes, combine).total()


def joined(
    nodes: Iterable[Node], *, combine: Callable[[Contribution, Contribution], Contribution] = add
) -> list[Node]:
    """Nodes of several parts, added where both siblings are there."""
    return _grown(nodes, combine).nodes()


class Tree:
    """Adds contributions along a binary tree over block numbers, in whatever order they come.

    Node (level, i) is the sum of nodes (level - 1, 2 i) and (level - 1, 2 i + 1). A node is kept
    until its sibling comes; at most about log2(blocks) + threads nodes are kept at any time.
    """

    def __init__(self, combine: Callable[[Contribution, Contribution], Contribution]) -> None:
        self._combine = combine
        self._kept: dict[tuple[int, int], Contribution] = {}
        self._lock = threading.Lock()

    def put(self, index: int, value: Contribution, level: int = 0) -> None:
        """Add what block `index`, or node (level, index), is the sum of."""
        while True:
            with self._lock:
                sibling = self._kept.pop((level, index ^ 1), None)
                if sibling is None:
                    self._kept[level, index] = value
                    return
            value = self._combine(sibling, value) if index & 1 else self._combine(value, sibling)
            level, index = level + 1, index >> 1

    def nodes(self) -> list[Node]:
        """What was not added yet: where some blocks are missing, the siblings of their nodes."""
        return [Node(*place, self._kept[place]) for place in sorted(self._kept)]

    def total(self) -> Contribution:
        """Sum of all."""
        # Where the number of blocks is no power of two, several subtrees are left: at most one for
        # each level, the lowest level rightmost.
        first, *others = self.nodes()
        value = first.value
        for node in others:
            value = self._combine(node.value, value)
        return value


def _grown(
    nodes: Iterable[Node], combine: Callable[[Contribution, Contribution], Contribution]
) -> Tree:
    tree = Tree(combine)
    for node in nodes:
        tree.put(node.number, node.value, node.level)
    return tree
