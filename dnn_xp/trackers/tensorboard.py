"""Figures for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from dnn_xp.common.messages import optional_package
from dnn_xp.trackers.protocol import Tracker


class TensorBoard(Tracker):
    """Writes scalars to an events file of TensorBoard; neither TensorFlow nor PyTorch is needed.

    Parameters
    ----------
    folder : str or path
        Of this run: ``tensorboard --logdir`` takes the folder above to compare runs.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        package: Any = optional_package(
            "tensorboard.summary", purpose="The tracker TensorBoard", extra="trackers"
        )
        self._writer = package.Writer(fspath(folder))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the scalars, to disk at once."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step=step)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
