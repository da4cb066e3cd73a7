"""Penalties on the weights, over all parameters as one flat vector.

theta is the (p,) vector of parameters and mask a (p,) vector of the same dtype: 1 at the entries of
each W and 0 at those of each b, which are not penalised. m is the number of examples in the whole
batch. A penalty belongs to the cost once, and its gradient to the gradient once, however many
blocks the batch was cut into.
"""

from __future__ import annotations

from dnn_xp.formulas.types import Array, Namespace


def l2_penalty(theta: Array, mask: Array, *, l2: float, m: float, xp: Namespace) -> Array:
    """L2 penalty, a 0-d array: ``l2 / (2 m) sum(mask theta^2)``.

    Examples
    --------
    >>> import numpy as np
    >>> theta, mask = np.asarray([1.0, -2.0, 7.0]), np.asarray([1.0, 1.0, 0.0])
    >>> float(l2_penalty(theta, mask, l2=4.0, m=10, xp=np))
    1.0
    """
    return xp.sum(mask * (theta * theta)) * (l2 / (2.0 * m))


def l2_gradient(theta: Array, mask: Array, *, l2: float, m: float, xp: Namespace) -> Array:
    """Gradient of `l2_penalty`, (p,): ``l2 / m mask theta``.

    Examples
    --------
    >>> import numpy as np
    >>> theta, mask = np.asarray([1.0, -2.0, 7.0]), np.asarray([1.0, 1.0, 0.0])
    >>> l2_gradient(theta, mask, l2=5.0, m=10, xp=np)
    array([ 0.5, -1. ,  0. ])
    """
    return (mask * theta) * (l2 / m)


def l1_penalty(theta: Array, mask: Array, *, l1: float, m: float, xp: Namespace) -> Array:
    """L1 penalty, a 0-d array: ``l1 / m sum(mask |theta|)``.

    Examples
    --------
    >>> import numpy as np
    >>> theta, mask = np.asarray([1.0, -2.0, 7.0]), np.asarray([1.0, 1.0, 0.0])
    >>> float(l1_penalty(theta, mask, l1=5.0, m=10, xp=np))
    1.5
    """
    return xp.sum(mask * xp.abs(theta)) * (l1 / m)


def l1_gradient(theta: Array, mask: Array, *, l1: float, m: float, xp: Namespace) -> Array:
    """Subgradient of `l1_penalty`, (p,): ``l1 / m mask sign(theta)``, which is 0 at theta = 0.

    Examples
    --------
    >>> import numpy as np
    >>> theta, mask = np.asarray([1.0, -2.0, 7.0]), np.asarray([1.0, 1.0, 0.0])
    >>> l1_gradient(theta, mask, l1=5.0, m=10, xp=np)
    array([ 0.5, -0.5,  0. ])
    """
    return (mask * xp.sign(theta)) * (l1 / m)
