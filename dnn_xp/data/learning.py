"""Learning an encoding in one pass over the blocks of a table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import listing
from dnn_xp.data.column_codes import CategoryCode, Code, EmbeddingCode, NumberCode
from dnn_xp.data.columns import Column, ColumnTable
from dnn_xp.data.encoding import (
    TableEncoder,
    missing_numbers,
    refuse_problems,
)
from dnn_xp.data.readers.text_values import decimal_evidence, resolved

# A feature costs m values and n_1 products an example, so 128 of them cost what a hidden layer
# does; what is rarer than the 128th category of a column hardly moves its own weights.
MOST_CATEGORIES = 128
# Columns with more categories than that are embedded. A category with fewer examples than this shares
# the vector of all others: it would be learned from noise, and the others stand for unknown ones.
LEAST_EMBEDDED_COUNT = 10
# Most categories of a column with a vector of their own.
MOST_EMBEDDED = 1 << 16
# A category seen once has nothing to average over.
LEAST_COUNT = 2
# Distinct texts counted in a column; more are pruned to the most frequent half.
_COUNTED = 1 << 20
_WHOLE_IN_FLOAT32 = 1 << 24
# Numbers that are added up at once, however a table is cut into blocks.
_ADDED_AT_ONCE = 4096


def embedding_dimension(categories: int) -> int:
    """Dimension of an embedding of so many categories: ``min(50, round(1.6 k^0.56))``.

    The rule of fastai (`emb_sz_rule`), with the bound of 50 of its first version in place of 600.

    >>> embedding_dimension(129), embedding_dimension(4000)
    (24, 50)
    """
    return min(50, round(1.6 * math.pow(categories, 0.56)))


class _Facts:
    """What is known of one column after some blocks."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kinds: set[str] = set()
        self.declared = self.double = self.wide = False
        self.present = self.missing = 0
        self._sums: list[float] = []
        self._rest = np.empty(0)
        self.counts: Counter[str] = Counter()
        self.first: Column | None = None
        self.blocks = self.lines = 0
        self.first_gap = -1

    def add(self, column: Column) -> None:
        gaps = int(column.missing.sum())
        self.first, self.blocks = self.first or column, self.blocks + 1
        self.missing += gaps
        if gaps and self.first_gap < 0:
            self.first_gap = self.lines + int(np.argmax(column.missing))
        self.lines += len(column.values)
        self.present += len(column.values) - gaps
        if len(column.values) == gaps:
            # Nothing but missing values says nothing of the kind.
            return
        self.kinds.add(column.kind)
        if column.kind == "text":
            self.declared = self.declared or column.declared
            codes = column.values[column.values >= 0]
            counts = np.bincount(codes, minlength=len(column.labels))
            self.counts.update(dict(zip(column.labels, counts.tolist(), strict=True)))
            if len(self.counts) > _COUNTED:
                self.counts = Counter(dict(self.counts.most_common(_COUNTED // 2)))
            return
        self._add_up(column.values)
        values = column.values
        self.double = self.double or (column.kind == "number" and values.dtype == np.float64)
        large = values.dtype.kind in "iu" and values.dtype.itemsize > 2
        if self.double or column.kind == "date":
            self.wide = True
        elif large:
            self.wide = (
                self.wide
                or int(values.max()) > _WHOLE_IN_FLOAT32
                or int(values.min()) < -_WHOLE_IN_FLOAT32
            )

    def _add_up(self, values: npt.NDArray[Any]) -> None:
        numbers = np.asarray(values, dtype=np.float64)
        numbers = np.concatenate([self._rest, numbers[~np.isnan(numbers)]])
        whole = len(numbers) // _ADDED_AT_ONCE * _ADDED_AT_ONCE
        self._sums += numbers[:whole].reshape(-1, _ADDED_AT_ONCE).sum(axis=1).tolist()
        self._rest = numbers[whole:]

    @property
    def _mean(self) -> float:
        """Of the numbers present, the same to the last bit for every cut into blocks."""
        return math.fsum([*self._sums, float(self._rest.sum())]) / self.present

    def code(self, argument: str, embedding: int | None) -> tuple[Code | None, str]:
        """The code of the column, None where there is nothing to learn from; and a note on it."""
        if not self.present:
            return None, f"column {self.name!r} has no values and is left out"
        if self.kinds <= {"number", "bool"} or self.kinds == {"date"}:
            kind = "number" if "number" in self.kinds else next(iter(self.kinds))
            return NumberCode(self.name, kind, self._mean, self.missing), ""
        if self.kinds != {"text"}:
            kinds = " and ".join(sorted(self.kinds))
            raise ArgumentValueError(
                argument,
                f"{kinds} in column {self.name!r}",
                "a table with one kind of values in a column",
            )
        if not self.declared:
            found = self._numbers_in_text(argument)
            if found is not None:
                return found
        return self._categories(embedding)

    def _numbers_in_text(self, argument: str) -> tuple[NumberCode, str] | None:
        labels = tuple(self.counts)
        decimal = "," if decimal_evidence(labels[:500]) == "," else "."
        counts = np.asarray(list(self.counts.values()))
        if self.blocks == 1 and self.first is not None:
            read, how = resolved(self.first, decimal=decimal)
        else:
            # Where in the table an entry was is not known any more.
            codes = np.repeat(np.arange(len(labels), dtype=np.int32), counts)
            read, how = resolved(
                Column("text", codes, labels), decimal=decimal, number=lambda _: "for instance"
            )
        if read.problem:
            refuse_problems(ColumnTable({self.name: read}, len(labels)), argument)
        if read.kind == "text":
            return None
        note = ""
        if read.kind == "number":
            self.double = True
            note = f"column {self.name!r} holds numbers as text, read with {how}"
        self.wide = read.kind != "bool"
        # Sorted: where the entries were is not known of several blocks.
        numbers = np.asarray(read.values, dtype=np.float64)
        mean = float(np.mean(np.sort(numbers[~np.isnan(numbers)])))
        return NumberCode(self.name, read.kind, mean, self.missing, decimal), note

    def _categories(self, embedding: int | None) -> tuple[Code | None, str]:
        m = self.present + self.missing
        # The most frequent first; those equally frequent by their text, in whatever order they came.
        ranked = sorted(self.counts.items(), key=lambda each: (-each[1], each[0]))
        often = [label for label, count in ranked if count >= LEAST_EMBEDDED_COUNT]
        if len(often) > MOST_CATEGORIES and embedding != 0:
            return self._embedded(often[:MOST_EMBEDDED], len(ranked), embedding), ""
        kept = [(label, count) for label, count in ranked[:MOST_CATEGORIES] if count >= LEAST_COUNT]
        rare = self.present - sum(count for _, count in kept)
        if not kept:
            return None, (
                f"column {self.name!r} is left out: its {len(ranked):,} texts are all different, as "
                "names and identifiers are"
            )
        counts = [count for _, count in kept]
        counts += [rare] * bool(rare) + [self.missing] * bool(self.missing)
        note = ""
        if len(ranked) > MOST_CATEGORIES:
            note = (
                f"column {self.name!r} has {len(ranked):,} categories: the {len(kept)} most frequent "
                f"have a feature each, the other {rare / m:.0%} of the examples share one"
            )
        shares = tuple(count / m for count in counts)
        return CategoryCode(
            self.name, tuple(label for label, _ in kept), shares, rare, self.missing
        ), note

    def _embedded(self, often: list[str], categories: int, embedding: int | None) -> EmbeddingCode:
        rare = self.present - sum(self.counts[label] for label in often)
        dimension = embedding or embedding_dimension(len(often))
        return EmbeddingCode(self.name, tuple(often), dimension, rare, self.missing)


def learn_encoding(
    blocks: Iterable[ColumnTable],
    *,
    missing: str = "error",
    embedding: int | None = None,
    argument: str = "X",
) -> tuple[TableEncoder, tuple[str, ...]]:
    """The encoding of a table from one pass over its blocks, and notes on what was decided.

    The same lines give the same encoding however they are cut into blocks.

    Parameters
    ----------
    blocks : iterable of ColumnTable
        All with the same columns.
    missing : {"error", "indicator"}
        What missing numbers are: an error, or the mean of those present and a second feature that
        is 1 where the number is missing.
    embedding : int, optional
        Dimension of the embeddings of columns with more than `MOST_CATEGORIES` categories; 0 for
        none, `embedding_dimension` when left out.
    argument : str
        What errors call the table.

    Returns
    -------
    encoder : TableEncoder
    notes : tuple of str

    Raises
    ------
    ValueError
        For a column that mixes numbers and text, for missing numbers with missing="error", and
        when nothing is left to learn from.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.data.columns import Column, text_column
    >>> columns = {"age": Column("number", np.array([30, 40, 50, 60])),
    ...            "sex": text_column(["f", "m"], [0, 1, 1, 0])}
    >>> encoder, _ = learn_encoding([ColumnTable(columns, 4)])
    >>> encoder.names_out
    ('age', 'sex=f', 'sex=m')
    >>> encoder.encode(ColumnTable(columns, 4))[1]
    array([40.,  0.,  1.], dtype=float32)
    """
    facts: dict[str, _Facts] = {}
    named = True
    for block in blocks:
        refuse_problems(block, argument)
        for name, column in block.columns.items():
            facts.setdefault(name, _Facts(name)).add(column)
        named = block.named
    made = [(each, *each.code(argument, embedding)) for each in facts.values()]
    kept = [(each, code) for each, code, _ in made if code is not None]
    notes = tuple(note for _, _, note in made if note)
    if not kept:
        raise ArgumentValueError(
            argument,
            f"the columns {listing(facts)}: {'; '.join(notes)}",
            "a table with columns to learn from",
        )
    if missing == "error":
        gaps = [each for each, code in kept if isinstance(code, NumberCode) and each.missing]
        if gaps:
            place = min(each.first_gap for each in gaps)
            raise missing_numbers({each.name: each.missing for each in gaps}, place, argument)
    double = any(each.double for each, _ in kept)
    wide = any(each.wide for each, _ in kept)
    encoder = TableEncoder(
        tuple(code for _, code in kept),
        missing,
        "float64" if double else "float32",
        named,
        wide,
        tuple(each.name for each, code, _ in made if code is None),
    )
    return encoder, notes
