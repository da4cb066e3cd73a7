"""The picture of dnn-xp train --plot: learning curves, and what the model gets right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dnn_xp import plots
from dnn_xp.cli.writing import check_output
from dnn_xp.common.atomic import written_whole
from dnn_xp.common.errors import ArgumentValueError
from dnn_xp.common.messages import listing, optional_package
from dnn_xp.model.model import Model

SUFFIXES = (".png", ".svg", ".pdf")


def check_picture(path: Path, model: Path, *, force: bool) -> None:
    """Raise, before any work is done, where the picture cannot be made or written.

    Raises
    ------
    ImportError
        Without matplotlib.
    ArgumentValueError
        For another suffix, and for the path of the model.
    OSError
        For a path that cannot be written, and without `force` for a file that exists.
    """
    if path.suffix.lower() not in SUFFIXES:
        wanted = f"a file that ends in one of {listing(SUFFIXES)}"
        raise ArgumentValueError("--plot", repr(str(path)), wanted)
    optional_package("matplotlib.figure", purpose="--plot", extra="plot")
    if path.absolute() == model.absolute():
        raise ArgumentValueError("--plot", f"{str(path)!r}, which is MODEL", "a file of its own")
    check_output("--plot", path, force=force, remedy="choose another")


def draw(path: Path, model: Model, name: str, X: Any, Y: Any) -> None:
    """Write learning curves beside a picture for the kind of model, on examples in rows."""
    figures: Any = optional_package("matplotlib.figure", purpose="--plot", extra="plot")
    # Without pyplot, which would open windows on a desktop.
    figure = figures.Figure(figsize=(11.0, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    plots.learning_curves(model, ax=left).set_title("training")
    shown = {"regression": plots.residuals, "multilabel": plots.roc}
    ax = shown.get(model.kind, plots.confusion_matrix)(model, X, Y, examples="rows", ax=right)
    title = ax.get_title()
    ax.set_title(f"{name} examples" + (f": {title}" if title else ""))
    with written_whole(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lower()[1:], dpi=120)
