"""Tables of every kind: encoded alike, found by name, refused where they cannot be meant."""

from __future__ import annotations

import datetime
import json
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from refusals import refused

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

import dnn_xp  # noqa: E402
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError  # noqa: E402
from dnn_xp.common.warnings import DataWarning  # noqa: E402
from dnn_xp.data.column_codes import MISSING, OTHER, CategoryCode  # noqa: E402
from dnn_xp.data.columns import object_column  # noqa: E402
from dnn_xp.data.encoding import TableEncoder  # noqa: E402
from dnn_xp.data.learning import LEAST_COUNT, MOST_CATEGORIES, learn_encoding  # noqa: E402
from dnn_xp.data.sources.encoded import EncodedSource  # noqa: E402
from dnn_xp.data.tables import by_name, open_table, table_source  # noqa: E402
from dnn_xp.data.targets.objects import objects_as_array  # noqa: E402

M = 60
RNG = np.random.default_rng(0)
DAYS = pd.date_range("2020-01-01", periods=M, freq="h")


def frame():
    colour = RNG.choice(["red", "green", "blue"], M).astype(object)
    colour[[3, 9]] = None
    return pd.DataFrame(
        {
            "size": RNG.standard_normal(M),
            "count": RNG.integers(0, 9, M),
            "gap": np.where(np.arange(M) % 7 == 0, np.nan, RNG.standard_normal(M)),
            "flag": RNG.random(M) < 0.5,
            "colour": colour,
            "price": [f"{j},{j % 10}00" for j in range(10, 10 + M)],
            "day": DAYS,
        }
    )


FRAME = frame()
LABELS = np.where(FRAME["size"] > 0, "big", "small")


def tables(folder):
    """The same table in every form, Parquet in several row groups."""
    FRAME.to_csv(folder / "t.csv", index=False)
    FRAME.to_parquet(folder / "t.parquet", row_group_size=17)
    categories = FRAME.assign(colour=FRAME["colour"].astype("category"))
    polars = pl.from_pandas(FRAME)
    arrow = pa.Table.from_pandas(FRAME)
    coded = arrow.set_column(4, "colour", arrow.column("colour").dictionary_encode())
    return {
        "pandas": FRAME,
        "pandas category": categories,
        "pandas arrow": FRAME.convert_dtypes(dtype_backend="pyarrow"),
        "pandas nullable": FRAME.convert_dtypes(),
        "polars": polars,
        "polars Categorical": polars.with_columns(pl.col("colour").cast(pl.Categorical)),
        "polars Enum": polars.with_columns(
            pl.col("colour").cast(pl.Enum(["blue", "green", "red"]))
        ),
        "arrow": arrow,
        "arrow dictionary": coded,
        "csv": folder / "t.csv",
        "parquet": str(folder / "t.parquet"),
    }


def encoded(X, encoder=None, **options):
    made = table_source(X, open_table(X), encoder=encoder, **options)
    return made.source.block(0, made.source.m), made.encoder


def by_hand(encoder):
    """The encoding of FRAME by pandas alone, but for the last bit of a mean: (n_x, M)."""
    gap = FRAME["gap"]
    mean = next(code.mean for code in encoder.codes if code.name == "gap")
    assert mean == pytest.approx(gap.mean(), rel=1e-15)
    colours = FRAME["colour"].value_counts()
    order = sorted(colours.index, key=lambda each: (-colours[each], each))
    day = (DAYS - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
    return np.asarray(
        [
            FRAME["size"],
            FRAME["count"],
            gap.fillna(mean),
            gap.isna(),
            FRAME["flag"],
            *(FRAME["colour"] == each for each in order),
            FRAME["colour"].isna(),
            FRAME["price"].str.replace(",", "").astype(float),
            day,
        ],
        dtype=float,
    )


def test_every_kind_of_table_is_encoded_alike(tmp_path):
    for name, X in tables(tmp_path).items():
        block, encoder = encoded(X, missing="indicator")
        expected = by_hand(encoder)
        np.testing.assert_allclose(block, expected, rtol=1e-15, err_msg=name)
        again, _ = encoded(X, TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict()))))
        np.testing.assert_array_equal(again, block, err_msg=name)
        assert encoder.names_out[2:5] == ("gap", f"gap={MISSING}", "flag")


def test_what_one_table_taught_encodes_all_others(tmp_path):
    _, encoder = encoded(FRAME, missing="indicator")
    expected = by_hand(encoder)
    for name, X in tables(tmp_path).items():
        np.testing.assert_array_equal(encoded(X, encoder)[0], expected, err_msg=name)


def test_blocks_and_gathered_lines_are_those_of_the_whole(tmp_path):
    whole, encoder = encoded(FRAME, missing="indicator")
    lines = np.asarray([5, 50, 5, 0])
    FRAME.to_parquet(tmp_path / "t.parquet", row_group_size=7)
    read = table_source("", open_table(tmp_path / "t.parquet"), encoder=encoder).source
    for source in (EncodedSource(open_table(FRAME), encoder), read):
        np.testing.assert_array_equal(source.block(3, 40), whole[:, 3:40])
        np.testing.assert_array_equal(source.gather(lines), whole[:, lines])
    part = table_source("", open_table(tmp_path / "t.parquet").part(10, 33), encoder=encoder)
    np.testing.assert_array_equal(part.source.block(0, 23), whole[:, 10:33])


def test_missing_numbers_are_an_error_that_names_columns_and_the_way_out(tmp_path):
    for X in tables(tmp_path).values():
        with pytest.raises(
            ArgumentValueError, match=r"missing values in 'gap' \(9\).*row 0.*missing='indicator'"
        ):
            encoded(X)
    _, encoder = encoded(FRAME.drop(columns="gap"))
    assert encoder.missing == "error"
    with pytest.raises(ArgumentValueError, match=r"'size' \(1\), the first in row 1"):
        encoded(FRAME.assign(size=[0.0, np.nan, *[1.0] * (M - 2)]).drop(columns="gap"), encoder)


def test_rare_missing_and_unseen_categories():
    many = [f"c{j}" for j in range(200) for _ in range(3)] + ["once", None, None]
    encoder, notes = learn_encoding([open_table(pd.DataFrame({"c": many, "x": 1.0}))])
    (code, _) = encoder.codes
    assert isinstance(code, CategoryCode)
    assert len(code.categories) == MOST_CATEGORIES
    assert code.rare == 72 * 3 + 1
    assert "200" in notes[0] or "201" in notes[0]
    assert code.features[-2:] == (f"c={OTHER}", f"c={MISSING}")
    new = open_table(pd.DataFrame({"c": [code.categories[5], "never seen", None], "x": 1.0}))
    rows = encoder.encode(new)[:, :-1]
    assert rows.argmax(axis=1).tolist() == [5, MOST_CATEGORIES, MOST_CATEGORIES + 1]
    assert rows.sum(axis=1).tolist() == [1, 1, 1]


def test_what_the_training_had_none_of_is_the_mean_example():
    encoder, _ = learn_encoding([open_table(pd.DataFrame({"c": ["a", "a", "b", "a", "b"]}))])
    rows = encoder.encode(open_table(pd.DataFrame({"c": ["b", "z", None]})))
    np.testing.assert_allclose(rows, [[0, 1], [0.6, 0.4], [0.6, 0.4]], rtol=1e-6)


def test_names_and_identifiers_are_left_out_and_said():
    X = pd.DataFrame({"id": [f"n{j}" for j in range(M)], "x": np.arange(M)})
    encoder, notes = learn_encoding([open_table(X)])
    assert encoder.names_in == ("x",)
    assert "'id' is left out" in notes[0]
    # The training had it, so that it is no column too many.
    np.testing.assert_array_equal(encoded(X, encoder)[0], [np.arange(M)])
    assert TableEncoder.from_dict(encoder.to_dict()) == encoder
    assert LEAST_COUNT == 2


@pytest.mark.parametrize("as_text", [False, True])
def test_the_mean_of_a_column_with_gaps_does_not_depend_on_the_cut(*, as_text: bool) -> None:
    rng = np.random.default_rng(3)
    numbers = rng.standard_normal(20_000).round(3) * np.exp(rng.standard_normal(20_000)).round(2)
    numbers[rng.random(20_000) < 0.1] = np.nan
    values = pd.Series(numbers)
    if as_text:
        values = values.map(lambda each: None if np.isnan(each) else f"{each:.5f}")
    whole = pd.DataFrame({"x": values})
    means = set()
    for rows in (20_000, 7_001, 4_096, 333):
        cut = [open_table(whole.iloc[at : at + rows]) for at in range(0, len(whole), rows)]
        encoder, _ = learn_encoding(cut, missing="indicator")
        means.add(encoder.codes[0].mean)
    assert len(means) == 1
    assert means.pop() == pytest.approx(np.nanmean(numbers), abs=1e-5 if as_text else 1e-12)


def test_numbers_and_text_do_not_mix():
    few = ["n.a.", *map(str, range(1, M))]
    with pytest.raises(
        ArgumentValueError, match=r"'x', which holds numbers, and text in 1 of 60.*row 0"
    ):
        encoded(pd.DataFrame({"x": few}))
    with pytest.raises(ArgumentValueError, match="several kinds"):
        encoded(pd.DataFrame({"x": [1, "a", 2.5]}))
    _, encoder = encoded(pd.DataFrame({"x": [1.0, 2.0]}))
    with pytest.raises(ArgumentValueError, match=r"numbers in column 'x'.*the text 'a' in row 1"):
        encoded(pd.DataFrame({"x": ["1", "a"]}), encoder)
    np.testing.assert_array_equal(encoded(pd.DataFrame({"x": ["1", "3"]}), encoder)[0], [[1, 3]])


def test_columns_are_taken_by_name():
    X = FRAME.drop(columns="gap")
    block, encoder = encoded(X)
    np.testing.assert_array_equal(encoded(X[X.columns[::-1]], encoder)[0], block)
    with pytest.warns(DataWarning, match="left out: 'more'"):
        np.testing.assert_array_equal(encoded(X.assign(more=1), encoder)[0], block)
    with pytest.raises(ArgumentValueError, match="without the columns 'size', 'flag'"):
        encoded(X.drop(columns=["size", "flag"]), encoder)
    with pytest.raises(ArgumentValueError, match="'colour' may be 'color' now"):
        encoded(X.rename(columns={"colour": "color"}), encoder)


def test_tables_without_names_are_taken_in_their_order():
    X = pd.DataFrame(RNG.standard_normal((9, 3)))
    block, encoder = encoded(X)
    named = X.set_axis(["a", "b", "c"], axis=1)
    np.testing.assert_array_equal(encoded(named, encoder)[0], block)
    _, encoder = encoded(named)
    np.testing.assert_array_equal(encoded(X, encoder)[0], block)
    with pytest.raises(ArgumentValueError, match="without the columns"):
        by_name(open_table(X[[0, 1]]), encoder)


# Through train and the model


SMALL = {"hidden": [4], "iterations": 3, "dtype": "float64"}


def test_a_model_of_a_table(tmp_path):
    X = FRAME.assign(label=LABELS)
    model = dnn_xp.train(X, "label", missing="indicator", **SMALL)
    assert model.feature_names == tuple(FRAME.columns)
    assert (model.target_name, model.sizes[0]) == ("label", 11)
    expected = model.predict(FRAME)
    P = model.predict_proba(FRAME)
    assert P.shape == (M, 1)
    # The target is no column too many; order and form do not matter.
    for other in (X, X[X.columns[::-1]], pl.from_pandas(FRAME), pa.Table.from_pandas(FRAME)):
        np.testing.assert_array_equal(model.predict(other), expected)
    score = model.evaluate(X, "label")
    assert model.evaluate(FRAME, LABELS) == score
    model.save(tmp_path / "model.safetensors")
    again = dnn_xp.load(tmp_path / "model.safetensors")
    assert again.encoder == model.encoder
    X.to_csv(tmp_path / "t.csv", index=False)
    X.to_parquet(tmp_path / "t.parquet", row_group_size=20)
    for path in (tmp_path / "t.csv", str(tmp_path / "t.parquet")):
        np.testing.assert_array_equal(again.predict(path), expected)
        assert again.evaluate(path, "label") == score
        other = dnn_xp.train(path, "label", missing="indicator", **SMALL)
        np.testing.assert_allclose(other.predict_proba(FRAME), P, rtol=1e-9)


def test_validation_and_warm_start_take_columns_by_name():
    X = FRAME.assign(label=LABELS)
    turned = X[X.columns[::-1]]
    options = SMALL | {"missing": "indicator"}
    model = dnn_xp.train(X, "label", validation=(X, "label"), **options)
    other = dnn_xp.train(X, "label", validation=(turned, "label"), **options)
    assert model.history.validation_costs == other.history.validation_costs
    options.pop("hidden")
    on = dnn_xp.train(X, "label", warm_start=model, **options)
    same = dnn_xp.train(turned, "label", warm_start=model, **options)
    np.testing.assert_array_equal(on.theta, same.theta)
    with pytest.raises(ArgumentValueError, match=r"validation X.*without the column 'size'"):
        dnn_xp.train(
            X,
            "label",
            validation=(X.drop(columns="size"), "label"),
            **SMALL | {"missing": "indicator"},
        )


def test_standardization_leaves_one_hot_features_their_scale():
    model = dnn_xp.train(FRAME, LABELS, missing="indicator", standardize=True, **SMALL)
    mean, scale = model.standardization
    one_hot = model.encoder.one_hot
    assert (scale[one_hot] == 1).all()
    assert (scale[~one_hot] != 1).all()
    np.testing.assert_allclose(mean.ravel(), by_hand(model.encoder).mean(axis=1), rtol=1e-12)


def test_examples_may_be_left_out_for_tables_alone():
    X = FRAME[["size", "count"]]
    model = dnn_xp.train(X, LABELS, **SMALL)
    same = dnn_xp.train(X, LABELS, examples="rows", **SMALL)
    np.testing.assert_array_equal(model.theta, same.theta)
    # Arrays stand for tables of numbers, column by column.
    values = X.to_numpy()
    np.testing.assert_array_equal(model.predict(values.T), model.predict(X))
    np.testing.assert_array_equal(model.predict(values, examples="rows"), model.predict(X))
    with pytest.raises(ValueError, match="transposed"):
        dnn_xp.train(values, LABELS, **SMALL)
    text = dnn_xp.train(FRAME[["colour"]], LABELS, **SMALL)
    with pytest.raises(ArgumentTypeError, match="a table with the columns 'colour'"):
        text.predict(np.zeros((4, 2)))


def test_a_model_of_arrays_takes_the_columns_of_tables_in_their_order(tmp_path):
    X = FRAME[["size", "count"]]
    model = dnn_xp.train(X.to_numpy(), LABELS, examples="rows", **SMALL)
    X.to_csv(tmp_path / "t.csv", index=False)
    X.to_parquet(tmp_path / "t.parquet", row_group_size=20)
    for table in (
        X,
        pl.from_pandas(X),
        pa.Table.from_pandas(X),
        tmp_path / "t.csv",
        f"{tmp_path}/t.parquet",
    ):
        np.testing.assert_array_equal(model.predict(table), model.predict(X.to_numpy().T))
    with refused(ArgumentTypeError, "X | column 'colour' of '...', which holds no numbers | ..."):
        FRAME[["size", "colour"]].to_csv(tmp_path / "text.csv", index=False)
        model.predict(tmp_path / "text.csv")


def test_a_target_that_is_no_column():
    with pytest.raises(
        ArgumentValueError, match=r"one of the columns of the data frame.*[Dd]id you mean 'size'"
    ):
        dnn_xp.train(FRAME, "siez", **SMALL)


# Labels and values


def predicted(Y, **options):
    X = np.where(np.arange(8) % 2, 1.0, -1.0)[None, :]
    model = dnn_xp.train(X, Y, iterations=200, hidden=[4], **options)
    return model, model.predict(X)


def test_predictions_equal_the_labels_given(tmp_path):
    for given in (
        [b"ab", b"c"] * 4,
        np.asarray([b"ab", b"c"] * 4),
        ["01067", "10115"] * 4,
        np.asarray(["01067", "10115"] * 4, dtype=object),
        [True, False] * 4,
        np.asarray([3, 7] * 4, dtype=object),
    ):
        model, found = predicted(given)
        assert found.tolist() == list(given)
        model.save(tmp_path / "model.safetensors")
        assert dnn_xp.load(tmp_path / "model.safetensors").classes.dtype == model.classes.dtype


@pytest.mark.parametrize("gap", [None, float("nan"), np.nan, pd.NA, pd.NaT])
@pytest.mark.parametrize("form", [list, tuple, lambda Y: np.asarray(Y, dtype=object), pd.Series])
def test_missing_labels_are_refused_wherever_they_are(gap, form):
    for labels in (["a", gap, "b", gap], [b"a", gap, b"b", gap]):
        with pytest.raises(ArgumentValueError, match=r"2 missing, the first at example 1"):
            dnn_xp.train(np.zeros((1, 4)), form(labels))


def test_numbers_held_as_objects_are_taken_where_that_is_exact():
    for given, expected in (
        ([1, 2, 3], np.asarray([1, 2, 3])),
        ([1.5, 2, Decimal("0.1")], np.asarray([1.5, 2.0, 0.1])),
        ([Decimal("19.99"), Fraction(1, 4)], np.asarray([19.99, 0.25])),
        ([np.float32(0.5), True + 1], np.asarray([0.5, 2.0])),
    ):
        found = objects_as_array(np.asarray(given, dtype=object), "Y")
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    for inexact in (Decimal("0.12345678901234567890"), 2**63 + 1):
        with pytest.raises(ArgumentValueError, match=r"float64 holds exactly.*at example 1"):
            objects_as_array(np.asarray([1.5, inexact], dtype=object), "Y")
    model, _ = predicted(np.asarray([0.5, Decimal("-1.5")] * 4, dtype=object))
    assert model.kind == "regression"


def test_text_among_numbers_is_refused_with_advice_that_fits():
    with pytest.raises(ArgumentTypeError, match=r"types int, str.*str\(y\) for y in Y"):
        objects_as_array(np.asarray([1, "a"], dtype=object), "Y")
    with pytest.raises(ArgumentTypeError, match=r"types date.*label"):
        objects_as_array(np.asarray([datetime.date(2020, 1, 1)], dtype=object), "Y")


def test_what_y_was_taken_for_is_noted():
    X = np.zeros((1, 100))
    with pytest.warns(DataWarning) as caught:
        dnn_xp.train(X, np.arange(100) % 25, iterations=1)
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(DataWarning, match=r"25 different whole numbers.*cost='squared_error'"):
        dnn_xp.train(X, np.arange(100) % 25, iterations=1)
    with pytest.warns(DataWarning, match=r"only 2 different whole.*cost='softmax_cross_entropy'"):
        dnn_xp.train(X, np.arange(100) % 2 + 1.0, iterations=1)
    with pytest.warns(DataWarning, match="25 different numbers held as text"):
        dnn_xp.train(X, [f"{j % 25},000" for j in range(100)], iterations=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dnn_xp.train(X, np.arange(100) % 20, iterations=1)
        dnn_xp.train(X, np.arange(100) % 25, cost="squared_error", iterations=1)
        dnn_xp.train(X, np.arange(100) * 1.0, iterations=1)


def test_object_columns():
    assert object_column([1, 2.5, Decimal("3"), None]).kind == "number"
    assert object_column([True, False]).values.dtype == bool
    assert object_column([datetime.date(1970, 1, 2)]).values.tolist() == [86400]
    assert object_column(["a", None, " a"]).values.tolist() == [0, -1, 0]
    assert "several kinds" in object_column([1, "a"]).problem
