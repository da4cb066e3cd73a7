"""What the backward of an activation needs of its forward, in place of Z: nothing is computed twice.

A residual R is an array of the shape and dtype of Z. It is the output A where g'(Z) is a function of
A, as for tanh and selu, and the slope g'(Z) itself where it is not, as for mish: in both cases the
exponential of the forward serves the backward. ``backward(dA, R)`` equals that of Z up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from dnn_xp.formulas.types import Array, Namespace


class Residual(NamedTuple):
    """Forward and backward of an activation that share what they compute.

    Attributes
    ----------
    forward : ``forward(Z, *, xp) -> (A, R)``, with the bits of A that the activation gives.
    backward : ``backward(dA, R, *, xp) -> dZ``.
    """

    forward: Callable[..., tuple[Array, Array]]
    backward: Callable[..., Array]


def with_output(Z: Array, *, g: Callable[..., Array], xp: Namespace) -> tuple[Array, Array]:
    """``A = g(Z)``, and A as the residual.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas.hidden_activations import relu
    >>> with_output(np.asarray([[-1.0, 2.0]]), g=relu, xp=np)
    (array([[0., 2.]]), array([[0., 2.]]))
    """
    A = g(Z, xp=xp)
    return A, A


def with_input(Z: Array, *, g: Callable[..., Array], xp: Namespace) -> tuple[Array, Array]:
    """``A = g(Z)``, and Z as the residual.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.formulas.hidden_activations import relu
    >>> with_input(np.asarray([[-1.0, 2.0]]), g=relu, xp=np)
    (array([[0., 2.]]), array([[-1.,  2.]]))
    """
    return g(Z, xp=xp), Z


def times_slope(dA: Array, slope: Array, *, xp: Namespace) -> Array:
    """``dZ = dA g'(Z)``, with g'(Z) as the residual.

    Examples
    --------
    >>> import numpy as np
    >>> times_slope(np.asarray([[4.0]]), np.asarray([[0.5]]), xp=np)
    array([[2.]])
    """
    return dA * slope


def of_output(g: Callable[..., Array], backward: Callable[..., Array]) -> Residual:
    """The residual is A = g(Z); `backward` takes it."""
    return Residual(partial(with_output, g=g), backward)


def of_input(g: Callable[..., Array], backward: Callable[..., Array]) -> Residual:
    """The residual is Z; `backward` takes it."""
    return Residual(partial(with_input, g=g), backward)


def of_slope(forward: Callable[..., tuple[Array, Array]]) -> Residual:
    """The residual is g'(Z), which `forward` returns beside A."""
    return Residual(forward, times_slope)
