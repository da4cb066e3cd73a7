"""Estimators with scikit-learn's interface: examples are rows, parameters have MLPClassifier's names.

May import every room but cli, and scikit-learn, which the extra ``dnn_xp[sklearn]`` installs.
"""

from dnn_xp.sklearn.classifier import DNNClassifier
from dnn_xp.sklearn.regressor import DNNRegressor

__all__ = ["DNNClassifier", "DNNRegressor"]
