"""dnn-xp predict: which columns are taken, how predictions are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from cli_helpers import QUICK, Flowers, Shell, columns_of, typed_and_wanted, write_csv

import dnn_xp
import dnn_xp.cli.commands.predict
from dnn_xp.cli.commands.predict import column_names


@pytest.fixture
def trained(shell: Shell, files: Flowers) -> dnn_xp.Model:
    """model.safetensors, trained on flowers.csv."""
    assert shell("train", "flowers.csv", "--target", "kind", *QUICK).code == 0
    return dnn_xp.load("model.safetensors")


def test_columns_are_found_by_their_names(
    shell: Shell, files: Flowers, trained: dnn_xp.Model
) -> None:
    wanted = shell("predict", "model.safetensors", "flowers.csv")
    columns = columns_of(files)
    del columns["kind"]
    mixed = {"note": ["x"] * 90} | dict(reversed(columns.items())) | {"more": np.arange(90)}
    write_csv("mixed.csv", mixed)
    assert shell("predict", "model.safetensors", "mixed.csv") == wanted
    assert shell("predict", "model.safetensors", "flowers.parquet") == wanted
    assert shell("predict", "model.safetensors", "flowers.npz") == wanted
    assert shell("predict", "model.safetensors", "flowers.h5", "--x-key", "X") == wanted
    np.save("columns.npy", files.X.T)
    options = ("--examples", "columns", "--threads", "1", "--device", "cpu")
    assert shell("predict", "model.safetensors", "columns.npy", *options) == wanted


def test_features_can_be_named_otherwise(
    shell: Shell, files: Flowers, trained: dnn_xp.Model
) -> None:
    wanted = shell("predict", "model.safetensors", "flowers.csv")
    write_csv("a.csv", dict(zip("cba", files.X.T[::-1], strict=True)))
    said = shell("predict", "model.safetensors", "a.csv")
    assert said == (
        1,
        "",
        (
            "dnn-xp: error: DATA must be a table with the 3 columns that the model was trained on; got "
            "'a.csv' without 'height', 'width', 'depth', whose columns are 'c', 'b', 'a'. Choose other "
            "columns with --features."
        ),
    )
    assert shell("predict", "model.safetensors", "a.csv", "--features", "a,b,c") == wanted
    assert shell("predict", "model.safetensors", "a.csv", "--features", "2,1,0") == wanted
    write_csv("a.csv", dict(zip(("hight", "width", "depth"), files.X.T, strict=True)))
    said = shell("predict", "model.safetensors", "a.csv")
    assert said.err.endswith(
        "got 'a.csv' without 'height', whose columns are 'hight', 'width', 'depth'. Choose other "
        "columns with --features (did you mean 'hight'?)."
    )


def test_a_table_without_names_is_taken_in_its_order(
    shell: Shell, files: Flowers, trained: dnn_xp.Model
) -> None:
    wanted = shell("predict", "model.safetensors", "flowers.csv")
    np.savetxt("bare.csv", files.X, delimiter=",")
    said = shell("predict", "model.safetensors", "bare.csv")
    assert said.out == wanted.out
    assert said.err == (
        "dnn-xp: note: 'bare.csv' names no columns: its 3 columns are taken in their order"
    )


def test_a_model_of_arrays_takes_a_table_of_that_many_columns(shell: Shell, files: Flowers) -> None:
    shell("train", "flowers.npz", *QUICK)
    columns = columns_of(files)
    said = shell("predict", "model.safetensors", "flowers.csv")
    assert said == (
        1,
        "",
        (
            "dnn-xp: error: DATA must be a table of the 3 features of the model; got 'flowers.csv' with "
            "4 columns. Choose them, in the order of the training, with --features."
        ),
    )
    chosen = shell(
        "predict", "model.safetensors", "flowers.csv", "--features", "height,width,depth"
    )
    assert chosen.out.split()[1:4] == files.kinds[:3].tolist()
    del columns["kind"]
    write_csv("three.csv", columns)
    assert shell("predict", "model.safetensors", "three.csv") == chosen


def test_probabilities_have_a_column_for_each_class(
    shell: Shell, files: Flowers, trained: dnn_xp.Model
) -> None:
    said = shell("predict", "model.safetensors", "flowers.csv", "--proba")
    header, *rows = said.out.splitlines()
    assert header == "probability_daisy,probability_poppy,probability_tulip"
    P = trained.predict_proba(files.X, examples="rows")
    np.testing.assert_array_equal(np.asarray([row.split(",") for row in rows], dtype=float), P)


def test_two_classes_have_two_probabilities(shell: Shell, flowers: Flowers) -> None:
    tall = np.where(flowers.X[:, 0] > 1.5, "tall", "short, or so")
    np.savez("a.npz", X=flowers.X, Y=tall)
    shell("train", "a.npz", *QUICK, "--dtype", "float32")
    assert shell("predict", "model.safetensors", "a.npz", "-o", "p.npy", "--proba").code == 0
    P = np.load("p.npy")
    assert P.shape == (90, 2)
    np.testing.assert_allclose(P.sum(axis=1), 1, atol=1e-6)
    assert (P[:, 1] > 0.5).tolist() == (tall == "tall").tolist()
    text = shell("predict", "model.safetensors", "a.npz", "--proba").out.splitlines()
    assert text[0] == '"probability_short, or so",probability_tall'
    # float32 as float32, not as the double next to it
    np.testing.assert_array_equal(
        np.asarray([row.split(",") for row in text[1:]], dtype=np.float32), P
    )
    assert max(map(len, text[1:])) < 32


def test_regression_writes_values(shell: Shell, flowers: Flowers) -> None:
    np.savez("a.npz", X=flowers.X, Y=flowers.petals)
    shell("train", "a.npz", *QUICK)
    said = shell("predict", "model.safetensors", "a.npz")
    values = dnn_xp.load("model.safetensors").predict(flowers.X, examples="rows")
    assert said.out.split() == ["prediction", *map(str, values.tolist())]
    assert shell("predict", "model.safetensors", "a.npz", "--proba") == (
        1,
        "",
        (
            "dnn-xp: error: --proba must be left out for values; got a model that predicts values (cost "
            "squared_error)"
        ),
    )


def test_predictions_go_to_files(shell: Shell, files: Flowers, trained: dnn_xp.Model) -> None:
    labels = trained.predict(files.X, examples="rows")
    P = trained.predict_proba(files.X, examples="rows")
    for out in ("a.csv", "a.npy", "a.parquet"):
        said = shell("predict", "model.safetensors", "flowers.csv", "-o", out)
        assert said == (0, f"90 predictions written to {out}\n", "")
    assert Path("a.csv").read_text().split() == ["prediction", *labels.tolist()]
    np.testing.assert_array_equal(np.load("a.npy"), labels)
    assert pyarrow.parquet.read_table("a.parquet").to_pydict() == {"prediction": labels.tolist()}
    for out in ("a.npy", "a.parquet"):
        assert shell(
            "predict", "model.safetensors", "flowers.csv", "--proba", "--force", "-o", out
        ).code == 0  # fmt: skip
    np.testing.assert_array_equal(np.load("a.npy"), P)
    table = pyarrow.parquet.read_table("a.parquet")
    assert table.column_names == column_names(trained, proba=True)
    np.testing.assert_array_equal(np.column_stack([each.to_numpy() for each in table.columns]), P)


@pytest.mark.parametrize("data", ["flowers.csv", "flowers.parquet", "flowers.h5", "X.npy"])
@pytest.mark.parametrize("out", ["a.csv", "a.npy", "a.parquet"])
def test_pieces_join_to_the_whole(
    shell: Shell,
    files: Flowers,
    trained: dnn_xp.Model,
    monkeypatch: pytest.MonkeyPatch,
    data: str,
    out: str,
) -> None:
    shell("predict", "model.safetensors", data, "--proba", "-o", f"whole_{out}")
    monkeypatch.setattr(dnn_xp.cli.commands.predict, "_VALUES_OF_A_PIECE", 40)
    said = shell("predict", "model.safetensors", data, "--proba", "-o", out)
    assert said.code == 0

    def read(path: str) -> np.ndarray:
        if path.endswith("npy"):
            return np.load(path)
        if path.endswith("csv"):
            return np.loadtxt(path, delimiter=",", skiprows=1)
        columns = pyarrow.parquet.read_table(path).columns
        return np.column_stack([each.to_numpy() for each in columns])

    # Matrix products of other sizes may round otherwise.
    np.testing.assert_allclose(read(out), read(f"whole_{out}"), rtol=1e-12, atol=1e-300)


def test_missing_values_are_found_in_every_piece(
    shell: Shell, files: Flowers, trained: dnn_xp.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dnn_xp.cli.commands.predict, "_VALUES_OF_A_PIECE", 40)
    X = files.X.copy()
    X[61, 1] = np.nan
    np.save("gaps.npy", X)
    said = shell("predict", "model.safetensors", "gaps.npy", "-o", "a.csv")
    assert said == (
        1,
        "",
        (
            "dnn-xp: error: DATA must be finite numbers; got 'gaps.npy' with missing (or infinite) "
            "values in feature 1 (1), the first in example 61 (counted from 0). Fill the gaps in, or "
            "drop these examples."
        ),
    )
    # Nothing half written stays behind.
    assert not [each.name for each in Path().iterdir() if each.name.startswith("a.csv")]


# What is typed after "dnn-xp predict", and how the message begins.
WRONG = """
mdl.safetensors X.npy
    MODEL='mdl.safetensors': there is no such file. Did you mean model.safetensors?
flowers.csv model.safetensors
    MODEL must be a saved model; got 'flowers.csv', which is data. The model comes before DATA.
junk X.npy
    MODEL must be a saved model; got 'junk', which is no safetensors file or is damaged (
model.safetensors Y.npy
    DATA='Y.npy' must be examples of 3 features, as in the training of the model; got 1 feature per example
model.safetensors T.npy
    DATA='T.npy' must be examples of 3 features, as in the training of the model; got 90 features per example. Is DATA='T.npy' transposed? If so, pass --examples columns.
model.safetensors X.npy --features height
    --features must be left out: it is for tables; got a value with DATA='X.npy', which holds arrays
model.safetensors flowers.csv --x-key X
    --x-key must be left out: it is for files of arrays; got a value with DATA='flowers.csv', which holds a table
model.safetensors flowers.csv --features height,width,kind
    --features must be columns of numbers; got 'kind' of 'flowers.csv', without numbers
model.safetensors flowers.csv --features heigth
    --features must be one of 'height', 'width', 'depth', 'kind'; got 'heigth'. Did you mean 'height'?
model.safetensors flowers.csv --features height
    DATA='flowers.csv' must be examples of 3 features, as in the training of the model; got 1 feature per example
model.safetensors flowers.npz --x-key Z
    DATA: the key in 'flowers.npz' must be one of 'X', 'Y'; got 'Z'
model.safetensors flowers.csv -o X.csv
    OUT='X.csv' exists already; choose another with -o, or --force overwrites it
model.safetensors flowers.csv -o no/where.csv
    OUT='no/where.csv': there is no folder 'no'
model.safetensors flowers.csv -o folder.csv
    OUT='folder.csv' is a folder; name a file in it
model.safetensors flowers.csv --device cuda:x
    --device must be 'auto', 'cpu', 'cuda', 'cuda:N' or left out; got 'cuda:x'. Did you mean 'cuda'?
"""  # noqa: E501 - a message is one line


@pytest.mark.parametrize(("typed", "wanted"), typed_and_wanted(WRONG))
def test_wrong_input_is_named(
    shell: Shell, files: Flowers, trained: dnn_xp.Model, typed: str, wanted: str
) -> None:
    Path("junk").write_text("junk")
    Path("X.csv").write_text("1,2")
    Path("folder.csv").mkdir()
    np.save("T.npy", files.X.T)
    said = shell("predict", *typed.split())
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dnn-xp: error: {wanted}")
    assert "\n" not in said.err
    assert Path("X.csv").read_text() == "1,2"
