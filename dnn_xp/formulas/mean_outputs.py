"""Mean predictions of k networks, as the Z[L] whose activation is the mean of theirs.

For probabilities that is log-odds, or a logarithm, of their mean, computed from the Z_j[L] without
rounding a probability to 0 or 1. Scores and costs then take the mean prediction as any other output.
"""

from __future__ import annotations

from collections.abc import Callable

from dnn_xp.formulas.hidden_activations import softplus
from dnn_xp.formulas.types import Array, Namespace


def mean_of_members(Z: Array, *, xp: Namespace) -> Array:
    """The mean of members (k, n, B): (n, B).

    Examples
    --------
    >>> import numpy as np
    >>> mean_of_members(np.asarray([[[1.0]], [[4.0]]]), xp=np)
    array([[2.5]])
    """
    return xp.sum(Z, axis=0) / float(Z.shape[0])


def log_mean_exp(Z: Array, *, xp: Namespace) -> Array:
    """``log((1/k) sum over members of exp(Z_j))``: (n, B) from (k, n, B), without overflow.

    Examples
    --------
    >>> import numpy as np
    >>> log_mean_exp(np.asarray([[[1e4]], [[-1e4]]]), xp=np).round(4)
    array([[9999.3069]])
    """
    largest = xp.max(Z, axis=0, keepdims=True)
    return largest[0, :, :] + xp.log(mean_of_members(xp.exp(Z - largest), xp=xp))


def log_odds_of_mean(Z: Array, *, xp: Namespace) -> Array:
    """The Z whose sigmoid is the mean of sigmoid(Z_j): ``log(p) - log(1 - p)``, (n, B) from (k, n, B).

    p and 1 - p are means of ``exp(-softplus(-Z_j))`` and ``exp(-softplus(Z_j))``, so that neither
    logarithm is of a difference or of 0.

    Examples
    --------
    >>> import numpy as np
    >>> log_odds_of_mean(np.asarray([[[800.0]], [[0.0]]]), xp=np).round(4)  # p = (1 + 1/2) / 2
    array([[1.0986]])
    """
    of_one = log_mean_exp(-softplus(-Z, xp=xp), xp=xp)
    return of_one - log_mean_exp(-softplus(Z, xp=xp), xp=xp)


def log_of_mean_softmax(Z: Array, *, xp: Namespace) -> Array:
    """The Z whose softmax is the mean of softmax(Z_j), its logarithm: (n, B) from (k, n, B).

    Examples
    --------
    >>> import numpy as np
    >>> Z = np.asarray([[[0.0], [0.0]], [[800.0], [0.0]]])
    >>> np.exp(log_of_mean_softmax(Z, xp=np))
    array([[0.75],
           [0.25]])
    """
    largest = xp.max(Z, axis=1, keepdims=True)
    of_all = largest + xp.log(xp.sum(xp.exp(Z - largest), axis=1, keepdims=True))
    return log_mean_exp(Z - of_all, xp=xp)


# For each output activation, from the Z of all members the one whose activation is the mean of theirs.
MEAN_OUTPUTS: dict[str, Callable[..., Array]] = {
    "identity": mean_of_members,
    "sigmoid": log_odds_of_mean,
    "softmax": log_of_mean_softmax,
    "exp": log_mean_exp,
}
