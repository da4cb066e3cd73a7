"""Tables as text, for terminals."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def text_table(
    rows: Sequence[Sequence[str]],
    *,
    head: Sequence[str] | None = None,
    right: Collection[int] = (),
) -> str:
    """Rows of cells in columns two blanks apart; a head is underlined.

    Parameters
    ----------
    rows : sequence of sequences of str
        Rows of as many cells each.
    head : sequence of str, optional
        The names of the columns.
    right : collection of int
        The columns that are aligned on the right, such as numbers.

    Examples
    --------
    >>> print(text_table([("W1", "12"), ("b1", "3")], head=("name", "size"), right=[1]))
    name  size
    ----  ----
    W1      12
    b1       3
    """
    named = [head] if head is not None else []
    widths = [max(map(len, column)) for column in zip(*named, *rows, strict=True)]
    if head is not None:
        named.append(["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (*named, *rows)
    )
