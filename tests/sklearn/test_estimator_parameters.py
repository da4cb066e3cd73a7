"""Parameters are refused under the names that the user gave them."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from refusals import refused

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.neural_network import MLPClassifier, MLPRegressor

from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.formulas import momentum
from dnn_xp.sklearn import DNNClassifier, DNNRegressor
from dnn_xp.sklearn.parameters import Settings

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).standard_normal((60, 3))
y = (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(DNNClassifier, MLPClassifier), (DNNRegressor, MLPRegressor)]
)
def test_every_parameter_of_sklearn_has_its_name_place_and_default(ours, theirs):
    mine, others = (inspect.signature(each).parameters for each in (ours, theirs))
    for name, parameter in others.items():
        assert mine[name].default == parameter.default, name
        assert mine[name].kind == parameter.kind, name
    positional = [name for name, each in others.items() if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert list(mine)[: len(positional)] == positional
    given = set(mine) - {"random_state", "class_weight"}
    assert given <= set(Settings._fields)


@pytest.mark.parametrize(
    ("parameters", "parts"),
    [
        ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes[1] | 0 | a whole number >= 1"),
        ({"alpha": -1}, "alpha | -1 | a finite number >= 0"),
        ({"solver": "adm"}, "solver | 'adm' | ..."),
        ({"learning_rate": 0.1}, "learning_rate | ... | ..."),
        ({"max_iter": 0}, "max_iter | 0 | a whole number >= 1"),
        ({"beta_1": 1.0}, "beta_1 | 1.0 | a finite number >= 0 and < 1"),
        ({"n_iter_no_change": 0}, "n_iter_no_change | 0 | a whole number >= 1"),
        ({"batch_size": 0}, "batch_size | 0 | a whole number >= 1"),
        ({"activation": ["relu", "tanh"]}, "activation | 2 names | one name for ..."),
        ({"dropout": 0.5, "solver": "lbfgs"}, "dropout | 0.5 | left out where solver... | ..."),
        ({"validation_fraction": 1.5}, "validation_fraction | 1.5 | ..."),
        ({"device": "gpu"}, "device | 'gpu' | ..."),
    ],
)
def test_values_that_are_refused(parameters, parts):
    with refused(ArgumentValueError, parts):
        DNNClassifier(**parameters).fit(X, y)


def test_types_that_are_refused():
    with refused(ArgumentTypeError, "shuffle | 'yes' | True or False"):
        DNNClassifier(shuffle="yes").fit(X, y)
    with pytest.raises(ValueError, match="class_weight must be left out"):
        DNNClassifier(class_weight="balanced").fit(X, np.stack([y, 1 - y, y], axis=1))
    with pytest.raises(ValueError, match="requires y >= 0"):
        DNNRegressor(loss="poisson").fit(X, X[:, 0])


def test_optimizers_of_the_library_are_solvers():
    common = {"hidden_layer_sizes": 6, "max_iter": 30, "random_state": 0, "shuffle": False}
    named = DNNClassifier(solver="momentum", **common).fit(X, y)
    given = DNNClassifier(solver=momentum(0.9), **common).fit(X, y)
    np.testing.assert_array_equal(named.coefs_[0], given.coefs_[0])
    # Where the rate stays the same, that is scikit-learn's sgd without Nesterov's momentum.
    sgd = DNNClassifier(solver="sgd", nesterovs_momentum=False, **common).fit(X, y)
    np.testing.assert_allclose(named.coefs_[0], sgd.coefs_[0], rtol=1e-9)


def test_every_parameter_is_documented():
    page = Path(__file__).parents[2] / "docs" / "sklearn.md"
    said = page.read_text() + DNNClassifier.__doc__ + DNNRegressor.__doc__
    for name in {
        **inspect.signature(DNNClassifier).parameters,
        **inspect.signature(DNNRegressor).parameters,
    }:
        assert name in said
