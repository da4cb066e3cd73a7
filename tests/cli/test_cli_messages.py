"""What is said of wrong input: one line, exit code 1; of arguments that make no sense, 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_helpers import Flowers, Shell, columns_of, typed_and_wanted, write_csv

from dnn_xp.cli.parser import parse
from dnn_xp.cli.wording import SHARED_OPTIONS, SHELL, explain
from dnn_xp.common.errors import Argument, ArgumentValueError, Pass, Text, render

# What is typed after "dnn-xp train", and how the message begins.
WRONG = """
flowrs.csv --target kind
    DATA='flowrs.csv': there is no such file and no bundled data set (these are 'breast_cancer', 'diabetes', 'digits', 'iris', 'linnerud', 'wine'). Did you mean flowers.csv?
irirs
    DATA='irirs': there is no such file and no bundled data set (these are 'breast_cancer', 'diabetes', 'digits', 'iris', 'linnerud', 'wine'). Did you mean iris?
notes.txt
    DATA must be a file with one of the suffixes .npy, .npz, .h5, .hdf5, .zarr, .parquet, .csv; got 'notes.txt'
flowers.csv
    --target must be one or more columns of 'flowers.csv': 'height', 'width', 'depth', 'kind'; got no target
flowers.csv --target knid
    --target must be one of 'height', 'width', 'depth', 'kind'; got 'knid'. Did you mean 'kind'?
flowers.csv --target 4
    --target must be a name or the number of a column of 'flowers.csv', 0 to 3; got 4
flowers.csv --target -5
    --target must be a name or the number of a column of 'flowers.csv', 0 to 3; got -5
flowers.csv --target kind --features heigth
    --features must be one of 'height', 'width', 'depth', 'kind'; got 'heigth'. Did you mean 'height'?
flowers.csv --target kind --exclude heigth
    --exclude must be one of 'height', 'width', 'depth', 'kind'; got 'heigth'. Did you mean 'height'?
flowers.csv --target kind --exclude height,width,depth
    --exclude must be some of the columns of 'flowers.csv'; got all of them
gaps.csv --target kind
    X (the features) must be a table without missing numbers; got missing values in 'height' (2), the first in row 7 (counted from 0). Pass --missing indicator
gaps.csv --target height --features width
    --target='height' must be a label or value for each example; got column 'height' of 'gaps.csv' with 2 missing values, the first in row 7
unlabelled.csv --target kind
    --target='kind' must be a label or value for each example; got column 'kind' of 'unlabelled.csv' with 2 missing values, the first in row 4
mixed.csv --target b
    X (the features) must be a table whose columns hold numbers, dates or text; got the column 'a', which holds numbers, and text in 1 of 20 entries (line 4: "n.a.")
gaps.npz
    DATA must be finite numbers; got 'gaps.npz' with missing (or infinite) values in feature 0 (2), feature 2 (1), the first in example 7 (counted from 0). Fill the gaps in, or drop these examples.
same.csv --target kind
    Y (the target) must be labels of at least two classes; got one class only, 'daisy'. For values pass --cost squared_error.
ids.csv --target kind --test-fraction 0
    Y (the target) must be labels of at most 505 classes for 1010 examples; got more, which look like values. For values pass --cost squared_error.
flowers.csv --target kind --cost squared_error
    Y (the target) must be numbers for this cost; got text
semicolons.csv --target 0 --separator ;;
    --separator must be one character
twice.csv --target b
    DATA must be a table whose columns differ in name; got 'twice.csv' with several columns named 'a'
empty.csv --target 0
    DATA must be a table; got 'empty.csv', which is empty
header.csv --target a
    DATA must be a table with examples; got 'header.csv', which has only a header
ragged.csv --target a
    DATA must be a CSV file with as many entries in each line; got 'ragged.csv', which cannot be read (CSV parse error: Expected 2 columns, got 1: 3)
latin.csv --target 0
    DATA must be a file in UTF-8 or UTF-16; got 'latin.csv', which is not in UTF-8 (
junk.parquet --target 0
    'junk.parquet' cannot be read:
junk.npz
    'junk.npz' cannot be read:
zip.npz
    'zip.npz' cannot be read: File is not a zip file
junk.h5
    'junk.h5' cannot be read:
junk.npy --target 0
    DATA must be a file of one array of numbers or text; got 'junk.npy', which cannot be read (
flowers.csv::height --target kind
    DATA must be a table without ::COLUMN; got 'flowers.csv::height'. Choose columns with --features.
flowers.csv --target kind --x-key X
    --x-key must be left out: it is for files of arrays; got a value with DATA='flowers.csv', which holds a table
flowers.csv --y-key Y
    --y-key must be left out: it is for files of arrays; got a value with DATA='flowers.csv', which holds a table
flowers.npz --features height
    --features must be left out: it is for tables; got a value with DATA='flowers.npz', which holds arrays
flowers.npz --exclude height
    --exclude must be left out: it is for tables; got a value with DATA='flowers.npz', which holds arrays
flowers.npz --target kind
    --target must be the number of a column, 0 to 2, where DATA is an array; got 'kind'. Name an array of targets with --y-key.
flowers.npz --target 3
    --target must be the number of a column, 0 to 2, where DATA is an array; got '3'. Name an array of targets with --y-key.
flowers.npz --target 0 --y-key Y
    --y-key must be left out where --target is given; got both
flowers.npz --target-file Y.npy --y-key Y
    --target-file must be left out where --y-key is given; got both
flowers.csv --target-file Y.npy --target kind
    --target-file must be left out where --target is given; got both
flowers.npz --x-key x
    DATA: the key in 'flowers.npz' must be one of 'X', 'Y'; got 'x'. Did you mean 'X'?
flowers.npz --y-key y
    Y (the target): the key in 'flowers.npz' must be one of 'X', 'Y'; got 'y'. Did you mean 'Y'?
odd.npz
    --x-key must be one of the arrays of 'odd.npz': 'left', 'right'; got none
odd.npz --x-key left
    --y-key must be one of the arrays of 'odd.npz': 'left', 'right'; got none
X.npy
    --target-file must be the file of the targets, since 'X.npy' is one array; got none. Pass --target if they are columns of it.
X.npy --target-file nowhere.npy
    --target-file='nowhere.npy': there is no file 'nowhere.npy'.
X.npy --target-file short.npy
    --target-file must be an array of 90 examples, like X (the features); got 4 examples with --examples rows
flowers.npz --examples columns
    Y (the target) must be an array of 3 examples, like X (the features); got 90 examples with --examples columns. Is X (the features) transposed? It has 90 rows: pass --examples rows.
flowers.csv --target kind -o flowers.csv
    MODEL must be another file than DATA; got 'flowers.csv', which is DATA. Choose one with -o.
flowers.csv --target kind -o flowers.csv --force
    MODEL must be another file than DATA; got 'flowers.csv', which is DATA. Choose one with -o.
flowers.csv --target kind -o X.npy
    MODEL='X.npy' exists already; choose another with -o, or --force overwrites it
flowers.csv --target kind -o no/model
    MODEL='no/model': there is no folder 'no'
flowers.csv --target kind -o .
    MODEL='.' is a folder; name a file in it
flowers.csv --target kind --test-fraction 1.5
    --test-fraction must be a fraction of the examples such as 0.2, or 0 for no test; got 1.5, which leaves 0 of 90 examples to test on
flowers.csv --target kind --test-fraction 0.001
    --test-fraction must be a fraction of the examples such as 0.2, or 0 for no test; got 0.001, which leaves 0 of 90 examples to test on
flowers.csv --target kind --validation 3
    --validation must be a finite number > 0 and < 1; got 3.0
flowers.csv --target kind --seed -1
    --seed must be a whole number >= 0; got -1
flowers.csv --target kind --iterations -1
    --iterations must be a whole number >= 0; got -1
flowers.csv --target kind --iterations 2 --epochs 2
    --iterations must be left out where --epochs is given; got 2 with --epochs 2
flowers.csv --target kind --batch-size 500
    --batch-size must be at most 72, the training examples; got 500. Leave --batch-size out for full batch.
flowers.csv --target kind --batch-size 5 --iterations 3
    --iterations must be left out where --batch-size is given; got 3. It counts full-batch updates: pass --epochs.
flowers.csv --target kind --learning-rate 0
    --learning-rate must be a finite number > 0; got 0.0
flowers.csv --target kind --keep-prob 0.5,0.5,0.5
    --keep-prob must be one number for all 2 hidden layers, or one each; got 3 values
flowers.csv --target kind --activation relu,tanh,relu
    --activation must be one name for all 2 hidden layers, or one each; got 3 names
flowers.csv --target kind --device gpu
    --device must be 'auto', 'cpu', 'cuda', 'cuda:N' or left out; got 'gpu'. Did you mean 'cuda'?
flowers.csv --target kind --initialization xavir
    --initialization must be one of 'auto', 'he', 'he_uniform', 'xavier', 'xavier_uniform', 'glorot', 'glorot_uniform', 'lecun', 'normal', 'zeros', 'ntk'; got 'xavir'. Did you mean 'xavier'?
"""  # noqa: E501 - a message is one line


@pytest.fixture
def wrong_files(files: Flowers) -> None:
    columns = columns_of(files)
    gaps = columns | {"height": columns["height"].copy(), "depth": columns["depth"].copy()}
    gaps["height"][[7, 9]], gaps["depth"][30] = np.nan, np.inf
    write_csv("gaps.csv", gaps)
    write_csv("words.csv", columns | {"my notes": ["x"] * 90})
    write_csv("same.csv", columns | {"kind": ["daisy"] * 90})
    write_csv("ids.csv", {"a": np.arange(1010) * 0.5, "kind": [f"id{i}" for i in range(1010)]})
    np.savez(
        "gaps.npz", X=np.stack([gaps["height"], gaps["width"], gaps["depth"]], 1), Y=files.kinds
    )
    unlabelled = files.kinds.copy()
    unlabelled[[4, 40]] = ""
    write_csv("unlabelled.csv", columns | {"kind": unlabelled})
    np.savez("odd.npz", left=files.X, right=files.X)
    np.save("short.npy", np.arange(4))
    for name, text in {
        "notes.txt": "x",
        "semicolons.csv": "a;b\n1;2\n",
        "twice.csv": "a,a,b\n1,2,3\n",
        "mixed.csv": "a,b\n1,2\n2,3\nn.a.,4\n" + "".join(f"{j},{j}\n" for j in range(17)),
        "empty.csv": "",
        "header.csv": "a,b\n",
        "ragged.csv": "a,b\n1,2\n3\n",
        "junk.parquet": "junk",
        "junk.npz": "junk",
        "junk.h5": "junk",
        "junk.npy": "junk",
        "zip.npz": "PK\x03\x04junk",
    }.items():
        Path(name).write_text(text)
    Path("latin.csv").write_bytes(b"caf\xe9,b\n1,2\n")


@pytest.mark.usefixtures("wrong_files")
@pytest.mark.parametrize(("typed", "wanted"), typed_and_wanted(WRONG))
def test_wrong_input_is_one_line_and_1(shell: Shell, typed: str, wanted: str) -> None:
    before = sorted(Path().iterdir())
    said = shell("train", *typed.split(), "--quiet")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dnn-xp: error: {wanted}")
    assert "\n" not in said.err
    assert sorted(Path().iterdir()) == before


USAGE = """
trian iris
    COMMAND must be one of 'train', 'predict', 'sweep', 'plan', 'export', 'info', 'devices', 'demo', 'bench'; got 'trian'. Did you mean 'train'?
--tarin
    the following arguments are required: COMMAND
train
    the following arguments are required: DATA
train iris wine
    'wine' is one argument too many. Lists are written with commas (a,b).
train iris --learning-rat 0.1
    unknown option --learning-rat. Did you mean --learning-rate?
train iris --xyzzy
    unknown option --xyzzy.
train iris --optimizer adan
    --optimizer must be one of 'gradient_descent', 'momentum', 'nesterov', 'rmsprop', 'adam', 'adamw', 'lbfgs'; got 'adan'. Did you mean 'adam'?
train iris --activation relu,tahn
    --activation must be one of 'relu', 'sigmoid', 'tanh', 'identity', 'leaky_relu', 'elu', 'gelu', 'silu', 'softplus', 'exp', 'selu', 'mish'; got 'tahn'. Did you mean 'tanh'?
train iris --cost squared
    --cost must be one of 'binary_cross_entropy', 'softmax_cross_entropy', 'squared_error', 'huber', 'poisson'; got 'squared'. Did you mean 'squared_error'?
train iris --dtype float16
    --dtype must be one of 'float32', 'float64'; got 'float16'. Did you mean 'float64'?
train iris --examples row
    --examples must be one of 'rows', 'columns'; got 'row'. Did you mean 'rows'?
train iris --hidden 64,x
    --hidden must be layer sizes such as 64,32, or auto, or none; got '64,x'
train iris --iterations many
    argument --iterations: invalid int value: 'many'
train iris --keep-prob a
    argument --keep-prob: invalid
predict model.safetensors
    the following arguments are required: DATA
predict model.safetensors iris -o out.txt
    OUT must be a file with one of the suffixes .csv, .npy, .parquet; got 'out.txt'
info
    the following arguments are required: MODEL
"""  # noqa: E501 - a message is one line


@pytest.mark.parametrize(("typed", "wanted"), typed_and_wanted(USAGE))
def test_wrong_usage_is_2_and_says_where_to_look(shell: Shell, typed: str, wanted: str) -> None:
    said = shell(*typed.split())
    assert (said.code, said.out) == (2, "")
    message, where = said.err.splitlines()
    assert message.startswith(f"dnn-xp: error: {wanted}")
    command = typed.split()[0]
    known = "" if command not in ("train", "predict", "export", "info") else f" {command}"
    assert where == f"Try 'dnn-xp{known} --help'."


def test_the_words_are_options() -> None:
    args = vars(parse(["train", "iris"]))
    assert set(SHARED_OPTIONS) <= set(args)


@pytest.mark.parametrize(
    ("text", "python", "shell"),
    [
        ((Pass("device", "cpu"),), "pass device='cpu'", "pass --device cpu"),
        ((Pass("hidden", [8, 4]),), "pass hidden=[8, 4]", "pass --hidden 8,4"),
        ((Pass("fallback", True),), "pass fallback=True", "leave out --no-fallback"),
        ((Pass("fallback", False),), "pass fallback=False", "pass --no-fallback"),
        ((Pass("standardize", True),), "pass standardize=True", "leave out --no-standardize"),
        ((Argument("fallback", False), " makes"), "fallback=False makes", "--no-fallback makes"),
        (("leave ", Argument("batch_size")), "leave batch_size", "leave --batch-size"),
        ((Argument("cost", "my cost"),), "cost='my cost'", "--cost 'my cost'"),
        ((Argument("hidden[1]"),), "hidden[1]", "--hidden[1]"),
        ((Argument("X"), " looks"), "X looks", "X (the features) looks"),
        ((Argument("Y: the key"),), "Y: the key", "Y (the target): the key"),
        ((Argument("path"),), "path", "MODEL"),
        ((Argument("--target"),), "--target", "--target"),
        ((Pass("callbacks", []),), "pass callbacks=[]", "pass callbacks=[]"),
        ("l2 as text is text", "l2 as text is text", "l2 as text is text"),
    ],
)
def test_arguments_become_options(text: Text, python: str, shell: str) -> None:
    assert render(text) == python
    assert render(text, SHELL) == shell


def test_what_came_is_never_reworded() -> None:
    error = ArgumentValueError("batch_size", "'batch_size=3 X is'", "a number", (Pass("l2", 1.0),))
    assert (
        explain(error) == "--batch-size must be a number; got 'batch_size=3 X is'. Pass --l2 1.0."
    )


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (PermissionError(13, "Permission denied", "a.csv"), "Permission denied: a.csv"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (MemoryError("Unable to allocate 8 TiB"), "not enough memory. Unable to allocate 8 TiB"),
        (ValueError("two\n  lines"), "two lines"),
        (ValueError(), "ValueError"),
        (KeyError("a"), "KeyError: 'a' (unexpected; --debug shows where it arose)"),
    ],
)
def test_every_error_is_one_line(error: Exception, wanted: str) -> None:
    assert explain(error) == wanted
