"""The plot of a sweep: a line a point, an axis an option."""

from __future__ import annotations

import importlib

import pytest
from namespaces import require

import dnn_xp


@pytest.fixture
def pyplot():
    matplotlib = require("matplotlib", lambda: importlib.import_module("matplotlib"))
    matplotlib.use("Agg")
    pyplot = importlib.import_module("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


def test_a_plot_has_a_line_a_point_and_an_axis_an_option(data, pyplot):
    grid = {"hidden": [(), (4,)], "learning_rate": [0.1, 0.01, 0.001], "l2": [None, 1.0]}
    found = dnn_xp.sweep(*data, grid, iterations=4)
    _, given = pyplot.subplots()
    ax = found.plot(given)
    assert ax is given
    assert [each.get_text() for each in ax.get_xticklabels()] == [*grid, "validation cost"]
    lines = [each for each in ax.lines if len(each.get_xdata()) == 4]
    assert len(lines) == 12
    widest = max(lines, key=lambda each: each.get_linewidth())
    # The best score is at the foot of the last axis, and no line as wide.
    assert widest.get_ydata()[-1] == min(each.get_ydata()[-1] for each in lines) == 0
    assert sum(each.get_linewidth() == widest.get_linewidth() for each in lines) == 1
    # Rates of factor 100 are on a logarithmic axis: 0.01 lies in the middle.
    heights = {round(float(each.get_ydata()[1]), 12) for each in lines}
    assert heights == {0.0, 0.5, 1.0}
    ax.figure.canvas.draw()


def test_a_plot_makes_its_own_figure_and_takes_one_point(data, pyplot):
    ax = dnn_xp.sweep(*data, {"optimizer": ["adam"]}, by="score", iterations=2).plot()
    assert ax.get_xticklabels()[-1].get_text() == "validation accuracy"
    ax.figure.canvas.draw()
