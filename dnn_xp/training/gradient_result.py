"""How far a gradient is from central differences: the result of a check, printed as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dnn_xp.common.text_tables import text_table


@dataclass(frozen=True, slots=True)
class ParameterCheck:
    """One row of a :class:`GradientCheck`.

    Attributes
    ----------
    name : str
        "W1", "b1", ..., as in the course.
    shape : tuple of int
        (n_l, n_{l-1}) or (n_l, 1).
    checked : int
        Entries that were compared.
    norm : float
        Length of the analytic gradient over these entries.
    relative_difference : float
        ``|g - g_num| / (|g| + |g_num|)`` over these entries.
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    norm: float
    relative_difference: float


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """How far the analytic gradient is from central differences; prints as a table.

    Attributes
    ----------
    relative_difference : float
        ``|g - g_num| / (|g| + |g_num|)`` over all entries that were compared.
    parameters : tuple of ParameterCheck
        The same for each W[l] and b[l].
    cost : float
        J at the parameters, in the units of Y.
    epsilon : float
        Step of the differences.
    sizes : tuple of int
        n_0, ..., n_L.
    library : str
        Where it was computed, always in float64.
    """

    relative_difference: float
    parameters: tuple[ParameterCheck, ...]
    cost: float
    epsilon: float
    sizes: tuple[int, ...]
    library: str

    @property
    def checked(self) -> int:
        """Entries that were compared."""
        return sum(each.checked for each in self.parameters)

    @property
    def entries(self) -> int:
        """Entries of all parameters."""
        return sum(math.prod(each.shape) for each in self.parameters)

    def __str__(self) -> str:
        head = ("parameter", "shape", "checked", "|gradient|", "relative difference")
        rows = [
            (
                each.name,
                str(each.shape),
                f"{each.checked} of {math.prod(each.shape)}",
                f"{each.norm:.3e}",
                f"{each.relative_difference:.1e}",
            )
            for each in self.parameters
        ]
        total = ("all", "", f"{self.checked} of {self.entries}", "", "")
        rows.append((*total[:4], f"{self.relative_difference:.1e}"))
        sizes = "-".join(str(size) for size in self.sizes)
        said = f"{sizes}, cost {self.cost:.6g}, epsilon {self.epsilon:g}, float64 on {self.library}"
        return "\n".join([text_table(rows, head=head), "", said])

    __repr__ = __str__
