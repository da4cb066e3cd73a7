"""Gradient checking of a gradient that the user brings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dnn_xp.common.checks import check_float
from dnn_xp.common.differences import central_differences, relative_difference
from dnn_xp.common.parameter_dicts import layers_from_dict, layers_to_dict
from dnn_xp.course.arguments import check_layers, layers_of
from dnn_xp.data.host import is_array, to_host
from dnn_xp.training.gradient_result import GradientCheck, ParameterCheck

Vector: TypeAlias = NDArray[np.float64]


def compare_gradient(
    cost: Callable[[Any], Any],
    gradient: Any,
    parameters: Any,
    *,
    epsilon: float = 1e-5,
) -> GradientCheck:
    """Compare a gradient of your own with central differences of a cost of your own, in float64.

    For each entry ``g_num = (J(theta + epsilon) - J(theta - epsilon)) / (2 epsilon)``; the result is
    ``|g - g_num| / (|g| + |g_num|)``, over all entries and for each W[l] and b[l].

    Parameters
    ----------
    cost : callable
        parameters -> J, a number.
    gradient : callable or what it returns
        parameters -> the gradient of J: for a dict {"dW1": ..., "db1": ...}, where "dA1" and "dZ1"
        are passed over, for a list of (W, b) a list of (dW, db), for an array an array.
    parameters : dict, list of (W, b), or array
        Where to check: {"W1": ..., "b1": ...}, [(W[1], b[1]), ...], or a theta of any shape. Both
        functions are given the same structure, of NumPy arrays in float64.
    epsilon : float
        Step of the differences. 1e-5 balances truncation and rounding in float64; with the course's
        1e-7 the rounding of J shows, 1e-16 / 1e-7 = 1e-9 of it.

    Returns
    -------
    GradientCheck
        ``relative_difference`` below 1e-7 means right, above 1e-3 wrong.

    Raises
    ------
    TypeError, ValueError
        For parameters of another structure, and for a gradient of another structure or shape.

    Notes
    -----
    Every entry takes two costs, so check small networks. A cost with dropout must use the same masks
    at every call. :func:`dnn_xp.gradient_check` checks the gradient that training uses.

    Examples
    --------
    >>> import numpy as np
    >>> theta = np.array([1.0, -2.0, 3.0])
    >>> right = compare_gradient(lambda t: (t**3).sum(), lambda t: 3 * t**2, theta)
    >>> wrong = compare_gradient(lambda t: (t**3).sum(), lambda t: 2 * t**2, theta)
    >>> right.relative_difference < 1e-7 < 1e-3 < wrong.relative_difference
    True
    """
    epsilon = check_float("epsilon", epsilon, above=0.0)
    if is_array(parameters):
        arrays = {"theta": _on_host(parameters)}
        sizes: tuple[int, ...] = (arrays["theta"].size,)
    else:
        layers = [(_on_host(W), _on_host(b)) for W, b in layers_of(parameters)]
        check_layers(layers)
        arrays = layers_to_dict(layers)
        sizes = (layers[0][0].shape[1], *(len(W) for W, _ in layers))
    shapes = {name: array.shape for name, array in arrays.items()}
    theta = _vector(arrays.values())

    def structured(at: Vector) -> Any:
        if is_array(parameters):
            return at.reshape(shapes["theta"])
        parts = _parts(at, shapes)
        if isinstance(parameters, Mapping):
            return dict(zip(shapes, parts, strict=True))
        return list(zip(parts[::2], parts[1::2], strict=True))

    def cost_at(at: Vector) -> float:
        return float(cost(structured(at)))

    came = gradient(structured(theta)) if callable(gradient) else gradient
    analytic = _vector(_gradient_arrays(came, shapes))
    numeric = central_differences(cost_at, theta, epsilon=epsilon)
    rows = [
        ParameterCheck(
            name, g.shape, g.size, float(np.linalg.norm(g)), relative_difference(g, g_num)
        )
        for name, g, g_num in zip(
            shapes, _parts(analytic, shapes), _parts(numeric, shapes), strict=True
        )
    ]
    return GradientCheck(
        relative_difference=relative_difference(analytic, numeric),
        parameters=tuple(rows),
        cost=cost_at(theta),
        epsilon=epsilon,
        sizes=sizes,
        library="numpy",
    )


def _on_host(array: Any) -> Vector:
    return np.asarray(to_host(array) if is_array(array) else array, dtype=np.float64)


def _vector(arrays: Iterable[Any]) -> Vector:
    """All entries, array by array and row by row."""
    return np.concatenate([_on_host(array).reshape(-1) for array in arrays])


def _parts(theta: Vector, shapes: Mapping[str, tuple[int, ...]]) -> list[Vector]:
    """The arrays of these shapes that a vector holds one after the other."""
    stops = np.cumsum([math.prod(shape) for shape in shapes.values()])
    parts = np.split(theta, stops[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes.values(), strict=True)]


def _gradient_arrays(gradient: Any, shapes: Mapping[str, tuple[int, ...]]) -> list[Any]:
    """The gradient's arrays in the order and of the shapes of the parameters'."""
    if isinstance(gradient, Mapping):
        found = layers_from_dict(gradient, prefix="d", argument="gradient")
        arrays = list(layers_to_dict(found).values())
    elif isinstance(gradient, (list, tuple)) and "theta" not in shapes:
        arrays = [array for layer in gradient for array in layer]
    else:
        arrays = [gradient]
    wanted, came = list(shapes.values()), [tuple(np.shape(each)) for each in arrays]
    if came != wanted:
        raise ValueError(
            f"gradient must have one array for each of {', '.join(shapes)}, of shapes {wanted}; "
            f"got shapes {came}"
        )
    return arrays
