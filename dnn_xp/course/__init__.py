"""The formulas for a student's own loop: names for activations and costs, and `xp` from the arrays.

Each function checks its arguments and calls the formula of `dnn_xp.formulas` that computes.
Parameters and gradients are lists [(W[1], b[1]), ...] or the course's dictionaries {"W1": ...,
"b1": ...}. Training does not pass through here. May import everything below `cli`.
"""

from dnn_xp.common.parameter_dicts import layers_from_dict, layers_to_dict
from dnn_xp.course.costs import compute_cost, cost_derivative
from dnn_xp.course.gradient import compare_gradient
from dnn_xp.course.recurrences import backward, forward
from dnn_xp.formulas.mini_batches import mini_batches

__all__ = [
    "backward",
    "compare_gradient",
    "compute_cost",
    "cost_derivative",
    "forward",
    "layers_from_dict",
    "layers_to_dict",
    "mini_batches",
]
