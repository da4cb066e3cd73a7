"""Pictures of trainings and models, with matplotlib: each function returns the Axes and takes `ax=`.

May import all rooms but the shell. matplotlib is imported when a picture is made.
"""

from dnn_xp.plots.boundary import decision_boundary
from dnn_xp.plots.classes import confusion_matrix, roc
from dnn_xp.plots.curves import LiveCurve, learning_curves
from dnn_xp.plots.importance import permutation_importance
from dnn_xp.plots.layers import activations, weights
from dnn_xp.plots.reliability import calibration
from dnn_xp.plots.values import residuals

__all__ = [
    "LiveCurve",
    "activations",
    "calibration",
    "confusion_matrix",
    "decision_boundary",
    "learning_curves",
    "permutation_importance",
    "residuals",
    "roc",
    "weights",
]
