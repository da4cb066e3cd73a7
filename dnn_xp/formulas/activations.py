"""Activations: the record of one, and the table of all by name.

Every forward takes Z, a real floating array of shape (n, m) with examples in columns, and returns A
= g(Z) of the same shape and dtype. Every backward takes dA = dJ/dA and the same Z and returns dZ =
dJ/dZ, again of that shape and dtype: dA * g'(Z) where g is elementwise. No argument is changed,
nothing is raised, and NaN in Z gives NaN in A.

To add one, write its two functions and one entry of `ACTIVATIONS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from dnn_xp.formulas.hidden_activations import (
    elu,
    elu_backward,
    elu_backward_of_output,
    gelu,
    gelu_and_slope,
    gelu_backward,
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    silu,
    silu_and_slope,
    silu_backward,
    softplus,
    softplus_backward,
    tanh,
    tanh_backward,
    tanh_backward_of_output,
)
from dnn_xp.formulas.output_activations import (
    exp,
    exp_backward,
    identity,
    identity_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
)
from dnn_xp.formulas.residuals import Residual, of_input, of_output, of_slope
from dnn_xp.formulas.tabular_activations import (
    mish,
    mish_and_slope,
    mish_backward,
    selu,
    selu_backward,
    selu_backward_of_output,
)
from dnn_xp.formulas.types import Array


class Activation(NamedTuple):
    """An activation and what the rest of the library must know about it.

    Attributes
    ----------
    name : its key in `ACTIVATIONS`.
    forward : ``forward(Z, *, xp) -> A``.
    backward : ``backward(dA, Z, *, xp) -> dZ``.
    elementwise : whether each entry of A depends on the same entry of Z alone.
    initialization : rule for the weights of its layer: "he", "xavier" or "lecun".
    """

    name: str
    forward: Callable[..., Array]
    backward: Callable[..., Array]
    elementwise: bool
    initialization: str


# Where A^2 has a mean of about half of Z^2, "he" keeps the size of the signal from layer to
# layer (for standard normal Z: relu 0.50, leaky_relu 0.50, elu 0.64, gelu 0.43, silu 0.36,
# mish 0.46); the authors of elu start from it too. softplus has 0.92 and selu 1, so "lecun", which
# assumes 1, fits them. The
# rest are outputs or close to linear at 0, where "xavier" balances the signals of both directions.
ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation("relu", relu, relu_backward, True, "he"),
        Activation("sigmoid", sigmoid, sigmoid_backward, True, "xavier"),
        Activation("tanh", tanh, tanh_backward, True, "xavier"),
        Activation("softmax", softmax, softmax_backward, False, "xavier"),
        Activation("identity", identity, identity_backward, True, "xavier"),
        Activation("leaky_relu", leaky_relu, leaky_relu_backward, True, "he"),
        Activation("elu", elu, elu_backward, True, "he"),
        Activation("gelu", gelu, gelu_backward, True, "he"),
        Activation("silu", silu, silu_backward, True, "he"),
        Activation("softplus", softplus, softplus_backward, True, "lecun"),
        Activation("exp", exp, exp_backward, True, "xavier"),
        Activation("selu", selu, selu_backward, True, "lecun"),
        Activation("mish", mish, mish_backward, True, "he"),
    )
}

# By forward and backward, not by name: a user may give another function either name.
_RESIDUALS: dict[tuple[Any, Any], Residual] = {
    (relu, relu_backward): of_output(relu, relu_backward),
    (leaky_relu, leaky_relu_backward): of_output(leaky_relu, leaky_relu_backward),
    (tanh, tanh_backward): of_output(tanh, tanh_backward_of_output),
    (elu, elu_backward): of_output(elu, elu_backward_of_output),
    (selu, selu_backward): of_output(selu, selu_backward_of_output),
    (gelu, gelu_backward): of_slope(gelu_and_slope),
    (silu, silu_backward): of_slope(silu_and_slope),
    (mish, mish_backward): of_slope(mish_and_slope),
}


def residual_of(activation: Activation) -> Residual:
    """Forward and backward of an activation that share what they compute; Z is the residual where they share nothing.

    Examples
    --------
    >>> import numpy as np
    >>> residual_of(ACTIVATIONS["tanh"]).forward(np.asarray([[0.0]]), xp=np)
    (array([[0.]]), array([[0.]]))
    """
    key = activation.forward, activation.backward
    try:
        return _RESIDUALS[key]
    except (KeyError, TypeError):  # TypeError: a user's function that cannot be hashed
        return of_input(*key)
