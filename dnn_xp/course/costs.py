"""The cost J and its derivative, from A[L] or from Z[L]."""

from __future__ import annotations

from dnn_xp.common.messages import unknown_name
from dnn_xp.course.arguments import Of, check_of, namespace_of
from dnn_xp.formulas.costs import COSTS, Cost, weighted_sum
from dnn_xp.formulas.types import Array, Namespace


def compute_cost(
    outputs: Array,
    Y: Array,
    cost: str | Cost = "binary_cross_entropy",
    *,
    of: Of,
    xp: Namespace | None = None,
) -> Array:
    """The cost ``J = (1/m) sum over examples of loss``, from A[L] or from Z[L].

    From Z[L] the loss stays exact where a probability is rounded to 0 or 1; training computes that.

    Parameters
    ----------
    outputs : array (n_L, m)
        A[L] with ``of="A"``; with ``of="Z"`` Z[L], to which the cost's own output activation is
        applied inside.
    Y : array (n_L, m)
        Targets; turned into the dtype of `outputs`.
    cost : str or Cost
        A key of :data:`dnn_xp.formulas.COSTS`.
    of : {"A", "Z"}
        What `outputs` is.
    xp : namespace, optional
        The array-API namespace of the arrays; inferred from them when left out.

    Returns
    -------
    array
        0-d, without penalties.

    Raises
    ------
    TypeError, ValueError
        For what is no array, names that do not exist, and shapes that differ.

    Examples
    --------
    >>> import numpy as np
    >>> A, Y = np.array([[0.8, 0.9, 0.4]]), np.array([[1, 1, 0]])
    >>> float(compute_cost(A, Y, of="A").round(6))
    0.279777
    """
    chosen, Y, xp = _cost_arguments(outputs, Y, cost, of, xp)
    loss = (chosen.output_loss or chosen.loss) if of == "A" else chosen.loss
    return weighted_sum(loss(outputs, Y, xp=xp), None, m=float(Y.shape[1]), xp=xp)


def cost_derivative(
    outputs: Array,
    Y: Array,
    cost: str | Cost = "binary_cross_entropy",
    *,
    of: Of,
    xp: Namespace | None = None,
) -> Array:
    """Derivative of each example's loss: dA[L] from A[L], or dZ[L] from Z[L]; not divided by m.

    For binary cross-entropy ``dA = -(Y / A - (1 - Y) / (1 - A))`` and ``dZ = A - Y``. Where a
    probability is rounded to 0 or 1, dA can be infinite; dZ stays exact.

    Parameters
    ----------
    outputs, Y, cost, of, xp
        As in :func:`compute_cost`.

    Returns
    -------
    array (n_L, m)
        For :func:`backward`, with the same `of`.

    Raises
    ------
    TypeError, ValueError
        For what is no array, names that do not exist, and shapes that differ.

    Examples
    --------
    >>> import numpy as np
    >>> cost_derivative(np.array([[0.8, 0.5]]), np.array([[1, 0]]), of="A")
    array([[-1.25,  2.  ]])
    """
    chosen, Y, xp = _cost_arguments(outputs, Y, cost, of, xp)
    derivative = (chosen.output_derivative or chosen.derivative) if of == "A" else chosen.derivative
    return derivative(outputs, Y, xp=xp)


def _cost_arguments(
    outputs: Array, Y: Array, cost: str | Cost, of: object, xp: Namespace | None
) -> tuple[Cost, Array, Namespace]:
    check_of(of)
    if not isinstance(cost, Cost) and cost not in COSTS:
        raise unknown_name("cost", cost, COSTS)
    chosen = cost if isinstance(cost, Cost) else COSTS[cost]
    xp = namespace_of({"outputs": outputs, "Y": Y}, xp)
    if outputs.ndim != 2 or Y.shape != outputs.shape:
        raise ValueError(
            f"outputs and Y must both be (n_L, m), examples as columns; got shapes "
            f"{tuple(outputs.shape)} and {tuple(Y.shape)}"
        )
    if of == "A" and chosen.output_loss is None and not chosen.any_activation:
        raise ValueError(f"cost={chosen.name!r} has no loss from A[L]; pass Z[L] and of='Z'")
    return chosen, xp.astype(Y, outputs.dtype), xp
