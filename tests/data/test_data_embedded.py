"""Columns of many categories: one row of codes, the same from every table; real tables in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from refusals import refused

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

import dnn_xp  # noqa: E402
from dnn_xp.cli import main  # noqa: E402
from dnn_xp.common.errors import ArgumentValueError  # noqa: E402
from dnn_xp.common.warnings import DataWarning  # noqa: E402
from dnn_xp.data.column_codes import EmbeddingCode  # noqa: E402
from dnn_xp.data.columns import text_column  # noqa: E402
from dnn_xp.data.encoding import TableEncoder  # noqa: E402
from dnn_xp.data.learning import (  # noqa: E402
    LEAST_EMBEDDED_COUNT,
    MOST_CATEGORIES,
    embedding_dimension,
    learn_encoding,
)
from dnn_xp.data.tables import open_table, table_source  # noqa: E402
from dnn_xp.training.inputs import finite_or_standardized  # noqa: E402

SAMPLES = Path(__file__).parent / "samples"
K = MOST_CATEGORIES + 3
# Category j occurs 10 + j % 3 times; two more are rare, and some entries are missing.
NAMES = np.asarray([f"t{j:03d}" for j in range(K) for _ in range(LEAST_EMBEDDED_COUNT + j % 3)])
ENTRIES = np.concatenate([NAMES, ["rare", "rarer"]]).astype(object)
ENTRIES = np.append(ENTRIES, [None, None])
RNG = np.random.default_rng(0)
RNG.shuffle(ENTRIES)
FRAME = pd.DataFrame(
    {
        "tail": ENTRIES,
        "wind": RNG.standard_normal(len(ENTRIES)),
        "from": RNG.choice(["a", "b"], len(ENTRIES)),
    }
)


def encoded(X, encoder=None, **options):
    made = table_source(X, open_table(X), encoder=encoder, **options)
    return made.source.block(0, made.source.m), made.encoder


def by_hand():
    """Codes by frequency, then by text; behind them the rare ones and the missing ones."""
    counts = pd.Series(ENTRIES).value_counts()
    often = [name for name in counts.index if counts[name] >= 10]
    order = sorted(often, key=lambda each: (-counts[each], each))
    places = {name: j for j, name in enumerate(order)} | {None: K + 1}
    return np.asarray([places.get(each, K) for each in ENTRIES])


def test_every_kind_of_table_gives_the_same_codes_behind_all_numbers(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    FRAME.to_parquet(tmp_path / "t.parquet", row_group_size=97)
    tables = [
        FRAME,
        FRAME.assign(tail=FRAME["tail"].astype("category")),
        pl.from_pandas(FRAME),
        pa.Table.from_pandas(FRAME),
        tmp_path / "t.csv",
        tmp_path / "t.parquet",
    ]
    for X in tables:
        block, encoder = encoded(X)
        assert encoder.names_out == ("wind", "from=a", "from=b", "tail") or (
            encoder.names_out == ("wind", "from=b", "from=a", "tail")
        )
        np.testing.assert_array_equal(block[-1], by_hand())
        np.testing.assert_allclose(block[0], FRAME["wind"], rtol=1e-15)
        again = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
        assert again == encoder
        np.testing.assert_array_equal(encoded(X, again)[0], block)
    (code,) = [each for each in encoder.codes if isinstance(each, EmbeddingCode)]
    assert (code.rare, code.missing, code.dimension) == (2, 2, embedding_dimension(K))
    assert encoder.embeddings == ((K + 2, code.dimension),)


def test_unknown_categories_have_the_code_of_the_rare_ones():
    code = EmbeddingCode("tail", ("x", "y"), 4, rare=3, missing=1)
    other = text_column(["y", "new"], [0, 1, -1])
    assert code.read(other, "X").tolist() == [1, 2, 3]
    # Where the training had none missing, their code was never learned.
    assert EmbeddingCode("tail", ("x", "y"), 4).read(other, "X").tolist() == [1, 2, 2]


def test_codes_are_not_standardized():
    from dnn_xp.execution.engine import Engine

    made = table_source(FRAME, open_table(FRAME))
    with Engine() as engine:
        moments = finite_or_standardized(
            made.source, engine, standardize=True, encoder=made.encoder
        )
    mean, scale = moments
    assert (mean[-1, 0], scale[-1, 0]) == (0.0, 1.0)
    assert mean[0, 0] == pytest.approx(FRAME["wind"].mean())


def test_a_column_is_embedded_where_more_than_the_bound_are_frequent_and_it_is_not_turned_off():
    few = FRAME[~FRAME["tail"].isin(["t000", "t001", "t002"])]
    for X, embedding, count in ((few, None, 0), (FRAME, 0, 0), (FRAME, None, 1), (FRAME, 7, 1)):
        encoder, _ = learn_encoding([open_table(X)], embedding=embedding)
        assert len(encoder.embeddings) == count
    assert encoder.embeddings[0].dimension == 7
    assert [embedding_dimension(k) for k in (130, 300, 5000)] == [24, 39, 50]


def test_an_unknown_dimension_is_refused():
    for given in (-1, 2.5):
        with pytest.raises((TypeError, ValueError), match=r"^embedding must be"):
            dnn_xp.train(FRAME, FRAME["wind"], embedding=given)


# Examples without a target


@pytest.mark.parametrize("kind", ["frame", "csv", "parquet"])
def test_examples_without_a_target_are_left_out_when_missing_values_are_allowed(tmp_path, kind):
    frame = FRAME.drop(columns="tail").assign(late=FRAME["wind"] * 3 + 1)
    frame.loc[[3, 4], "late"] = np.nan
    known = frame[frame["late"].notna()]
    X = frame
    if kind != "frame":
        X = tmp_path / f"t.{kind}"
        frame.to_csv(X, index=False) if kind == "csv" else frame.to_parquet(X)
    how = {"hidden": [4], "iterations": 3}
    with pytest.raises(
        ValueError, match=r"2 missing values.*missing='indicator' to leave them out"
    ):
        dnn_xp.train(X, "late", **how)
    said = rf"^2 of {len(frame):,} examples are left out: their column 'late' of .* has no value"
    with pytest.warns(DataWarning, match=said):
        model = dnn_xp.train(X, "late", missing="indicator", **how)
    expected = dnn_xp.train(known, "late", missing="indicator", **how)
    np.testing.assert_allclose(model.theta, expected.theta, rtol=1e-12, atol=1e-14)
    with pytest.warns(DataWarning, match=said):
        assert model.evaluate(X, "late").examples == len(known)
    assert len(model.predict(X)) == len(frame)


def test_a_target_without_any_value_stays_an_error():
    X = FRAME.assign(late=np.full(len(FRAME), np.nan))
    with pytest.raises(ArgumentValueError, match="late"):
        dnn_xp.train(X, "late", missing="indicator")


# Real tables


@pytest.fixture
def smaller_bounds(monkeypatch):
    """Bounds that fit to samples of some hundred lines."""
    monkeypatch.setattr("dnn_xp.data.learning.MOST_CATEGORIES", 20)
    monkeypatch.setattr("dnn_xp.data.learning.LEAST_EMBEDDED_COUNT", 2)


def adult():
    names = [*(f"c{j}" for j in range(14)), "income"]
    return pd.read_csv(SAMPLES / "adult.csv", header=None, names=names)


def test_adult_trains_from_the_frame_as_it_was_read():
    frame = adult()
    model = dnn_xp.train(frame, "income", iterations=60)
    assert model.classes.tolist() == ["<=50K", ">50K"]
    assert model.evaluate(frame, "income").accuracy > 0.85
    # Question marks are missing entries.
    assert "c1=(missing)" in model.encoder.names_out
    assert not any("?" in name for name in model.encoder.names_out)


def test_flights_train_from_the_frame_as_it_was_read(smaller_bounds):
    frame = pd.read_csv(SAMPLES / "flights.csv")
    missing = int(frame["arr_delay"].isna().sum())
    with pytest.warns(DataWarning, match=rf"^{missing} of 300 examples are left out"):
        model = dnn_xp.train(frame, "arr_delay", missing="indicator")
    assert list(model.embeddings) == ["tailnum", "dest"]
    known = frame.dropna(subset="arr_delay")
    assert model.evaluate(known, "arr_delay").r2 > 0.9
    kinds = {code.name: getattr(code, "kind", "text") for code in model.encoder.codes}
    assert kinds["time_hour"] == "date"
    # The others are lines without an arrival, which are predicted, too.
    assert np.isfinite(model.predict(frame)).all()


def test_both_train_from_the_file_in_the_shell(tmp_path, monkeypatch, capsys, smaller_bounds):
    monkeypatch.chdir(tmp_path)
    lines = [
        ("adult.csv", "--target", "-1"),
        ("flights.csv", "--target", "arr_delay", "--missing", "indicator"),
    ]
    for name, *options in lines:
        command = ["train", str(SAMPLES / name), *options, "-o", "model", "--force"]
        assert main([*command, "--iterations", "60"]) == 0
        said = capsys.readouterr()
        assert "test " in said.out
        assert main(["predict", "model", str(SAMPLES / name), "-o", "out.csv", "--force"]) == 0
        count = len((SAMPLES / name).read_text().splitlines()) - (name == "flights.csv")
        assert len(Path("out.csv").read_text().splitlines()) == count + 1
        capsys.readouterr()
    assert list(dnn_xp.load("model").embeddings) == ["tailnum", "dest"]


def test_arrays_cannot_stand_for_codes():
    model = dnn_xp.train(FRAME, FRAME["wind"], hidden=[2], iterations=1)
    with refused(TypeError, "X | a numpy.ndarray ... | a table with the columns 'tail', ..."):
        model.predict(np.zeros((3, 4)), examples="rows")
