"""The reader of CSV files: what it recognises, what it says, and what it refuses."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

pytest.importorskip("pyarrow")

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.data.readers.csv import read_csv_table
from dnn_xp.data.tables import open_table, target_values


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n3,4\n", {"a": [1, 3], "b": [2, 4]}),
        ("a;b\n1,5;2\n-3,25;4\n", {"a": [1.5, -3.25], "b": [2, 4]}),
        ("1,5;2,5\n3,5;4,5\n", {"0": [1.5, 3.5], "1": [2.5, 4.5]}),
        ("a\tb\n1.5\t2\n2.5\t3\n", {"a": [1.5, 2.5], "b": [2, 3]}),
        ("a|b\n1.5|2\n2.5|3\n", {"a": [1.5, 2.5], "b": [2, 3]}),
        ('a,b\n1,"200,000"\n2,"1,250.5"\n', {"a": [1, 2], "b": [200000, 1250.5]}),
        ("a;b\n1;1.200.000,5\n2;3,5\n", {"a": [1, 2], "b": [1200000.5, 3.5]}),
        ("a;b\n1.234;2,5\n2.345;3,5\n", {"a": [1234, 2345], "b": [2.5, 3.5]}),
        ("a;b\n1.234;x\n2.345;y\n", {"a": [1.234, 2.345]}),
        ("a,b\n5.1%,$3\n-7%,$-4.5\n", {"a": [5.1, -7], "b": [3, -4.5]}),
        ("a,b\n3 €,1e3\n4 €,-2E-1\n", {"a": [3, 4], "b": [1000, -0.2]}),
        ("a,b\n1'000,2\n2'500.5,3\n", {"a": [1000, 2500.5], "b": [2, 3]}),
        ("\ufeffa,b\n1,2\n", {"a": [1], "b": [2]}),
        (" a , b \n 1 , 2\n", {"a": [1], "b": [2]}),
        ('"a","b"\n"1","2"\n', {"a": [1], "b": [2]}),
        ("a,b\r\n1,2\r\n\r\n3,4\r\n", {"a": [1, 3], "b": [2, 4]}),
        ("id,2019,2020\n1,5,6\n2,7,8\n", {"id": [1, 2], "2019": [5, 7], "2020": [6, 8]}),
    ],
)
def test_numbers_as_people_write_them(tmp_path, text, expected):
    table = read_csv_table(written(tmp_path, text))
    for name, values in expected.items():
        assert table.columns[name].kind == "number", table.columns[name]
        np.testing.assert_array_equal(table.columns[name].values, values)


def test_what_was_recognised_is_said(tmp_path):
    text = "name;price;rate\nA;1.200,50;5,1%\nB;3,5;6%\n"
    assert read_csv_table(written(tmp_path, text)).notes == (
        "separated by semicolons",
        "column 'price': decimal mark ',', thousands separator '.'",
        "column 'rate': decimal mark ',', '%' removed",
    )
    assert read_csv_table(written(tmp_path, "a,b\n1,2\n")).notes == ()


@pytest.mark.parametrize("mark", ["", "?", "NA", "NaN", "null", "N/A", " ? "])
def test_marks_of_missing_values(tmp_path, mark):
    table = read_csv_table(written(tmp_path, f"a,b\n1.5,x\n{mark},{mark}\n2.5,y\n"))
    np.testing.assert_array_equal(table.columns["a"].values, [1.5, np.nan, 2.5])
    assert table.columns["b"].values.tolist() == [0, -1, 1]


def test_leading_zeros_are_names(tmp_path):
    table = read_csv_table(written(tmp_path, "zip,n\n01067,1\n10115,2\n"))
    column = table.columns["zip"]
    assert column.kind == "text"
    assert target_values(column, "column 'zip'").tolist() == ["01067", "10115"]


def test_bool_and_dates(tmp_path):
    text = "a,b,c\ntrue,2013-01-01,2013-01-01T10:00:00Z\nFalse,1970-01-02,1970-01-01 00:00:01\n"
    table = read_csv_table(written(tmp_path, text))
    assert table.columns["a"].values.tolist() == [True, False]
    day = (np.datetime64("2013-01-01") - np.datetime64("1970-01-01")) / np.timedelta64(1, "s")
    assert table.columns["b"].values.tolist() == [day, 86400]
    assert table.columns["c"].values.tolist() == [day + 36000, 1]


def test_text_in_few_lines_is_named_with_its_lines(tmp_path):
    lines = [str(j) for j in range(50)]
    lines[20], lines[30] = "n.a.", "twelve"
    # An empty line is no example, but editors count it.
    path = written(tmp_path, "x,y\n\n" + "".join(f"{each},{j}\n" for j, each in enumerate(lines)))
    said = read_csv_table(path).columns["x"].problem
    assert said == (
        'holds numbers, and text in 2 of 50 entries (line 23: "n.a.", line 33: "twelve")'
    )
    with pytest.raises(ArgumentValueError, match="line 23"):
        target_values(read_csv_table(path).columns["x"], "column 'x'")


def test_numbers_in_several_units_are_no_categories(tmp_path):
    path = written(tmp_path, "x\n$3\n4 €\n$5\n")
    assert "written in several ways" in read_csv_table(path).columns["x"].problem


def test_options_override(tmp_path):
    path = written(tmp_path, "a;b\n1,234;2\n2,345;3\n")
    np.testing.assert_array_equal(read_csv_table(path).columns["a"].values, [1.234, 2.345])
    thousands = read_csv_table(path, decimal=".")
    np.testing.assert_array_equal(thousands.columns["a"].values, [1234, 2345])
    assert read_csv_table(written(tmp_path, "a;b\n1;2\n"), separator=",").names == ("a;b",)
    kept = read_csv_table(written(tmp_path, 'a,b\n1,"1,234"\n'), thousands="")
    assert kept.columns["b"].kind == "number"
    assert kept.columns["b"].values.tolist() == [1.234]


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"separator": ";;"}, "separator"),
        ({"decimal": "x"}, "decimal"),
        ({"thousands": "x"}, "thousands"),
        ({"thousands": ",", "decimal": ","}, "thousands"),
    ],
)
def test_options_that_cannot_be(tmp_path, options, argument):
    with pytest.raises(ArgumentValueError) as caught:
        read_csv_table(written(tmp_path, "a,b\n1,2\n"), **options)
    assert caught.value.argument == argument


def test_a_first_line_that_is_an_example(tmp_path):
    text = "39, State-gov, 7\n38, Private, 8\n40, State-gov, 9\n"
    table = read_csv_table(written(tmp_path, text))
    assert (table.m, table.named) == (3, False)
    assert "holds no names" in table.notes[-1]
    assert read_csv_table(written(tmp_path, "1,2\n3,4\n")).m == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "path | '...', which is empty | a table"),
        (
            "a,a,b\n1,2,3\n",
            "path | '...' with several columns named 'a' | a table whose columns differ in name",
        ),
        (
            "a,b\n1,2\n1,2,3\n",
            (
                "path | '...', which cannot be read (...Expected 2 columns, got 3...) "
                "| a CSV file with as many entries in each line"
            ),
        ),
    ],
)
def test_refused(tmp_path, text, said):
    with refused(ArgumentValueError, said):
        read_csv_table(written(tmp_path, text))


def test_encodings(tmp_path):
    text = "größe;b\n1,5;x\n2,5;y\n"
    table = read_csv_table(written(tmp_path, text, "utf-16"))
    np.testing.assert_array_equal(table.columns["größe"].values, [1.5, 2.5])
    said = (
        "path | '...', which is not in UTF-8 (...) | a file in UTF-8 or UTF-16 | save it as UTF-8"
    )
    with refused(ArgumentValueError, said):
        read_csv_table(written(tmp_path, text, "latin-1"))


def test_an_index_without_a_name_is_left_out(tmp_path):
    table = open_table(written(tmp_path, ",a\n0,5\n1,6\n"))
    assert table.names == ("a",)
    assert "has no name and is left out" in table.notes[0]


def test_very_many_columns_and_a_long_header_take_linear_time(tmp_path):
    seconds = []
    for count in (2_000, 20_000):
        names = ",".join(f"c{j}" for j in range(count))
        path = written(tmp_path, names + "\n" + (",".join(["1.5"] * count) + "\n") * 2)
        start = time.perf_counter()
        assert read_csv_table(path).m == 2
        seconds.append(time.perf_counter() - start)
    # Ten times as many columns; quadratic would be a hundred times the time.
    assert seconds[1] < 40 * seconds[0] + 1
    assert read_csv_table(written(tmp_path, "x" * 5_000_000 + ",b\n1,2\n")).m == 1


NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(NUMBERS, st.integers(-(2**62), 2**62)), min_size=1, max_size=20),
    separator=st.sampled_from(",;\t|"),
)
def test_numbers_come_back_exactly(tmp_path_factory, rows, separator):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(["first", "second"])
    writer.writerows((repr(x), y) for x, y in rows)
    path = written(tmp_path_factory.mktemp("csv"), text.getvalue())
    table = read_csv_table(path, separator=separator, decimal=".", thousands="")
    np.testing.assert_array_equal(table.columns["first"].values, [x for x, _ in rows])
    np.testing.assert_array_equal(table.columns["second"].values, [y for _, y in rows])
