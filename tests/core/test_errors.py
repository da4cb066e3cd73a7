"""Every wrong argument: which exception it is, and that the message names the argument and the way out."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from namespaces import require
from refusals import refused

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
    (
        {"hidden": 3},
        TypeError,
        ("hidden | 3 | a list of layer sizes such as [64, 32] | for one layer pass [3]"),
    ),
    ({"hidden": None}, TypeError, "hidden | None | a list of layer sizes such as [64, 32]"),
    ({"hidden": [0]}, ValueError, "hidden[0] | 0 | a whole number >= 1"),
    ({"hidden": [3, -2]}, ValueError, "hidden[1] | -2 | a whole number >= 1"),
    ({"hidden": [2.5]}, ValueError, "hidden[0] | 2.5 | a whole number >= 1"),
    ({"hidden": ["a"]}, ValueError, "hidden[0] | 'a' | a whole number >= 1"),
    ({"hidden": "big"}, ValueError, "hidden | 'big' | one of 'auto'"),
    (
        {"activation": "rleu"},
        ValueError,
        (
            "activation | 'rleu' "
            "| one of 'relu', 'sigmoid', 'tanh', 'identity', 'leaky_relu', 'elu', 'gelu', "
            "'silu', 'softplus', 'exp', 'selu', 'mish' "
            "| did you mean 'relu'?"
        ),
    ),
    (
        {"activation": "Tanh"},
        ValueError,
        (
            "activation | 'Tanh' "
            "| one of 'relu', 'sigmoid', 'tanh', 'identity', 'leaky_relu', 'elu', 'gelu', "
            "'silu', 'softplus', 'exp', 'selu', 'mish' "
            "| did you mean 'tanh'?"
        ),
    ),
    (
        {"activation": "softmax"},
        ValueError,
        (
            "activation | 'softmax' "
            "| one of 'relu', 'sigmoid', 'tanh', 'identity', 'leaky_relu', 'elu', 'gelu', "
            "'silu', 'softplus', 'exp', 'selu', 'mish'"
        ),
    ),
    (
        {"activation": ["relu"]},
        ValueError,
        "activation | 1 name | one name for all 2 hidden layers, or one each",
    ),
    (
        {"activation": [None, "relu"]},
        ValueError,
        (
            "activation | None "
            "| one of 'relu', 'sigmoid', 'tanh', 'identity', 'leaky_relu', 'elu', 'gelu', "
            "'silu', 'softplus', 'exp', 'selu', 'mish'"
        ),
    ),
    (
        {"activation": 3},
        TypeError,
        ("activation | 3 | one name for all hidden layers, or a list of one each"),
    ),
    (
        {"output_activation": "sigmod"},
        ValueError,
        (
            "output_activation | 'sigmod' "
            "| one of 'relu', 'sigmoid', 'tanh', 'softmax', 'identity', 'leaky_relu', 'elu', "
            "'gelu', 'silu', 'softplus', 'exp', 'selu', 'mish' "
            "| did you mean 'sigmoid'?"
        ),
    ),
    (
        {"output_activation": 3},
        ValueError,
        (
            "output_activation | 3 "
            "| one of 'relu', 'sigmoid', 'tanh', 'softmax', 'identity', 'leaky_relu', 'elu', "
            "'gelu', 'silu', 'softplus', 'exp', 'selu', 'mish'"
        ),
    ),
    (
        {"output_activation": "softmax", "cost": "huber"},
        ValueError,
        (
            "output_activation | 'softmax' with cost='huber' | one that goes with "
            "cost='huber' | pass cost='softmax_cross_entropy' or pass "
            "output_activation='identity'"
        ),
    ),
    (
        {"cost": "cross_entropy"},
        ValueError,
        (
            "cost | 'cross_entropy' "
            "| one of 'binary_cross_entropy', 'softmax_cross_entropy', 'squared_error', 'huber', "
            "'poisson' "
            "| did you mean 'binary_cross_entropy'?"
        ),
    ),
    (
        {"cost": 3},
        ValueError,
        (
            "cost | 3 "
            "| one of 'binary_cross_entropy', 'softmax_cross_entropy', 'squared_error', 'huber', "
            "'poisson'"
        ),
    ),
    (
        {"optimizer": "adm"},
        ValueError,
        (
            "optimizer | 'adm' "
            "| one of 'gradient_descent', 'momentum', 'nesterov', 'rmsprop', 'adam', 'adamw', "
            "'lbfgs' "
            "| did you mean 'adam'?"
        ),
    ),
    (
        {"optimizer": "lbgfs"},
        ValueError,
        (
            "optimizer | 'lbgfs' "
            "| one of 'gradient_descent', 'momentum', 'nesterov', 'rmsprop', 'adam', 'adamw', "
            "'lbfgs' "
            "| did you mean 'lbfgs'?"
        ),
    ),
    ({"optimizer": 3}, TypeError, "optimizer | 3 | a name or an Optimizer from dnn_xp.formulas"),
    (
        {"optimizer": adam},
        TypeError,
        ("optimizer | a function | a name or an Optimizer from dnn_xp.formulas"),
    ),
    (
        {"optimizer": "lbfgs", "batch_size": 5},
        ValueError,
        (
            "batch_size | 5 | left out where optimizer='lbfgs' is given | it works on the "
            "full batch only: leave it out, or pass optimizer='adam'"
        ),
    ),
    (
        {"optimizer": "lbfgs", "keep_prob": 0.5},
        ValueError,
        (
            "keep_prob | 0.5 | left out where optimizer='lbfgs' is given | its line search "
            "needs the exact cost: leave it out, or pass optimizer='adam'"
        ),
    ),
    (
        {"optimizer": "lbfgs", "clip_norm": 1.0},
        ValueError,
        (
            "clip_norm | 1.0 | left out where optimizer='lbfgs' is given | its line search "
            "needs the exact cost: leave it out, or pass optimizer='adam'"
        ),
    ),
    (
        {"optimizer": "lbfgs", "learning_rate": 0.1},
        ValueError,
        (
            "learning_rate | 0.1 | left out where optimizer='lbfgs' is given | its line "
            "search finds the rate: leave it out, or pass optimizer='adam'"
        ),
    ),
    ({"learning_rate": 0}, ValueError, "learning_rate | 0 | a finite number > 0"),
    ({"learning_rate": -1.0}, ValueError, "learning_rate | -1.0 | a finite number > 0"),
    ({"learning_rate": float("nan")}, ValueError, "learning_rate | nan | a finite number > 0"),
    ({"learning_rate": "fast"}, ValueError, "learning_rate | 'fast' | a finite number > 0"),
    (
        {"learning_rate": lambda at: "x"},
        ValueError,
        "learning_rate(0) | 'x' | a finite number >= 0",
    ),
    (
        {"learning_rate": lambda at: None},
        ValueError,
        "learning_rate(0) | None | a finite number >= 0",
    ),
    (
        {"learning_rate": lambda at: np.nan if at == 2 else 0.1},
        ValueError,
        "learning_rate(2) | nan | a finite number >= 0",
    ),
    ({"iterations": -1}, ValueError, "iterations | -1 | a whole number >= 0"),
    ({"iterations": 2.5}, ValueError, "iterations | 2.5 | a whole number >= 0"),
    ({"iterations": True}, ValueError, "iterations | True | a whole number >= 0"),
    ({"epochs": -2}, ValueError, "epochs | -2 | a whole number >= 0"),
    (
        {"iterations": 2, "epochs": 3},
        ValueError,
        "iterations | 2 with epochs=3 | left out where epochs is given",
    ),
    (
        {"iterations": 2, "batch_size": 5},
        ValueError,
        (
            "iterations | 2 | left out where batch_size is given "
            "| it counts full-batch updates: pass epochs"
        ),
    ),
    ({"batch_size": 0}, ValueError, "batch_size | 0 | a whole number >= 1"),
    ({"batch_size": 2.0}, ValueError, "batch_size | 2.0 | a whole number >= 1"),
    (
        {"batch_size": 31},
        ValueError,
        (
            "batch_size | 31 | at most 30, the training examples "
            "| leave batch_size out for full batch"
        ),
    ),
    (
        {"batch_size": 25, "validation": 0.2},
        ValueError,
        (
            "batch_size | 25 | at most 24, the training examples "
            "| leave batch_size out for full batch"
        ),
    ),
    ({"l2": -1}, ValueError, "l2 | -1 | a finite number >= 0"),
    ({"l2": float("inf")}, ValueError, "l2 | inf | a finite number >= 0"),
    ({"l1": "a"}, ValueError, "l1 | 'a' | a finite number >= 0"),
    ({"keep_prob": 0}, ValueError, "keep_prob | 0 | a finite number > 0 and <= 1"),
    ({"keep_prob": 1.5}, ValueError, "keep_prob | 1.5 | a finite number > 0 and <= 1"),
    (
        {"keep_prob": [0.5]},
        ValueError,
        "keep_prob | 1 value | one number for all 2 hidden layers, or one each",
    ),
    (
        {"keep_prob": "half"},
        TypeError,
        ("keep_prob | 'half' | one number for all hidden layers, or a list of one each"),
    ),
    (
        {"keep_prob": None},
        TypeError,
        ("keep_prob | None | one number for all hidden layers, or a list of one each"),
    ),
    ({"clip_norm": 0}, ValueError, "clip_norm | 0 | a finite number > 0"),
    (
        {"initialization": "hee"},
        ValueError,
        (
            "initialization | 'hee' "
            "| one of 'auto', 'he', 'he_uniform', 'xavier', 'xavier_uniform', 'glorot', "
            "'glorot_uniform', 'lecun', 'normal', 'zeros', 'ntk' "
            "| did you mean 'he'?"
        ),
    ),
    ({"initialization": 5}, TypeError, "initialization | 5 | a list of (W, b), one pair a layer"),
    ({"initialization": [1, 2]}, TypeError, "initialization[0] | 1 | a pair (W, b)"),
    (
        {"initialization": [(np.zeros((3, 4)), np.zeros(3))]},
        ValueError,
        (
            "initialization | (W, b) of shapes [((3, 4), (3, 1))] | (W, b) of shapes [((64, "
            "4), (64, 1)), ((32, 64), (32, 1)), ((1, 32), (1, 1))] for the network of sizes "
            "(4, 64, 32, 1)"
        ),
    ),
    (
        {"hidden": [], "initialization": [(np.full((1, 4), np.nan), [0.0])]},
        ValueError,
        "initialization[0] | NaN or infinite values | finite numbers",
    ),
    (
        {"hidden": [], "initialization": [("a", "b")]},
        TypeError,
        "initialization[0] | dtypes <U1 and <U1 | numbers",
    ),
    (
        {"initialization": "normal", "initial_scale": 0},
        ValueError,
        "initial_scale | 0 | a finite number > 0",
    ),
    ({"seed": -1}, ValueError, "seed | -1 | a whole number >= 0"),
    ({"seed": None}, ValueError, "seed | None | a whole number >= 0"),
    (
        {"sample_weight": np.ones(29)},
        ValueError,
        ("sample_weight | 29 examples with examples='columns' | an array of 30 examples, like X"),
    ),
    (
        {"sample_weight": changed(np.ones(30), (3, -1.0))},
        ValueError,
        (
            "sample_weight | -1, the first negative weight at example 3 (counted from 0) "
            "| weights of 0 or more"
        ),
    ),
    (
        {"sample_weight": np.zeros(30)},
        ValueError,
        "sample_weight | 0 for all examples | weights of which at least one is above 0",
    ),
    (
        {"sample_weight": changed(np.ones(30), (4, np.nan))},
        ValueError,
        (
            "sample_weight "
            "| 1 NaN and 0 infinite values, the first at example 4 (counted from 0) "
            "| finite numbers "
            "| drop these examples, or fill the gaps in (for instance with "
            "sklearn.impute.SimpleImputer)"
        ),
    ),
    ({"sample_weight": ["a"] * 30}, TypeError, "sample_weight | text | numbers"),
    (
        {"sample_weight": np.ones((2, 30))},
        ValueError,
        "sample_weight | 2 entries per example | one entry per example, of shape (30,)",
    ),
    (
        {"sample_weight": 3},
        TypeError,
        (
            "sample_weight | 3 "
            "| an array with one entry for each of the 30 examples, or a dataset with shape, "
            "dtype and slicing, a data frame, nested lists, or the path of a file"
        ),
    ),
    ({"validation": 0.0}, ValueError, "validation | 0.0 | a finite number > 0 and < 1"),
    ({"validation": 1.0}, ValueError, "validation | 1.0 | a finite number > 0 and < 1"),
    ({"validation": 1.5}, ValueError, "validation | 1.5 | a finite number > 0 and < 1"),
    (
        {"validation": 0.001},
        ValueError,
        (
            "validation | 0.001, which leaves 0 of 30 examples to validate on "
            "| a fraction of the examples such as 0.1"
        ),
    ),
    (
        {"validation": "some"},
        TypeError,
        ("validation | 'some' | a fraction such as 0.1 or a pair (X, Y)"),
    ),
    (
        {"validation": (X, Y, Y)},
        TypeError,
        ("validation | a tuple of length 3 | a fraction such as 0.1 or a pair (X, Y)"),
    ),
    (
        {"validation": (X[:3], Y)},
        ValueError,
        (
            "validation X | 3 features per example "
            "| examples of 4 features, as in the training of the model"
        ),
    ),
    (
        {"validation": (X.T, Y)},
        ValueError,
        (
            "validation X | 30 features per example "
            "| examples of 4 features, as in the training of the model "
            "| is validation X transposed? If so, pass examples='rows'"
        ),
    ),
    (
        {"validation": (X, Y[:-1])},
        ValueError,
        ("validation Y | 29 examples with examples='columns' | an array of 30 examples, like X"),
    ),
    (
        {"validation": (NAN, Y)},
        ValueError,
        (
            "validation X "
            "| 2 NaN and 0 infinite values, the first at example 7, feature 2 (counted from 0) "
            "| finite numbers "
            "| drop these examples, or fill the gaps in (for instance with "
            "sklearn.impute.SimpleImputer)"
        ),
    ),
    (
        {"validation": (X, Y + 1)},
        ValueError,
        "validation Y | the unknown labels 2 | labels of the classes 0, 1",
    ),
    ({"patience": 0}, ValueError, "patience | 0 | a whole number >= 1"),
    ({"standardize": "yes"}, TypeError, "standardize | 'yes' | True or False"),
    ({"warm_start": 3}, TypeError, "warm_start | 3 | a Model, as train and load return it"),
    (
        {"callbacks": print},
        TypeError,
        ("callbacks | a builtin_function_or_method | a list of functions"),
    ),
    ({"callbacks": [3]}, TypeError, "callbacks[0] | 3 | a function of (iteration, cost, model)"),
    ({"callbacks": None}, TypeError, "callbacks | None | a list of functions"),
    ({"report_every": 0}, ValueError, "report_every | 0 | a whole number >= 1"),
    ({"report_every": None}, ValueError, "report_every | None | a whole number >= 1"),
    (
        {"device": "gpu"},
        ValueError,
        ("device | 'gpu' | 'auto', 'cpu', 'cuda', 'cuda:N' or left out | did you mean 'cuda'?"),
    ),
    (
        {"device": "cpuu"},
        ValueError,
        ("device | 'cpuu' | 'auto', 'cpu', 'cuda', 'cuda:N' or left out | did you mean 'cpu'?"),
    ),
    (
        {"device": "cuda:x"},
        ValueError,
        ("device | 'cuda:x' | 'auto', 'cpu', 'cuda', 'cuda:N' or left out | did you mean 'cuda'?"),
    ),
    ({"device": 0}, ValueError, "device | 0 | 'auto', 'cpu', 'cuda', 'cuda:N' or left out"),
    (
        {"dtype": "flaot32"},
        ValueError,
        "dtype | 'flaot32' | one of 'float32', 'float64' | did you mean 'float32'?",
    ),
    (
        {"dtype": "float16"},
        ValueError,
        "dtype | 'float16' | one of 'float32', 'float64' | did you mean 'float64'?",
    ),
    ({"dtype": int}, ValueError, "dtype | <class 'int'> | one of 'float32', 'float64'"),
    ({"block_size": 0}, ValueError, "block_size | 0 | a whole number >= 1"),
    ({"block_size": "big"}, ValueError, "block_size | 'big' | a whole number >= 1"),
    ({"threads": 0}, ValueError, "threads | 0 | a whole number >= 1"),
    ({"threads": "all"}, ValueError, "threads | 'all' | a whole number >= 1"),
    (
        {"examples": "row"},
        ValueError,
        "examples | 'row' | one of 'columns', 'rows' | did you mean 'rows'?",
    ),
]


def expected(error, message):
    """An error by its parts, or by the start of its text where it is no ArgumentError."""
    if " | " in message:
        return refused(error, message)
    return pytest.raises(error, match="^" + message)


def label(case):
    return "-".join(f"{name}={value!s:.12}".replace("\n", " ") for name, value in case.items())


@pytest.mark.parametrize(
    ("arguments", "error", "message"), ARGUMENTS, ids=[label(case[0]) for case in ARGUMENTS]
)
def test_wrong_arguments_of_train(arguments, error, message):
    with expected(error, message):
        dnn_xp.train(X, Y, **{"iterations": 3} | arguments if _counts(arguments) else arguments)


def _counts(arguments):
    return not {"iterations", "epochs", "batch_size"} & set(arguments)


# X and Y of train.
EXAMPLES = [
    ("X-none", None, Y, TypeError, "X | None | a two-dimensional array of numbers"),
    (
        "X-number",
        3.0,
        Y,
        TypeError,
        (
            "X | 3.0 "
            "| a two-dimensional array of numbers, or a dataset with shape, dtype and slicing, a "
            "data frame, nested lists, or the path of a file"
        ),
    ),
    (
        "X-dict",
        {"a": 1},
        Y,
        TypeError,
        (
            "X | a dict of length 1 "
            "| a two-dimensional array of numbers, or a dataset with shape, dtype and slicing, a "
            "data frame, nested lists, or the path of a file"
        ),
    ),
    (
        "X-flat",
        X[0],
        Y,
        ValueError,
        (
            "X | a numpy.ndarray of shape (30,) and dtype float64 "
            "| two-dimensional, (features, examples) "
            "| one feature: pass X[None, :]. One example: pass X[:, None]"
        ),
    ),
    (
        "X-cube",
        X[None],
        Y,
        ValueError,
        (
            "X | a numpy.ndarray of shape (1, 4, 30) and dtype float64 "
            "| two-dimensional, (features, examples) "
            "| flatten each example, for instance X.reshape(1, -1)"
        ),
    ),
    (
        "X-ragged",
        [[1, 2], [3]],
        Y,
        ValueError,
        (
            "X | a list of length 2 whose entries differ in length "
            "| a two-dimensional array of numbers"
        ),
    ),
    ("X-no-file", "no.npy", Y, FileNotFoundError, r"X='no.npy': there is no file"),
    (
        "X-suffix",
        "no.txt",
        Y,
        ValueError,
        (
            "X | 'no.txt' | a file with one of the suffixes .npy, .npz, .h5, .hdf5, .zarr, .parquet, "
            ".csv | open it yourself and pass the array"
        ),
    ),
    (
        "X-no-examples",
        X[:, :0],
        Y[:0],
        ValueError,
        (
            "X | 4 features and 0 examples with examples='columns' "
            "| at least one example of at least one feature"
        ),
    ),
    (
        "X-no-features",
        X[:0],
        Y,
        ValueError,
        (
            "X | 0 features and 30 examples with examples='columns' "
            "| at least one example of at least one feature"
        ),
    ),
    (
        "X-nan",
        NAN,
        Y,
        ValueError,
        (
            "X "
            "| 2 NaN and 0 infinite values, the first at example 7, feature 2 (counted from 0) "
            "| finite numbers "
            "| drop these examples, or fill the gaps in (for instance with "
            "sklearn.impute.SimpleImputer)"
        ),
    ),
    (
        "X-infinity",
        changed(NAN, ((3, 1), -np.inf)),
        Y,
        ValueError,
        (
            "X "
            "| 2 NaN and 1 infinite values, the first at example 1, feature 3 (counted from 0) "
            "| finite numbers "
            "| drop these examples, or fill the gaps in (for instance with "
            "sklearn.impute.SimpleImputer)"
        ),
    ),
    (
        "X-objects",
        X.astype(object),
        Y,
        TypeError,
        (
            "X | a numpy.ndarray of shape (4, 30) and dtype object, which holds objects "
            "| an array of bool, integers or floats | convert it: X.astype(float)"
        ),
    ),
    (
        "X-complex",
        X + 1j,
        Y,
        TypeError,
        (
            "X "
            "| a numpy.ndarray of shape (4, 30) and dtype complex128, which holds complex "
            "numbers "
            "| an array of bool, integers or floats "
            "| pass its parts, for instance the stacked X.real and X.imag"
        ),
    ),
    (
        "X-text",
        X.astype(str),
        Y,
        TypeError,
        (
            "X | a numpy.ndarray of shape (4, 30) and dtype <U32, which holds text "
            "| an array of bool, integers or floats | encode text as numbers first"
        ),
    ),
    (
        "X-dates",
        np.zeros((4, 30), "M8[s]"),
        Y,
        TypeError,
        (
            "X | a numpy.ndarray of shape (4, 30) and dtype datetime64[s], which holds dates "
            "| an array of bool, integers or floats | convert it to float32 or float64 first"
        ),
    ),
    (
        "X-masked",
        np.ma.masked_less(X, 0),
        Y,
        ValueError,
        (
            "X | a masked array with 55 of them | an array without masked entries "
            "| fill them (X.filled(value)), or leave these examples out"
        ),
    ),
    (
        "X-transposed",
        X.T,
        Y,
        ValueError,
        (
            "Y | 30 examples with examples='columns' | an array of 4 examples, like X "
            "| is X transposed? It has 30 rows: pass examples='rows'"
        ),
    ),
    (
        "Y-none",
        X,
        None,
        TypeError,
        "Y | None | an array with one entry for each of the 30 examples",
    ),
    (
        "Y-short",
        X,
        Y[:-1],
        ValueError,
        "Y | 29 examples with examples='columns' | an array of 30 examples, like X",
    ),
    (
        "Y-column",
        X,
        Y[:, None],
        ValueError,
        (
            "Y | 1 example with examples='columns' | an array of 30 examples, like X "
            "| is Y transposed? Make it of shape (30,) for one value per example, else pass examples='rows'"
        ),
    ),
    (
        "Y-empty",
        X,
        [],
        ValueError,
        "Y | 1 outputs of 0 examples | at least one output of at least one example",
    ),
    (
        "Y-cube",
        X,
        np.zeros((1, 1, 30)),
        ValueError,
        (
            "Y | a numpy.ndarray of shape (1, 1, 30) and dtype float64 "
            "| (m,) labels or values, or (n_y, m)"
        ),
    ),
    (
        "Y-nan",
        X,
        changed(X[0], (5, np.nan)),
        ValueError,
        (
            "Y | 1 NaN and 0 infinite values, the first at example 5 (counted from 0) "
            "| finite numbers "
            "| drop these examples, or fill the gaps in (for instance with "
            "sklearn.impute.SimpleImputer)"
        ),
    ),
    (
        "Y-complex",
        X,
        Y * 1j,
        TypeError,
        (
            "Y "
            "| a numpy.ndarray of shape (30,) and dtype complex128, which holds complex numbers "
            "| an array of bool, integers or floats "
            "| pass its parts, for instance the stacked Y.real and Y.imag"
        ),
    ),
    (
        "Y-one-class",
        X,
        np.ones(30, int),
        ValueError,
        (
            "Y | one class only, 1 | labels of at least two classes "
            "| for values pass cost='squared_error'"
        ),
    ),
    (
        "Y-one-word",
        X,
        ["a"] * 30,
        ValueError,
        (
            "Y | one class only, 'a' | labels of at least two classes "
            "| for values pass cost='squared_error'"
        ),
    ),
    (
        "Y-one-hot-class",
        X,
        np.eye(3)[:, [1] * 30],
        ValueError,
        (
            "Y | one class only, 1 | labels of at least two classes "
            "| for values pass cost='squared_error'"
        ),
    ),
    (
        "Y-mixed",
        X,
        np.array([1, "a"] * 15, object),
        TypeError,
        (
            "Y | objects of the types int, str | all text, all bytes, or all numbers "
            "| make all of them text, for instance [str(y) for y in Y]"
        ),
    ),
    (
        "Y-missing",
        X,
        np.array(["a", None] * 15, object),
        ValueError,
        (
            "Y | 15 missing, the first at example 1 (counted from 0) "
            "| labels or values without missing ones "
            "| drop these examples, or give them a label of their own"
        ),
    ),
    (
        "Y-integers",
        X,
        np.stack([3 * Y, Y]),
        ValueError,
        (
            "Y | integers from 0 to 3 | 0 and 1 where integers are labels, 2 per example "
            "| for values pass floats, or pass cost='squared_error'"
        ),
    ),
    (
        "Y-words-twice",
        X,
        np.array([["a"] * 30, ["b"] * 30]),
        TypeError,
        (
            "Y | text with 2 entries per example "
            "| one label per example, or 0 and 1 for several labels per example"
        ),
    ),
]


@pytest.mark.parametrize(
    ("X", "Y", "error", "message"),
    [case[1:] for case in EXAMPLES],
    ids=[case[0] for case in EXAMPLES],
)
def test_wrong_examples(X, Y, error, message):
    with expected(error, message):
        dnn_xp.train(X, Y, iterations=2)


@pytest.mark.parametrize(
    ("cost", "Y", "error", "message"),
    [
        (
            "poisson",
            -np.abs(X[0]),
            ValueError,
            "Y | -2.32503 | counts of 0 or more for cost='poisson'",
        ),
        (
            "binary_cross_entropy",
            X[0],
            ValueError,
            (
                "Y | values from -2.32503 to 1.36646 "
                "| 0 and 1, or probabilities, for cost='binary_cross_entropy'"
            ),
        ),
        (
            "binary_cross_entropy",
            THREE,
            ValueError,
            (
                "Y | 3 classes: 0, 1, 2 | two classes for cost='binary_cross_entropy' "
                "| pass cost='softmax_cross_entropy'"
            ),
        ),
        (
            "binary_cross_entropy",
            X[:2],
            ValueError,
            (
                "Y | values from -2.32503 to 1.96026 "
                "| 0 and 1, or probabilities, for cost='binary_cross_entropy'"
            ),
        ),
        (
            "softmax_cross_entropy",
            X[0],
            ValueError,
            (
                "Y | floats that are no whole numbers "
                "| labels, or one row of probabilities per class, for cost='softmax_cross_entropy'"
            ),
        ),
        (
            "softmax_cross_entropy",
            np.ones((2, 30)),
            ValueError,
            (
                "Y | 2 entries per example that are negative or do not sum to 1 "
                "| one-hot columns or probabilities for cost='softmax_cross_entropy'"
            ),
        ),
        ("squared_error", ["a", "b"] * 15, TypeError, "Y | text | numbers for this cost"),
    ],
)
def test_targets_that_do_not_fit_the_cost(cost, Y, error, message):
    with expected(error, message):
        dnn_xp.train(X, Y, cost=cost, iterations=2)


def test_sparse_matrices():
    sparse = require("scipy", lambda: importlib.import_module("scipy.sparse"))
    for matrix in (sparse.csr_matrix(X), sparse.coo_array(X)):
        parts = "X | a scipy..., which is sparse | a dense array | pass X.toarray() if ..."
        with refused(TypeError, parts):
            dnn_xp.train(matrix, Y)
    with refused(TypeError, "Y | a scipy..., which is sparse | a dense array | ..."):
        dnn_xp.train(X, sparse.csr_matrix(Y[None, :]))


@pytest.mark.parametrize("library", ["torch", "jax", "array_api_strict"])
def test_arrays_of_two_libraries(library):
    xp = require(library, lambda: importlib.import_module(library))
    xp = importlib.import_module("jax.numpy") if library == "jax" else xp
    parts = f"Y | an array of numpy | an array of {library}, like X | convert Y to {library}, ..."
    with refused(TypeError, parts):
        dnn_xp.train(xp.asarray(X), Y)
    parts = f"Y | an array of {library} | an array of numpy, like X | convert Y to numpy, ..."
    with refused(TypeError, parts):
        dnn_xp.train(X, xp.asarray(Y))


def test_arrays_on_two_devices():
    xp = require("array_api_strict", lambda: importlib.import_module("array_api_strict"))
    here, there = (xp.Device(name) for name in ("device1", "device2"))
    parts = "Y | an array on ...device2... | on array_api_strict device ...device1..., like X"
    with refused(ValueError, parts):
        dnn_xp.train(xp.asarray(X, device=here), xp.asarray(Y, device=there))


def test_tensors_that_record_gradients():
    torch = require("torch", lambda: importlib.import_module("torch"))
    parts = "X | a torch tensor that requires grad | a tensor ... no gradient | pass X.detach()"
    with refused(TypeError, parts):
        dnn_xp.train(torch.asarray(X).requires_grad_(), torch.asarray(Y))


# NaN wherever it can hide: it is found, and its place is that in the user's array.


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("example", [0, 7, 17, 29])
@pytest.mark.parametrize("how", [{}, {"validation": 0.3}, {"validation": 0.3, "batch_size": 10}])
def test_nan_is_found_whichever_part_it_falls_into(how, example, standardize, tmp_path):
    length = {"epochs": 2} if "batch_size" in how else {"iterations": 2}
    spoiled = changed(X, ((1, example), np.nan))
    parts = (
        f"X | 1 NaN and 0 infinite values, the first at example {example}, feature 1 (counted from "
        "0) | finite numbers | ..."
    )
    np.save(tmp_path / "X.npy", spoiled)
    for given in (spoiled, tmp_path / "X.npy"):
        with refused(ValueError, parts):
            dnn_xp.train(given, Y, standardize=standardize, threads=2, **how, **length)


# What a model is asked.

ASKED = [
    (
        "predict",
        {"X": X[:3]},
        ValueError,
        ("X | 3 features per example | examples of 4 features, as in the training of the model"),
    ),
    (
        "predict",
        {"X": X.T},
        ValueError,
        (
            "X | 30 features per example "
            "| examples of 4 features, as in the training of the model "
            "| is X transposed? If so, pass examples='rows'"
        ),
    ),
    (
        "predict",
        {"X": NAN},
        ValueError,
        (
            "X "
            "| 2 NaN and 0 infinite values, the first at example 7, feature 2 (counted from 0) "
            "| finite numbers "
            "| drop these examples, or fill the gaps in (for instance with "
            "sklearn.impute.SimpleImputer)"
        ),
    ),
    ("predict", {"X": None}, TypeError, "X | None | a two-dimensional array of numbers"),
    (
        "predict",
        {"X": X[:, 0]},
        ValueError,
        (
            "X | a numpy.ndarray of shape (4,) and dtype float64 "
            "| two-dimensional, (features, examples) "
            "| one feature: pass X[None, :]. One example: pass X[:, None]"
        ),
    ),
    (
        "predict",
        {"X": X, "examples": "column"},
        ValueError,
        "examples | 'column' | one of 'columns', 'rows' | did you mean 'columns'?",
    ),
    ("predict", {"X": X, "threads": 0}, ValueError, "threads | 0 | a whole number >= 1"),
    (
        "predict_proba",
        {"X": X + 1j},
        TypeError,
        (
            "X "
            "| a numpy.ndarray of shape (4, 30) and dtype complex128, which holds complex "
            "numbers "
            "| an array of bool, integers or floats "
            "| pass its parts, for instance the stacked X.real and X.imag"
        ),
    ),
    (
        "decision_function",
        {"X": X[:, :0]},
        ValueError,
        (
            "X | 4 features and 0 examples with examples='columns' "
            "| at least one example of at least one feature"
        ),
    ),
    (
        "evaluate",
        {"X": X, "Y": Y[:-1]},
        ValueError,
        "Y | 29 examples with examples='columns' | an array of 30 examples, like X",
    ),
    (
        "evaluate",
        {"X": X, "Y": Y + 1},
        ValueError,
        "Y | the unknown labels 2 | labels of the classes 0, 1",
    ),
    (
        "evaluate",
        {"X": X, "Y": ["a"] * 30},
        ValueError,
        "Y | the unknown labels 'a' | labels of the classes 0, 1",
    ),
    (
        "evaluate",
        {"X": X, "Y": np.eye(2)[:, Y]},
        ValueError,
        "Y | 2 outputs per example | targets of 1 output, as the model has",
    ),
    (
        "evaluate",
        {"X": NAN, "Y": Y},
        ValueError,
        (
            "X "
            "| 2 NaN and 0 infinite values, the first at example 7, feature 2 (counted from 0) "
            "| finite numbers "
            "| drop these examples, or fill the gaps in (for instance with "
            "sklearn.impute.SimpleImputer)"
        ),
    ),
    (
        "evaluate",
        {"X": X, "Y": Y, "sample_weight": [1, 2]},
        ValueError,
        ("sample_weight | 2 examples with examples='columns' | an array of 30 examples, like X"),
    ),
    (
        "to",
        {"device": "gpu"},
        ValueError,
        (
            "device | 'gpu' "
            "| one of 'cpu', 'cuda', 'cuda:1', 'numpy', 'cupy', 'torch', 'jax' "
            "| did you mean 'cpu'?"
        ),
    ),
    (
        "to",
        {"device": "torhc"},
        ValueError,
        (
            "device | 'torhc' "
            "| one of 'cpu', 'cuda', 'cuda:1', 'numpy', 'cupy', 'torch', 'jax' "
            "| did you mean 'torch'?"
        ),
    ),
    (
        "to",
        {"device": None},
        ValueError,
        ("device | None | one of 'cpu', 'cuda', 'cuda:1', 'numpy', 'cupy', 'torch', 'jax'"),
    ),
    ("save", {"path": 3}, TypeError, "path | 3 | the path of a file"),
    ("save", {"path": "."}, IsADirectoryError, r"path='\.' is a folder"),
]


@pytest.mark.parametrize(
    ("method", "arguments", "error", "message"),
    ASKED,
    ids=[f"{case[0]}-{label(case[1])}" for case in ASKED],
)
def test_wrong_arguments_of_a_model(models, method, arguments, error, message):
    with expected(error, message):
        getattr(models["binary"], method)(**arguments)


def test_targets_that_a_model_does_not_have(models):
    parts = "Y | 2 outputs per example | targets of 1 output, as the model has"
    with refused(ValueError, parts):
        models["regression"].evaluate(X, X[:2])
    with refused(TypeError, "Y | text | numbers for this cost"):
        models["regression"].evaluate(X, ["a"] * 30)
    with refused(
        ValueError, "Y | 1 NaN and 0 infinite values, ... example 1 ... | finite numbers ..."
    ):
        models["regression"].evaluate(X, changed(X[0], (1, np.nan)))
    parts = "model | a regression, with cost='squared_error' | one of classes ... | use predict"
    with refused(ValueError, parts):
        models["regression"].predict_proba(X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"hidden": [5]},
            (
                "hidden | (5,) | (3,), that of the warm_start model | leave hidden out, the "
                "model brings its architecture"
            ),
        ),
        (
            {"activation": "tanh"},
            (
                "activation | ('tanh',) | ('relu',), that of the warm_start model | leave "
                "activation out, the model brings its architecture"
            ),
        ),
        (
            {"cost": "huber"},
            (
                "cost | 'huber' | 'binary_cross_entropy', that of the warm_start model | leave "
                "cost out, the model brings its architecture"
            ),
        ),
        (
            {"output_activation": "tanh"},
            (
                "output_activation | 'tanh' | 'sigmoid', that of the warm_start model | leave "
                "output_activation out, the model brings its architecture"
            ),
        ),
        (
            {"initialization": "he"},
            (
                "initialization | 'he' | left out where warm_start is given | the model brings "
                "its parameters"
            ),
        ),
        (
            {"X": X[:3]},
            (
                "X | 3 features per example "
                "| examples of 4 features, as in the training of the model"
            ),
        ),
        ({"Y": Y + 5}, "Y | the unknown labels 5, 6 | labels of the classes 0, 1"),
        ({"Y": ["a", "b"] * 15}, "Y | the unknown labels 'a', 'b' | labels of the classes 0, 1"),
    ],
)
def test_a_warm_start_that_does_not_fit(models, arguments, message):
    with expected(ValueError, message):
        dnn_xp.train(**{"X": X, "Y": Y, "warm_start": models["binary"]} | arguments)


def test_a_warm_start_with_other_outputs(models):
    parts = "Y | 2 outputs per example | targets of 1 output, as the model has"
    with refused(ValueError, parts):
        dnn_xp.train(X, X[:2], warm_start=models["regression"])


# Values that have no truth value, no hash, or entries that are not what they seem.
STRANGE = {
    "array": np.ones(3),
    "matrix": np.ones((2, 2)),
    "0-d": np.array(1.0),
    "bytes": b"ab",
    "dict": {},
    "set": {1, 2},
    "nested": [[]],
    "object": object(),
    "10**400": 10**400,
    "10**5000": 10**5000,
}
OPTIONS = {each.name: each.metadata["option"] for each in fields(dnn_xp.Specification)}


# Whole numbers may be large.
STRANGE_OPTIONS = [
    (name, value)
    for name, option in OPTIONS.items()
    for value in STRANGE
    if not (value.startswith("10**") and option.text in ("int", "size"))
]


@pytest.mark.parametrize(("name", "value"), STRANGE_OPTIONS)
def test_strange_values_are_refused_by_name(models, name, value):
    given = {name: STRANGE[value]}
    for call in (
        lambda: dnn_xp.Specification(**given),
        lambda: dnn_xp.train(X, Y, **given),
        lambda: dnn_xp.train(X, Y, warm_start=models["binary"], **given),
    ):
        with pytest.raises(dnn_xp.ArgumentError) as caught:
            call()
        assert caught.value.argument.partition("[")[0] == name


@pytest.mark.parametrize("answer", [np.ones(3), np.zeros((2, 2))])
def test_an_answer_of_a_callback_that_is_neither_true_nor_false(answer):
    parts = "the answer of callbacks[1] | a numpy.ndarray of ... | True, False or None"
    with refused(TypeError, parts):
        dnn_xp.train(X, Y, iterations=2, callbacks=[lambda *_: None, lambda *_: answer])


def test_a_rate_beyond_floats():
    with refused(ValueError, "learning_rate(1) | 1000...000 | a finite number >= 0"):
        dnn_xp.train(X, Y, iterations=3, learning_rate=lambda at: 10**400 if at else 0.1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"X": (0, 3)}, ValueError, "n_x | 0 | a whole number >= 1"),
        (
            {"X": 3},
            TypeError,
            (
                "X | 3 "
                "| a two-dimensional array of numbers, or a dataset with shape, dtype and slicing, a "
                "data frame, nested lists, or the path of a file"
            ),
        ),
        ({"X": X, "outputs": 0}, ValueError, "outputs | 0 | a whole number >= 1"),
        (
            {"X": X, "optimizer": "adm"},
            ValueError,
            (
                "optimizer | 'adm' "
                "| one of 'gradient_descent', 'momentum', 'nesterov', 'rmsprop', 'adam', 'adamw', "
                "'lbfgs' "
                "| did you mean 'adam'?"
            ),
        ),
        ({"X": X, "dtype": "int"}, ValueError, "dtype | 'int' | one of 'float32', 'float64'"),
        (
            {"X": X, "device": "gpu"},
            ValueError,
            ("device | 'gpu' | 'auto', 'cpu', 'cuda', 'cuda:N' or left out | did you mean 'cuda'?"),
        ),
        (
            {"X": X, "batch_size": 31},
            ValueError,
            (
                "batch_size | 31 | at most 30, the training examples "
                "| leave batch_size out for full batch"
            ),
        ),
        (
            {"X": X, "optimizer": "lbfgs", "batch_size": 5},
            ValueError,
            (
                "batch_size | 5 | left out where optimizer='lbfgs' is given | it works on the "
                "full batch only: leave it out, or pass optimizer='adam'"
            ),
        ),
        ({"X": X, "validation": 2.0}, ValueError, "validation | 2.0 | a finite number > 0 and < 1"),
        (
            {"X": X, "validation": "x"},
            TypeError,
            "validation | 'x' | a fraction such as 0.1 or a pair (X, Y)",
        ),
        (
            {"X": X, "validation": (X[:1], None)},
            ValueError,
            (
                "validation X | 1 feature per example "
                "| examples of 4 features, as in the training of the model"
            ),
        ),
        ({"X": X, "keep_prob": 0}, ValueError, "keep_prob | 0 | a finite number > 0 and <= 1"),
        (
            {"X": X, "activation": "rleu"},
            ValueError,
            (
                "activation | 'rleu' "
                "| one of 'relu', 'sigmoid', 'tanh', 'identity', 'leaky_relu', 'elu', 'gelu', "
                "'silu', 'softplus', 'exp', 'selu', 'mish' "
                "| did you mean 'relu'?"
            ),
        ),
        ({"X": X, "block_size": 0}, ValueError, "block_size | 0 | a whole number >= 1"),
        ({"X": X, "standardize": 1}, TypeError, "standardize | 1 | True or False"),
    ],
)
def test_wrong_arguments_of_plan(arguments, error, message):
    with expected(error, message):
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


# What is too large is named


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_targets_that_overflow_the_cost_are_blamed_on_y(standardize, dtype):
    X = np.random.default_rng(0).standard_normal((3, 50))
    how = {"standardize": standardize, "standardize_targets": False, "dtype": dtype}
    large = 1e30 if dtype == "float32" else 1e200
    got = "values up to ...e+... and a cost of inf before the first update"
    ways = "pass standardize_targets=True, or pass dtype='float64', or scale it down first"
    way = ways if dtype == "float32" else "scale it down first"
    with refused(ValueError, f"Y | {got} | of a scale whose cost {dtype} holds | {way}"):
        dnn_xp.train(X, X[0] * large, hidden=[4], iterations=2, **how)


def test_features_that_overflow_the_cost_are_blamed_on_x():
    X = np.random.default_rng(0).standard_normal((3, 50))
    how = {"hidden": [4], "iterations": 2, "standardize": False, "dtype": "float32"}
    for Y in (X[0], np.floor(np.abs(X[0]) * 100)):
        with refused(ValueError, "X | a cost of ... before the first update | ... | ..."):
            dnn_xp.train(X * 1e30, Y, **how)


@pytest.mark.parametrize("which", [0, 1])
def test_a_cost_of_validation_that_overflows_is_an_error(which):
    X = np.random.default_rng(0).standard_normal((3, 50))
    pair = [X, X[0]]
    pair[which] = pair[which] * 1e60
    with refused(ValueError, "validation X and Y | a cost of ... | ... finite in float32 | ..."):
        dnn_xp.train(X, X[0], hidden=[4], iterations=2, dtype="float32", validation=tuple(pair))


def test_outputs_that_overflow_behind_the_last_layer():
    X = np.random.default_rng(0).standard_normal((3, 50))
    model = dnn_xp.train(X, np.floor(np.abs(X[0]) * 3), cost="poisson", hidden=[], iterations=2)
    with refused(ValueError, "X | values whose outputs overflow in ... | ... | ..."):
        model.predict(X * 1e6)


def test_a_split_of_classes_of_one_example_each():
    X = np.random.default_rng(0).standard_normal((3, 2))
    with refused(ValueError, "validation | 0.5, which holds out no example: ... | ... | ..."):
        dnn_xp.train(X, np.array([False, True]), validation=0.5, iterations=1)
