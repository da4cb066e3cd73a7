"""scikit-learn's checks of estimators, none of them expected to fail."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.utils.estimator_checks import (
    check_sample_weight_equivalence_on_dense_data,
    check_sample_weight_equivalence_on_sparse_data,
    parametrize_with_checks,
)

from dnn_xp.sklearn import DNNClassifier, DNNRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks([DNNClassifier(max_iter=60), DNNRegressor(max_iter=60)])
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("Estimator", [DNNClassifier, DNNRegressor])
def test_weights_are_repeated_rows(Estimator, solver):
    estimator = Estimator(solver=solver, batch_size=None, alpha=0.1, max_iter=30)
    check_sample_weight_equivalence_on_dense_data(Estimator.__name__, estimator)
    check_sample_weight_equivalence_on_sparse_data(Estimator.__name__, estimator)
