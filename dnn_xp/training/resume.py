"""resume: a training that was stopped, from its folder of checkpoints alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.model.model import Model
from dnn_xp.training.checkpoints.folder import Folder
from dnn_xp.training.checkpoints.options import check_folder
from dnn_xp.training.records import arguments
from dnn_xp.training.specification import Specification
from dnn_xp.training.train import train


def resume(
    checkpoint: str | os.PathLike[str], X: Any = None, Y: Any = None, **options: Any
) -> Model:
    """Go on with a training from the newest checkpoint in a folder, to the bits of one never stopped.

    The options are those that the checkpoint holds. A checkpoint that cannot be read is passed over
    with a warning for the one before it; a training that has ended returns its model.

    Parameters
    ----------
    checkpoint : path
        The folder that was given to :func:`dnn_xp.train`.
    X, Y : as of :func:`dnn_xp.train`, optional
        The same examples; left out where they were given as paths (Y: or as a column).
    options
        What the checkpoint does not hold: ``callbacks``, and, if they were given, the arrays
        ``sample_weight``, ``validation`` (a pair), ``validation_groups``, the model ``warm_start`` and
        functions of your own as ``learning_rate`` or ``optimizer``. And what may be another one:
        ``threads``, ``device``, ``fallback``, ``blas``, ``compile``, ``verbose``,
        ``checkpoint_every``, ``keep``, and a larger ``iterations`` or ``epochs``.

    Returns
    -------
    Model
        As :func:`dnn_xp.train` returns it.

    Raises
    ------
    ArgumentValueError
        For a folder without checkpoints, and for data or options that are not those of the
        checkpoint, with all differences.

    Examples
    --------
    >>> import tempfile, numpy as np, dnn_xp
    >>> X = np.random.default_rng(0).standard_normal((2, 500))
    >>> Y = X[0] > X[1]
    >>> folder = tempfile.mkdtemp()
    >>> stopped = dnn_xp.train(
    ...     X, Y, iterations=90, checkpoint=folder, callbacks=[lambda i, cost, model: i == 40]
    ... )
    >>> model = dnn_xp.resume(folder, X, Y)
    >>> stopped.history.iterations[-1], model.history.iterations[-1]
    (40, 90)
    >>> bool((model.theta == dnn_xp.train(X, Y, iterations=90).theta).all())
    True
    """
    folder = Folder(check_folder("checkpoint", checkpoint))
    saved = folder.newest()
    if saved is None:
        raise ArgumentValueError(
            "checkpoint", f"{str(Path(folder.path))!r}, which holds none", "a folder of checkpoints"
        )
    description = saved.description
    given = {"X": X, "Y": Y}
    for name, value in given.items():
        if value is None:
            given[name] = _recorded(name, description)
    lacking = [name for name in description["described"] if name not in options]
    if lacking:
        raise ArgumentValueError(
            lacking[0],
            "nothing",
            f"given again: a checkpoint cannot hold {description['options'][lacking[0]]}",
        )
    plain = {
        name: value
        for name, value in description["options"].items()
        if name not in description["described"]
    }
    allowed = Specification.__dataclass_fields__
    held = arguments(plain, allowed) | description["keeping"]
    return train(given["X"], given["Y"], **held | options, checkpoint=checkpoint, resume=True)


def _recorded(name: str, description: dict[str, Any]) -> str:
    path: str | None = description["paths"][name]
    if path is None:
        raise ArgumentValueError(name, "nothing", "given again: it came as an array, not as a path")
    return path
