"""The accuracy panel: splits, statistics, files as packages ship them, and going on where it stopped."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.accuracy import ablation, files, panel, report, statistics
from benchmarks.accuracy.measure import error
from benchmarks.accuracy.sets import Set
from benchmarks.accuracy.splits import TEST_ROWS, TRAINING_ROWS, cut
from dnn_xp.training.specification import Specification


def a_set(m=400, classes=3):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"row": np.arange(m, dtype=float), "x": rng.standard_normal(m)})
    X.loc[::7, "x"] = np.nan
    return Set(X, rng.integers(0, classes, m) if classes else X["row"].to_numpy(), classes)


def test_parts_of_a_split_share_no_row_and_hold_all():
    found = cut(a_set(), 3)
    training, test = set(found.X["row"]), set(found.X_test["row"])
    assert not training & test
    assert len(training) + len(test) == 400
    assert len(found.set_aside) == 60
    assert np.array_equal(np.union1d(found.kept, found.set_aside), np.arange(300))


def test_the_seed_alone_decides_the_split():
    one, again, other = cut(a_set(), 3), cut(a_set(), 3), cut(a_set(), 4)
    assert one.X.equals(again.X)
    assert np.array_equal(one.set_aside, again.set_aside)
    assert not one.X["row"].equals(other.X["row"])


def test_targets_stay_with_their_rows():
    found = cut(a_set(classes=0), 0)
    assert np.array_equal(found.X["row"], found.y)
    assert np.array_equal(found.X_test["row"], found.y_test)


def test_missing_numbers_become_the_median_of_the_training_rows():
    data = a_set()
    found = cut(data, 0)
    known = data.X.set_index("row").loc[found.X["row"], "x"]
    filled = found.X_test.loc[found.X_test["row"] % 7 == 0, "x"]
    assert set(filled) == {known.median()}


def test_large_sets_are_cut():
    found = cut(a_set(60_000), 0)
    assert (len(found.y), len(found.y_test)) == (TRAINING_ROWS, TEST_ROWS)


def test_errors_are_shares_of_wrong_classes_or_relative_deviations():
    found = cut(a_set(), 0)
    wrong = found.y_test.copy()
    wrong[:25] += 1
    assert error(found, wrong) == 0.25
    numbers = cut(a_set(classes=0), 0)
    mean = np.full(len(numbers.y_test), numbers.y_test.mean())
    assert error(numbers, mean) == pytest.approx(1.0)


def test_ranks_share_the_places_of_ties():
    table = {"a": [1.0, 1.0, 2.0], "b": [2.0, 1.0, 1.0], "c": [3.0, 4.0, 1.0]}
    figures = {
        name: {(str(at), 0): each for at, each in enumerate(found)} for name, found in table.items()
    }
    mean = {"a": (1 + 1.5 + 3) / 3, "b": (2 + 1.5 + 1.5) / 3, "c": (3 + 3 + 1.5) / 3}
    assert statistics.ranks(figures, ["a", "b", "c"]).mean == pytest.approx(mean)


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (4, 2.569), (7, 2.949), (10, 3.164)])
def test_critical_differences_are_those_of_nemenyi(k, q):
    # q from table 5 (a) of Demsar (2006), JMLR 7.
    names = [str(number) for number in range(k)]
    figures = {name: {(str(at), 0): 1.0 + at for at in range(14)} for name in names}
    expected = q * np.sqrt(k * (k + 1) / (6 * 14))
    assert statistics.ranks(figures, names).critical == pytest.approx(expected, abs=1e-3)


def test_a_ratio_takes_the_sets_that_both_have():
    figures = {
        "mine": {("a", 0): 0.1, ("b", 0): 0.3, ("b", 1): 0.1, ("c", 0): 9.0},
        "other": {("a", 0): 0.2, ("b", 0): 0.2, ("b", 1): 0.2},
    }
    found = statistics.ratio(figures, "mine", "other")
    assert found.mean == pytest.approx(np.sqrt(0.5))
    assert (found.sets, found.fewer) == (2, 1)


def test_a_keel_file_is_read_with_its_categories(tmp_path):
    path = tmp_path / "a.dat"
    path.write_text(
        "@relation a\n@attribute Size real [0,9]\n@attribute 'Kind of' {1, 2}\n"
        "@attribute n integer[1,2]\n@inputs Size\n@outputs n\n@data\n1.5, 1, 2\n<null>, 2, 1\n"
    )
    found = files.keel(path)
    assert [str(kind) for kind in found.dtypes[["Size", "n"]]] == ["float64", "int64"]
    assert found.iloc[:, 1].tolist() == ["1", "2"]
    assert found["Size"].isna().tolist() == [False, True]


def test_a_package_that_is_missing_is_named():
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps no-such-sets"):
        files.folder("no_such_sets")


def row(name, split, error, seconds=1.0):
    kept = {"busy_elsewhere": 0.0, "date": "2026-11-25", "commit": "abc", "cpu": "C"}
    found = {"set": name, "split": split, "error": error, "seconds": seconds, "test_rows": 100}
    return kept | found | {"versions": {"numpy": "2"}}


def test_what_is_there_is_not_measured_again(tmp_path, monkeypatch):
    trained = []

    def train(name, split, method, threads, through):
        trained.append((name, split))
        return None if (name, split) == ("magic", 1) else row(name, split, 0.5)

    monkeypatch.setattr(panel, "train", train)
    words = ["--methods", "LightGBM", "--sets", "magic", "letter", "--folder", str(tmp_path)]
    assert panel.main([*words, "--splits", "0", "1"]) == 1  # a failure is said, and no end
    assert panel.main([*words, "--splits", "0", "1"]) == 1
    assert trained == [("magic", 0), ("letter", 0), ("magic", 1), ("letter", 1), ("magic", 1)]
    kept = json.loads((tmp_path / "lightgbm.json").read_text())
    assert [(each["set"], each["split"]) for each in kept] == [
        ("magic", 0),
        ("letter", 0),
        ("letter", 1),
    ]


def test_a_row_that_came_twice_is_kept_once(tmp_path):
    for found in (0.1, 0.2):
        panel.keep("LightGBM", row("magic", 0, found), tmp_path)
    assert [each["error"] for each in panel.rows_of("LightGBM", tmp_path)] == [0.1]


def test_tricks_are_options_of_the_library():
    for trick in ablation.TRICKS.values():
        for classes in (0, 2):
            for on in (False, True):
                Specification(preset="tabular", **trick.of(classes, on=on))
                Specification(**{**ablation.PLAIN, **trick.of(classes, on=on)})


def test_the_report_stands_between_its_markers(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "pictures").mkdir()
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.START}\nold\n{report.END}\nafter\n")
    for method, factor in (("RealMLP-TD-S", 1.0), ("LightGBM", 2.0), ("dnn_xp default", 0.5)):
        for name in ("magic", "letter"):
            panel.keep(method, row(name, 0, 0.1 * factor, 8.0 * factor), tmp_path)
    report.write(tmp_path, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| LightGBM | 2.000 | 2.000 to 2.000 | 1.909 | 0 of 2 | 4.000 | 2.00 |  |" in text
    assert "| dnn_xp default | 0.500 | 0.500 to 0.500 | 0.545 | 2 of 2 | 1.000 | 1/2.0 |  |" in text
    assert (tmp_path / "pictures" / "accuracy.png").stat().st_size > 10_000
