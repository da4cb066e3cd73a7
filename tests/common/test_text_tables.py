"""Columns line up, and nothing is printed behind the last cell of a line."""

from __future__ import annotations

import pytest

from dnn_xp.common.text_tables import text_table


def test_head_and_alignment() -> None:
    table = text_table(
        [("a", "1", "x"), ("long name", "12,345", "")], head=("", "count", "y"), right=(1,)
    )
    assert table.splitlines() == [
        "            count  y",
        "---------  ------  -",
        "a               1  x",
        "long name  12,345",
    ]


def test_without_a_head() -> None:
    assert text_table([("a", "b"), ("cc", "d")]) == "a   b\ncc  d"


def test_rows_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        text_table([("a", "b"), ("c",)])
