"""Every wrong argument: which exception it is, and that the message names the argument and the way out."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from namespaces import require

import dnn_xp
from dnn_xp.formulas import adam

rng = np.random.default_rng(0)
X = rng.standard_normal((4, 30))
Y = (X[0] > 0).astype(int)
THREE = np.arange(30) % 3


def changed(array, *entries):
    """A copy with other values at some positions."""
    array = np.array(array)
    for position, value in entries:
        array[position] = value
    return array


NAN = changed(X, ((2, 7), np.nan), ((0, 9), np.nan))


@pytest.fixture(scope="module")
def models():
    how = {"hidden": [3], "iterations": 2}
    return {
        "binary": dnn_xp.train(X, Y, **how),
        "multiclass": dnn_xp.train(X, THREE, **how),
        "regression": dnn_xp.train(X, X[0], **how),
    }


# Arguments of train: what is passed, the exception, and the message from its start.
ARGUMENTS = [
    ({"hidden": 3}, TypeError, r"hidden must be a list .* got 3; for one layer pass \[3\]"),
    ({"hidden": None}, TypeError, r"hidden must be a list of layer sizes .* got None$"),
    ({"hidden": [0]}, ValueError, r"hidden\[0\] must be a whole number >= 1; got 0"),
    ({"hidden": [3, -2]}, ValueError, r"hidden\[1\] must be a whole number >= 1; got -2"),
    ({"hidden": [2.5]}, ValueError, r"hidden\[0\] must be a whole number >= 1; got 2.5"),
    ({"hidden": ["a"]}, ValueError, r"hidden\[0\] must be a whole number"),
    ({"hidden": "big"}, ValueError, r"hidden='big' is unknown. Choose one of 'auto'"),
    ({"activation": "rleu"}, ValueError, r"activation='rleu' is unknown: did you mean 'relu'\?"),
    ({"activation": "Tanh"}, ValueError, r"activation='Tanh' is unknown: did you mean 'tanh'\?"),
    ({"activation": "softmax"}, ValueError, r"activation='softmax' is unknown\. Choose one of"),
    ({"activation": ["relu"]}, ValueError, r"activation has 1 names for 2 hidden layers"),
    ({"activation": [None, "relu"]}, ValueError, r"activation=None is unknown"),
    ({"activation": 3}, TypeError, r"activation must be one name .* got 3"),
    ({"output_activation": "sigmod"}, ValueError, r"output_activation='sigmod' .*mean 'sigmoid'"),
    ({"output_activation": 3}, ValueError, r"output_activation=3 is unknown"),
    (
        {"output_activation": "softmax", "cost": "huber"},
        ValueError,
        r"output_activation='softmax' does not go with cost='huber': pass cost='softmax_cross_",
    ),
    ({"cost": "cross_entropy"}, ValueError, r"cost='cross_entropy' .*mean 'binary_cross_entropy'"),
    ({"cost": 3}, ValueError, r"cost=3 is unknown. Choose one of 'binary_cross_entropy'"),
    ({"optimizer": "adm"}, ValueError, r"optimizer='adm' is unknown: did you mean 'adam'\?"),
    ({"optimizer": "lbgfs"}, ValueError, r"optimizer='lbgfs' .*did you mean 'lbfgs'\?"),
    ({"optimizer": 3}, TypeError, r"optimizer must be a name or an Optimizer .* got 3"),
    ({"optimizer": adam}, TypeError, r"optimizer must be a name or an Optimizer .* a function"),
    ({"optimizer": "lbfgs", "batch_size": 5}, ValueError, r"optimizer='lbfgs' .* full batch only"),
    ({"optimizer": "lbfgs", "keep_prob": 0.5}, ValueError, r"optimizer='lbfgs' takes no keep_prob"),
    ({"optimizer": "lbfgs", "clip_norm": 1.0}, ValueError, r"optimizer='lbfgs' .*clip_norm"),
    (
        {"optimizer": "lbfgs", "learning_rate": 0.1},
        ValueError,
        r"optimizer='lbfgs' .*learning_rate",
    ),
    ({"learning_rate": 0}, ValueError, r"learning_rate must be a finite number > 0; got 0"),
    ({"learning_rate": -1.0}, ValueError, r"learning_rate must be .* > 0; got -1.0"),
    ({"learning_rate": float("nan")}, ValueError, r"learning_rate must be .* got nan"),
    ({"learning_rate": "fast"}, ValueError, r"learning_rate must be .* got 'fast'"),
    ({"learning_rate": lambda at: "x"}, ValueError, r"learning_rate\(0\) gave 'x'; a finite"),
    ({"learning_rate": lambda at: None}, ValueError, r"learning_rate\(0\) gave None"),
    ({"learning_rate": lambda at: np.nan if at == 2 else 0.1}, ValueError, r"learning_rate\(2\)"),
    ({"iterations": -1}, ValueError, r"iterations must be a whole number >= 0; got -1"),
    ({"iterations": 2.5}, ValueError, r"iterations must be a whole number >= 0; got 2.5"),
    ({"iterations": True}, ValueError, r"iterations must be a whole number >= 0; got True"),
    ({"epochs": -2}, ValueError, r"epochs must be a whole number >= 0; got -2"),
    ({"iterations": 2, "epochs": 3}, ValueError, r"iterations=2 and epochs=3 were both given"),
    (
        {"iterations": 2, "batch_size": 5},
        ValueError,
        r"iterations=2 .* with batch_size pass epochs",
    ),
    ({"batch_size": 0}, ValueError, r"batch_size must be a whole number >= 1; got 0"),
    ({"batch_size": 2.0}, ValueError, r"batch_size must be a whole number >= 1; got 2.0"),
    ({"batch_size": 31}, ValueError, r"batch_size=31 is more than the 30 training examples"),
    (
        {"batch_size": 25, "validation": 0.2},
        ValueError,
        r"batch_size=25 is more than the 24 training examples",
    ),
    ({"l2": -1}, ValueError, r"l2 must be a finite number >= 0; got -1"),
    ({"l2": float("inf")}, ValueError, r"l2 must be a finite number >= 0; got inf"),
    ({"l1": "a"}, ValueError, r"l1 must be a finite number >= 0; got 'a'"),
    ({"keep_prob": 0}, ValueError, r"keep_prob must be a finite number > 0 and <= 1; got 0"),
    ({"keep_prob": 1.5}, ValueError, r"keep_prob must be .* got 1.5"),
    ({"keep_prob": [0.5]}, ValueError, r"keep_prob has 1 values for 2 hidden layers"),
    ({"keep_prob": "half"}, TypeError, r"keep_prob must be a number or a list .* 'half'"),
    ({"keep_prob": None}, TypeError, r"keep_prob must be a number or a list .* None"),
    ({"clip_norm": 0}, ValueError, r"clip_norm must be a finite number > 0; got 0"),
    (
        {"initialization": "hee"},
        ValueError,
        r"initialization='hee' is unknown: did you mean 'he'\?",
    ),
    ({"initialization": 5}, TypeError, r"initialization must be a list of \(W, b\).* got 5"),
    ({"initialization": [1, 2]}, TypeError, r"initialization must be .* layer 1 is 1"),
    (
        {"initialization": [(np.zeros((3, 4)), np.zeros(3))]},
        ValueError,
        r"initialization has .* shapes \[\(\(3, 4\), \(3, 1\)\)\]; .* sizes \(4, 64, 32, 1\) wants",
    ),
    (
        {"hidden": [], "initialization": [(np.full((1, 4), np.nan), [0.0])]},
        ValueError,
        r"initialization holds NaN or infinity in layer 1",
    ),
    (
        {"hidden": [], "initialization": [("a", "b")]},
        TypeError,
        r"initialization must be .* layer 1 has dtypes",
    ),
    (
        {"initialization": "normal", "initial_scale": 0},
        ValueError,
        r"initial_scale must be a finite number > 0; got 0",
    ),
    ({"seed": -1}, ValueError, r"seed must be a whole number >= 0; got -1"),
    ({"seed": None}, ValueError, r"seed must be a whole number >= 0; got None"),
    ({"sample_weight": np.ones(29)}, ValueError, r"sample_weight has 29 examples and X has 30"),
    (
        {"sample_weight": changed(np.ones(30), (3, -1.0))},
        ValueError,
        r"sample_weight holds -1 \(the first negative weight is at example 3\)",
    ),
    ({"sample_weight": np.zeros(30)}, ValueError, r"sample_weight is 0 for all examples"),
    (
        {"sample_weight": changed(np.ones(30), (4, np.nan))},
        ValueError,
        r"sample_weight holds 1 NaN and 0 infinite values; the first is at example 4",
    ),
    ({"sample_weight": ["a"] * 30}, TypeError, r"sample_weight holds text"),
    ({"sample_weight": np.ones((2, 30))}, ValueError, r"sample_weight has 2 entries per example"),
    ({"sample_weight": 3}, TypeError, r"sample_weight is 3; an array with one entry for each of"),
    ({"validation": 0.0}, ValueError, r"validation must be a finite number > 0 and < 1; got 0.0"),
    ({"validation": 1.0}, ValueError, r"validation must be .* got 1.0"),
    ({"validation": 1.5}, ValueError, r"validation must be .* got 1.5"),
    ({"validation": 0.001}, ValueError, r"validation=0.001 of 30 examples leaves 0"),
    ({"validation": "some"}, TypeError, r"validation must be a fraction .* or a pair \(X, Y\)"),
    ({"validation": (X, Y, Y)}, TypeError, r"validation must be .* got a tuple of length 3"),
    ({"validation": (X[:3], Y)}, ValueError, r"validation X has 3 features per example"),
    ({"validation": (X.T, Y)}, ValueError, r"validation X .* looks transposed"),
    ({"validation": (X, Y[:-1])}, ValueError, r"validation Y has 29 examples and X has 30"),
    ({"validation": (NAN, Y)}, ValueError, r"validation X holds 2 NaN .* example 7, feature 2"),
    ({"validation": (X, Y + 1)}, ValueError, r"validation Y holds labels .* classes: 2"),
    ({"patience": 0}, ValueError, r"patience must be a whole number >= 1; got 0"),
    ({"standardize": "yes"}, TypeError, r"standardize must be True or False, got the string 'yes'"),
    ({"warm_start": 3}, TypeError, r"warm_start must be a Model, .* got 3"),
    ({"callbacks": print}, TypeError, r"callbacks must be a list of functions"),
    ({"callbacks": [3]}, TypeError, r"callbacks\[0\] must be callable, got 3"),
    ({"callbacks": None}, TypeError, r"callbacks must be a list of functions, got None"),
    ({"report_every": 0}, ValueError, r"report_every must be a whole number >= 1; got 0"),
    ({"report_every": None}, ValueError, r"report_every must be a whole number >= 1; got None"),
    ({"device": "gpu"}, ValueError, r"device='gpu' is unknown: did you mean 'cuda'\?"),
    ({"device": "cpuu"}, ValueError, r"device='cpuu' is unknown: did you mean 'cpu'\?"),
    ({"device": "cuda:x"}, ValueError, r"device='cuda:x' is unknown"),
    ({"device": 0}, ValueError, r"device=0 is unknown\. Choose one of None, 'auto'"),
    ({"dtype": "flaot32"}, ValueError, r"dtype='flaot32' is unknown: did you mean 'float32'\?"),
    ({"dtype": "float16"}, ValueError, r"dtype='float16' is unknown"),
    ({"dtype": int}, ValueError, r"dtype=<class 'int'> is unknown"),
    ({"block_size": 0}, ValueError, r"block_size must be a whole number >= 1; got 0"),
    ({"block_size": "big"}, ValueError, r"block_size must be a whole number >= 1; got 'big'"),
    ({"threads": 0}, ValueError, r"threads must be a whole number >= 1; got 0"),
    ({"threads": "all"}, ValueError, r"threads must be a whole number >= 1; got 'all'"),
    ({"examples": "row"}, ValueError, r"examples='row' is unknown: did you mean 'rows'\?"),
]


def label(case):
    return "-".join(f"{name}={value!s:.12}".replace("\n", " ") for name, value in case.items())


@pytest.mark.parametrize(
    ("arguments", "error", "message"), ARGUMENTS, ids=[label(case[0]) for case in ARGUMENTS]
)
def test_wrong_arguments_of_train(arguments, error, message):
    with pytest.raises(error, match="^" + message):
        dnn_xp.train(X, Y, **{"iterations": 3} | arguments if _counts(arguments) else arguments)


def _counts(arguments):
    return not {"iterations", "epochs", "batch_size"} & set(arguments)


# X and Y of train.
EXAMPLES = [
    ("X-none", None, Y, TypeError, r"X is None; a two-dimensional array"),
    ("X-number", 3.0, Y, TypeError, r"X is 3.0; a two-dimensional array of numbers is wanted"),
    ("X-dict", {"a": 1}, Y, TypeError, r"X is a dict of length 1"),
    ("X-flat", X[0], Y, ValueError, r"X is .* two are wanted: \(features, examples\)"),
    ("X-cube", X[None], Y, ValueError, r"X is .* with 3 dimensions; .* Flatten each example"),
    ("X-ragged", [[1, 2], [3]], Y, ValueError, r"X is a list .* whose entries differ in length"),
    ("X-no-file", "no.npy", Y, FileNotFoundError, r"X='no.npy': there is no file"),
    ("X-suffix", "no.txt", Y, ValueError, r"X='no.txt' has the suffix '.txt'"),
    ("X-no-examples", X[:, :0], Y[:0], ValueError, r"X is empty: 4 features and 0 examples"),
    ("X-no-features", X[:0], Y, ValueError, r"X is empty: 0 features and 30 examples"),
    ("X-nan", NAN, Y, ValueError, r"X holds 2 NaN and 0 infinite .* at example 7, feature 2"),
    (
        "X-infinity",
        changed(NAN, ((3, 1), -np.inf)),
        Y,
        ValueError,
        r"X holds 2 NaN and 1 infinite values; the first is at example 1, feature 3",
    ),
    ("X-objects", X.astype(object), Y, TypeError, r"X is .* it holds objects; .*astype\(float\)"),
    ("X-complex", X + 1j, Y, TypeError, r"X is .* it holds complex numbers"),
    ("X-text", X.astype(str), Y, TypeError, r"X is .* it holds text"),
    ("X-dates", np.zeros((4, 30), "M8[s]"), Y, TypeError, r"X is .* it holds dates"),
    ("X-masked", np.ma.masked_less(X, 0), Y, ValueError, r"X is a masked array with \d+ masked"),
    (
        "X-transposed",
        X.T,
        Y,
        ValueError,
        r'Y has 30 examples and X has 4 .* X looks transposed: .* Pass examples="rows"',
    ),
    ("Y-none", X, None, TypeError, r"Y is None; an array with one entry for each of the 30"),
    ("Y-short", X, Y[:-1], ValueError, r"Y has 29 examples and X has 30"),
    ("Y-column", X, Y[:, None], ValueError, r"Y has 1 examples .* Y looks transposed: .* \(30,\)"),
    ("Y-empty", X, [], ValueError, r"Y is empty"),
    ("Y-cube", X, np.zeros((1, 1, 30)), ValueError, r"Y is .* with 3 dimensions"),
    ("Y-nan", X, changed(X[0], (5, np.nan)), ValueError, r"Y holds 1 NaN .* at example 5 "),
    ("Y-complex", X, Y * 1j, TypeError, r"Y is .* it holds complex numbers"),
    ("Y-one-class", X, np.ones(30, int), ValueError, r"Y holds one class only, 1; at least two"),
    ("Y-one-word", X, ["a"] * 30, ValueError, r"Y holds one class only, 'a'"),
    ("Y-one-hot-class", X, np.eye(3)[:, [1] * 30], ValueError, r"Y holds one class only, 1"),
    ("Y-mixed", X, np.array([1, "a"] * 15, object), TypeError, r"Y must be .* objects of the types int, str"),
    ("Y-missing", X, np.array(["a", None] * 15, object), ValueError, r"Y must be .* 15 missing, the first at example 1"),
    (
        "Y-integers",
        X,
        np.stack([3 * Y, Y]),
        ValueError,
        r"Y holds integers from 0 to 3 with 2 per example; 0 and 1 are wanted",
    ),
    ("Y-words-twice", X, np.array([["a"] * 30, ["b"] * 30]), TypeError, r"Y holds text with 2"),
]


@pytest.mark.parametrize(
    ("X", "Y", "error", "message"),
    [case[1:] for case in EXAMPLES],
    ids=[case[0] for case in EXAMPLES],
)
def test_wrong_examples(X, Y, error, message):
    with pytest.raises(error, match="^" + message):
        dnn_xp.train(X, Y, iterations=2)


@pytest.mark.parametrize(
    ("cost", "Y", "error", "message"),
    [
        ("poisson", -np.abs(X[0]), ValueError, r"Y holds -.*cost='poisson' wants counts"),
        ("binary_cross_entropy", X[0], ValueError, r"Y holds values from .* wants 0 and 1"),
        ("binary_cross_entropy", THREE, ValueError, r"Y holds 3 classes \(0, 1, 2\)"),
        ("binary_cross_entropy", X[:2], ValueError, r"Y holds values from"),
        ("softmax_cross_entropy", X[0], ValueError, r"Y holds floats that are no whole numbers"),
        ("softmax_cross_entropy", np.ones((2, 30)), ValueError, r"Y has 2 entries .* sum to 1"),
        ("squared_error", ["a", "b"] * 15, TypeError, r"Y holds text; numbers are wanted"),
    ],
)
def test_targets_that_do_not_fit_the_cost(cost, Y, error, message):
    with pytest.raises(error, match="^" + message):
        dnn_xp.train(X, Y, cost=cost, iterations=2)


def test_sparse_matrices():
    sparse = require("scipy", lambda: importlib.import_module("scipy.sparse"))
    for matrix in (sparse.csr_matrix(X), sparse.coo_array(X)):
        with pytest.raises(TypeError, match=r"^X is a scipy.*a sparse matrix.* pass X.toarray\(\)"):
            dnn_xp.train(matrix, Y)
    with pytest.raises(TypeError, match=r"^Y is a scipy.*a sparse matrix"):
        dnn_xp.train(X, sparse.csr_matrix(Y[None, :]))


@pytest.mark.parametrize("library", ["torch", "jax", "array_api_strict"])
def test_arrays_of_two_libraries(library):
    xp = require(library, lambda: importlib.import_module(library))
    xp = importlib.import_module("jax.numpy") if library == "jax" else xp
    with pytest.raises(TypeError, match=rf"^X is of {library} and Y of numpy; one library"):
        dnn_xp.train(xp.asarray(X), Y)
    with pytest.raises(TypeError, match=rf"^X is of numpy and Y of {library}.*Convert Y to numpy"):
        dnn_xp.train(X, xp.asarray(Y))


def test_arrays_on_two_devices():
    xp = require("array_api_strict", lambda: importlib.import_module("array_api_strict"))
    here, there = (xp.Device(name) for name in ("device1", "device2"))
    with pytest.raises(ValueError, match=r"^X is on array_api_strict device .* Y on .* one device"):
        dnn_xp.train(xp.asarray(X, device=here), xp.asarray(Y, device=there))


def test_tensors_that_record_gradients():
    torch = require("torch", lambda: importlib.import_module("torch"))
    with pytest.raises(TypeError, match=r"^X is a torch tensor that requires grad.*X.detach\(\)"):
        dnn_xp.train(torch.asarray(X).requires_grad_(), torch.asarray(Y))


# NaN wherever it can hide: it is found, and its place is that in the user's array.


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("example", [0, 7, 17, 29])
@pytest.mark.parametrize("how", [{}, {"validation": 0.3}, {"validation": 0.3, "batch_size": 10}])
def test_nan_is_found_whichever_part_it_falls_into(how, example, standardize, tmp_path):
    length = {"epochs": 2} if "batch_size" in how else {"iterations": 2}
    spoiled = changed(X, ((1, example), np.nan))
    message = rf"^X holds 1 NaN and 0 infinite values; the first is at example {example}, feature 1"
    np.save(tmp_path / "X.npy", spoiled)
    for given in (spoiled, tmp_path / "X.npy"):
        with pytest.raises(ValueError, match=message):
            dnn_xp.train(given, Y, standardize=standardize, threads=2, **how, **length)


# What a model is asked.

ASKED = [
    ("predict", {"X": X[:3]}, ValueError, r"X has 3 features .* trained with 4\.$"),
    (
        "predict",
        {"X": X.T},
        ValueError,
        r'X has 30 features .* X looks transposed\. Pass examples="',
    ),
    ("predict", {"X": NAN}, ValueError, r"X holds 2 NaN .* at example 7, feature 2"),
    ("predict", {"X": None}, TypeError, r"X is None"),
    ("predict", {"X": X[:, 0]}, ValueError, r"X is .* One example: pass X\[:, None\]"),
    ("predict", {"X": X, "examples": "column"}, ValueError, r"examples='column' .*mean 'columns'"),
    ("predict", {"X": X, "threads": 0}, ValueError, r"threads must be a whole number >= 1; got 0"),
    ("predict_proba", {"X": X + 1j}, TypeError, r"X is .* it holds complex numbers"),
    ("decision_function", {"X": X[:, :0]}, ValueError, r"X is empty"),
    ("evaluate", {"X": X, "Y": Y[:-1]}, ValueError, r"Y has 29 examples and X has 30"),
    ("evaluate", {"X": X, "Y": Y + 1}, ValueError, r"Y holds labels .* not among the classes: 2\."),
    ("evaluate", {"X": X, "Y": ["a"] * 30}, ValueError, r"Y holds labels .* not among .*: 'a'"),
    ("evaluate", {"X": X, "Y": np.eye(2)[:, Y]}, ValueError, r"Y has 2 outputs .* the model has 1"),
    ("evaluate", {"X": NAN, "Y": Y}, ValueError, r"X holds 2 NaN"),
    ("evaluate", {"X": X, "Y": Y, "sample_weight": [1, 2]}, ValueError, r"sample_weight has 2 ex"),
    ("to", {"device": "gpu"}, ValueError, r"device='gpu' is unknown"),
    ("to", {"device": "torhc"}, ValueError, r"device='torhc' is unknown: did you mean 'torch'\?"),
    ("to", {"device": None}, ValueError, r"device=None is unknown"),
    ("save", {"path": 3}, TypeError, r"path must be the path of a file, got 3"),
    ("save", {"path": "."}, IsADirectoryError, r"path='\.' is a folder"),
]


@pytest.mark.parametrize(
    ("method", "arguments", "error", "message"),
    ASKED,
    ids=[f"{case[0]}-{label(case[1])}" for case in ASKED],
)
def test_wrong_arguments_of_a_model(models, method, arguments, error, message):
    with pytest.raises(error, match="^" + message):
        getattr(models["binary"], method)(**arguments)


def test_targets_that_a_model_does_not_have(models):
    with pytest.raises(ValueError, match=r"^Y has 2 outputs per example and the model has 1"):
        models["regression"].evaluate(X, X[:2])
    with pytest.raises(TypeError, match=r"^Y holds text"):
        models["regression"].evaluate(X, ["a"] * 30)
    with pytest.raises(ValueError, match=r"^Y holds 1 NaN"):
        models["regression"].evaluate(X, changed(X[0], (1, np.nan)))
    with pytest.raises(ValueError, match=r"^predict_proba: .* no probabilities; use predict"):
        models["regression"].predict_proba(X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"hidden": [5]},
            r"hidden=\(5,\) differs from the warm_start model's \(3,\); leave hidden",
        ),
        ({"activation": "tanh"}, r"activation=\('tanh',\) differs from the warm_start model's"),
        ({"cost": "huber"}, r"cost='huber' differs from the warm_start model's 'binary_cross_ent"),
        ({"output_activation": "tanh"}, r"output_activation='tanh' differs from the warm_start"),
        ({"initialization": "he"}, r"initialization and warm_start were both given"),
        ({"X": X[:3]}, r"X has 3 features per example and the model was trained with 4"),
        ({"Y": Y + 5}, r"Y holds labels that are not among the classes: 5, 6"),
        ({"Y": ["a", "b"] * 15}, r"Y holds labels that are not among the classes: 'a', 'b'"),
    ],
)
def test_a_warm_start_that_does_not_fit(models, arguments, message):
    with pytest.raises(ValueError, match="^" + message):
        dnn_xp.train(**{"X": X, "Y": Y, "warm_start": models["binary"]} | arguments)


def test_a_warm_start_with_other_outputs(models):
    with pytest.raises(ValueError, match=r"^Y has 2 outputs per example and the warm_start model"):
        dnn_xp.train(X, X[:2], warm_start=models["regression"])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"X": (0, 3)}, ValueError, r"n_x must be a whole number >= 1; got 0"),
        ({"X": 3}, TypeError, r"X is 3"),
        ({"X": X, "outputs": 0}, ValueError, r"outputs must be a whole number >= 1"),
        ({"X": X, "optimizer": "adm"}, ValueError, r"optimizer='adm' is unknown: did you mean"),
        ({"X": X, "dtype": "int"}, ValueError, r"dtype='int' is unknown"),
        ({"X": X, "device": "gpu"}, ValueError, r"device='gpu' is unknown"),
        ({"X": X, "batch_size": 31}, ValueError, r"batch_size=31 is more than the 30 training"),
        (
            {"X": X, "optimizer": "lbfgs", "batch_size": 5},
            ValueError,
            r"optimizer='lbfgs' works on",
        ),
        ({"X": X, "validation": 2.0}, ValueError, r"validation must be .* got 2.0"),
        ({"X": X, "validation": "x"}, TypeError, r"validation must be a fraction such as 0.1 or a"),
        ({"X": X, "validation": (X[:1], None)}, ValueError, r"validation X has 1 feature"),
        ({"X": X, "keep_prob": 0}, ValueError, r"keep_prob must be a finite number > 0 and <= 1"),
        ({"X": X, "activation": "rleu"}, ValueError, r"activation='rleu' is unknown"),
        ({"X": X, "block_size": 0}, ValueError, r"block_size must be a whole number >= 1"),
        ({"X": X, "standardize": 1}, TypeError, r"standardize must be True or False"),
    ],
)
def test_wrong_arguments_of_plan(arguments, error, message):
    with pytest.raises(error, match="^" + message):
        dnn_xp.plan(**arguments)


def test_a_missing_package_names_the_extra_that_brings_it(monkeypatch):
    for package, call in {
        "torch": lambda: dnn_xp.train(X, Y, hidden=[2], iterations=1).to("torch"),
    }.items():
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ImportError, match=package) as caught:
            call()
        (extra,) = re.findall(r'pip install "dnn_xp\[(\w+)\]"', str(caught.value))
        assert extra in _extras()


def _extras():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    return tomllib.loads(text)["project"]["optional-dependencies"]
