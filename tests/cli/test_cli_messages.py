"""What is said of wrong input: one line, exit code 1; of arguments that make no sense, 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_helpers import Flowers, Shell, columns_of, typed_and_wanted, write_csv

from dnn_xp.cli.parser import parse
from dnn_xp.cli.wording import SHARED_OPTIONS, explain, in_shell_words

# What is typed after "dnn-xp train", and how the message begins.
WRONG = """
flowrs.csv --target kind
    DATA='flowrs.csv': there is no such file and no bundled data set (these are 'breast_cancer', 'diabetes', 'digits', 'iris', 'linnerud', 'wine'). Did you mean flowers.csv?
irirs
    DATA='irirs': there is no such file and no bundled data set (these are 'breast_cancer', 'diabetes', 'digits', 'iris', 'linnerud', 'wine'). Did you mean iris?
notes.txt
    DATA='notes.txt' has the suffix '.txt'; one of .npy, .npz, .h5, .hdf5, .zarr, .parquet, .csv is wanted
flowers.csv
    what is to be learned? Name it with --target; the columns of 'flowers.csv' are 'height', 'width', 'depth', 'kind'
flowers.csv --target knid
    --target='knid' is unknown: did you mean 'kind'? Choose one of 'height', 'width', 'depth', 'kind'.
flowers.csv --target 4
    --target=4: 'flowers.csv' has 4 columns, numbered 0 to 3
flowers.csv --target -5
    --target=-5: 'flowers.csv' has 4 columns, numbered 0 to 3
flowers.csv --target kind --features heigth
    --features='heigth' is unknown: did you mean 'height'?
flowers.csv --target kind --exclude heigth
    --exclude='heigth' is unknown: did you mean 'height'?
flowers.csv --target kind --exclude height,width,depth
    no column of 'flowers.csv' is left to learn from
gaps.csv --target kind
    the features (X) must be a table without missing numbers; got missing values in 'height' (2), the first in row 7 (counted from 0). Pass --missing='indicator'
gaps.csv --target height --features width
    --target='height' must be a label or value for each example; got column 'height' of 'gaps.csv' with 2 missing values, the first in row 7
unlabelled.csv --target kind
    --target='kind' must be a label or value for each example; got column 'kind' of 'unlabelled.csv' with 2 missing values, the first in row 4
mixed.csv --target b
    the features (X) must be a table whose columns hold numbers, dates or text; got the column 'a', which holds numbers, and text in 1 of 20 entries (line 4: "n.a.")
gaps.npz
    'gaps.npz' has missing (or infinite) values in feature 0 (2), feature 2 (1)
same.csv --target kind
    the target (Y) holds one class only, 'daisy'; at least two are wanted. For values pass --cost='squared_error'.
ids.csv --target kind --test-fraction 0
    the target (Y) holds more than 505 different labels for 1010 examples; these look like values, not classes. For regression pass --cost='squared_error'.
flowers.csv --target kind --cost squared_error
    the target (Y) holds text; numbers are wanted for this cost.
semicolons.csv --target 0 --separator ;;
    --separator must be one character
twice.csv --target b
    'twice.csv' has several columns named 'a'; give each a name of its own
empty.csv --target 0
    'empty.csv' is empty
header.csv --target a
    'header.csv' has no lines below its header
ragged.csv --target a
    'ragged.csv' cannot be read: CSV parse error: Expected 2 columns, got 1: 3
latin.csv --target 0
    'latin.csv' is not in UTF-8
junk.parquet --target 0
    'junk.parquet' cannot be read:
junk.npz
    'junk.npz' cannot be read:
zip.npz
    'zip.npz' cannot be read: File is not a zip file
junk.h5
    'junk.h5' cannot be read:
junk.npy --target 0
    DATA='junk.npy' cannot be read:
flowers.csv::height --target kind
    DATA='flowers.csv::height': choose the columns of a table with --features
flowers.csv --target kind --x-key X
    --x-key is for files of arrays, and DATA='flowers.csv' holds a table
flowers.csv --y-key Y
    --y-key is for files of arrays, and DATA='flowers.csv' holds a table
flowers.npz --features height
    --features is for tables, and DATA='flowers.npz' holds arrays
flowers.npz --exclude height
    --exclude is for tables, and DATA='flowers.npz' holds arrays
flowers.npz --target kind
    --target='kind': the columns of an array have no names but numbers, here 0 to 2; an array of its own is named with --y-key
flowers.npz --target 3
    --target='3': the columns of an array have no names but numbers, here 0 to 2
flowers.npz --target 0 --y-key Y
    --target and --y-key were both given; one of them is wanted
flowers.npz --target-file Y.npy --y-key Y
    --target-file and --y-key were both given; one of them is wanted
flowers.csv --target-file Y.npy --target kind
    --target-file and --target were both given; one of them is wanted
flowers.npz --x-key x
    DATA: the key in 'flowers.npz'='x' is unknown: did you mean 'X'?
flowers.npz --y-key y
    the target (Y): the key in 'flowers.npz'='y' is unknown: did you mean 'Y'?
odd.npz
    'odd.npz' holds the arrays 'left', 'right'; name the features with --x-key
odd.npz --x-key left
    what is to be learned? In 'odd.npz' nothing says so: it holds the arrays 'left', 'right'; name the targets with --y-key
X.npy
    what is to be learned? In 'X.npy' nothing says so: it is one array; name the targets' own file with --target-file, or their columns with --target
X.npy --target-file nowhere.npy
    --target-file='nowhere.npy': there is no file 'nowhere.npy'.
X.npy --target-file short.npy
    --target-file has 4 examples and X has 90
flowers.npz --examples columns
    the target (Y) has 90 examples and X has 3 (with --examples="columns"). X looks transposed: it has 90 rows. Pass --examples="rows".
flowers.csv --target kind -o flowers.csv
    MODEL='flowers.csv' is DATA itself; choose another with -o
flowers.csv --target kind -o flowers.csv --force
    MODEL='flowers.csv' is DATA itself; choose another with -o
flowers.csv --target kind -o X.npy
    MODEL='X.npy' exists already; choose another with -o, or --force overwrites it
flowers.csv --target kind -o no/model
    MODEL='no/model': there is no folder 'no'
flowers.csv --target kind -o .
    MODEL='.' is a folder; name a file in it
flowers.csv --target kind --test-fraction 1.5
    --test-fraction=1.5 of 90 examples leaves 0 to test on; pass a fraction such as 0.2, or 0 for no test
flowers.csv --target kind --test-fraction 0.001
    --test-fraction=0.001 of 90 examples leaves 0 to test on
flowers.csv --target kind --validation 3
    --validation must be a finite number > 0 and < 1; got 3.0
flowers.csv --target kind --seed -1
    --seed must be a whole number >= 0; got -1
flowers.csv --target kind --iterations -1
    --iterations must be a whole number >= 0; got -1
flowers.csv --target kind --iterations 2 --epochs 2
    --iterations=2 and --epochs=2 were both given; pass one of them
flowers.csv --target kind --batch-size 500
    --batch-size=500 is more than the 72 training examples; leave it out for full batch
flowers.csv --target kind --batch-size 5 --iterations 3
    --iterations=3 counts full-batch updates; with --batch-size pass epochs instead
flowers.csv --target kind --learning-rate 0
    --learning-rate must be a finite number > 0; got 0.0
flowers.csv --target kind --keep-prob 0.5,0.5,0.5
    --keep-prob has 3 values for 2 hidden layers
flowers.csv --target kind --activation relu,tanh,relu
    --activation has 3 names for 2 hidden layers
flowers.csv --target kind --device gpu
    --device='gpu'
flowers.csv --target kind --initialization xavir
    --initialization='xavir' is unknown: did you mean 'xavier'?
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
    COMMAND='trian' is unknown: did you mean 'train'? Choose one of 'train', 'predict', 'info', 'devices', 'demo'.
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
    --optimizer='adan' is unknown: did you mean 'adam'?
train iris --activation relu,tahn
    --activation='tahn' is unknown: did you mean 'tanh'?
train iris --cost squared
    --cost='squared' is unknown: did you mean 'squared_error'?
train iris --dtype float16
    --dtype='float16' is unknown
train iris --examples row
    --examples='row' is unknown: did you mean 'rows'?
train iris --hidden 64,x
    --hidden='64,x' is no list of layer sizes; 64,32 is one (or auto, or none)
train iris --iterations many
    argument --iterations: invalid int value: 'many'
train iris --keep-prob a
    argument --keep-prob: invalid
predict model.safetensors
    the following arguments are required: DATA
predict model.safetensors iris -o out.txt
    OUT='out.txt' has the suffix '.txt'; one of .csv, .npy, .parquet is wanted
info
    the following arguments are required: MODEL
"""


@pytest.mark.parametrize(("typed", "wanted"), typed_and_wanted(USAGE))
def test_wrong_usage_is_2_and_says_where_to_look(shell: Shell, typed: str, wanted: str) -> None:
    said = shell(*typed.split())
    assert (said.code, said.out) == (2, "")
    message, where = said.err.splitlines()
    assert message.startswith(f"dnn-xp: error: {wanted}")
    command = typed.split()[0]
    known = "" if command not in ("train", "predict", "info") else f" {command}"
    assert where == f"Try 'dnn-xp{known} --help'."


def test_the_words_are_options() -> None:
    args = vars(parse(["train", "iris"]))
    assert set(SHARED_OPTIONS) <= set(args)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("pass device='cpu' and examples=\"rows\"", "pass --device='cpu' and --examples=\"rows\""),
        ("the cost is nan; cost='huber'", "the cost is nan; --cost='huber'"),
        ("l2 must be a number", "--l2 must be a number"),
        ("the model=1 keeps --seed=1", "the model=1 keeps --seed=1"),
        ("X is empty", "the features (X) is empty"),
    ],
)
def test_arguments_become_options(said: str, wanted: str) -> None:
    assert in_shell_words(said) == wanted


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
