"""scikit-learn's checks of estimators, none of them expected to fail."""

from __future__ import annotations

import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from sklearn.utils.estimator_checks import parametrize_with_checks

from dnn_xp.sklearn import DNNClassifier, DNNRegressor

ESTIMATORS = [DNNClassifier(max_iter=100), DNNRegressor(max_iter=100)]


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: {}, xfail_strict=True)
def test_sklearn_checks(estimator, check):
    check(estimator)
