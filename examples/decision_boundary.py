"""Two spirals: how the decision boundary of a deep network winds itself between them.

Three hidden layers of 16 units, trained by exact full-batch updates. A callback keeps the model at
a few moments; models do not change, so each one can still be asked later. A straight line, the same
call with no hidden layer, is trained for comparison.

    python examples/decision_boundary.py
    python examples/decision_boundary.py --plot spirals.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import dnn_xp

MOMENTS = (50, 200, 600)
NEW_POINTS = 4000


def two_spirals(m: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """X (2, m), examples as columns, and Y (m,) of 0 and 1: which arm a point belongs to."""
    Y = rng.integers(0, 2, m)
    radius = np.sqrt(rng.uniform(0.02, 1.0, m))
    angle = 2.0 * np.pi * 1.75 * radius + np.pi * Y
    X = radius * np.stack([np.cos(angle), np.sin(angle)])
    return (X + 0.02 * rng.standard_normal((2, m))).astype(np.float32), Y


def plot(
    path: Path, X: np.ndarray, Y: np.ndarray, shown: dict[int, tuple[dnn_xp.Model, int]]
) -> None:
    """One panel a moment: probabilities as shades, where they are 1/2 as a line, examples as dots."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("", ["#9cc7e0", "#ffffff", "#f3bd94"])
    side = np.linspace(-1.12, 1.12, 400, dtype=np.float32)
    grid = np.stack([axis.ravel() for axis in np.meshgrid(side, side)])

    figure, axes = plt.subplots(1, len(shown), figsize=(9.6, 3.75), layout="constrained")
    for ax, (iteration, (model, right)) in zip(axes, shown.items(), strict=True):
        probability = model.predict_proba(grid).reshape(side.size, side.size)
        box = (side[0], side[-1], side[0], side[-1])
        ax.imshow(probability, extent=box, origin="lower", cmap=shades, vmin=0.0, vmax=1.0)
        ax.contour(side, side, probability, levels=[0.5], colors="#333333", linewidths=1.0)
        for label, color in enumerate(("#0072B2", "#D55E00")):
            ax.scatter(*X[:, label == Y], s=6.0, color=color, linewidths=0.0)
        ax.set_title(f"{iteration} updates\n{right} of {NEW_POINTS} new points right", fontsize=11)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    figure.savefig(path, dpi=150, bbox_inches="tight", pad_inches=0.06)
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw the decision regions")
    chosen = parser.parse_args()

    rng = np.random.default_rng(0)
    X, Y = two_spirals(800, rng)
    X_new, Y_new = two_spirals(NEW_POINTS, rng)
    shown: dict[int, tuple[dnn_xp.Model, int]] = {}

    def count_right(model: dnn_xp.Model) -> int:
        return int(np.sum(model.predict(X_new) == Y_new))

    def keep(iteration: int, cost: float, model: dnn_xp.Model) -> None:
        if iteration in MOMENTS:
            right = count_right(model)
            shown[iteration] = (model, right)
            print(
                f"{iteration:4d} updates   cost {cost:.4f}   {right} of {NEW_POINTS} points right"
            )

    line = count_right(dnn_xp.train(X, Y, hidden=(), optimizer="lbfgs"))
    print(f"a straight line              {line} of {NEW_POINTS} points right")
    model = dnn_xp.train(
        X,
        Y,
        hidden=(16, 16, 16),
        activation="tanh",
        iterations=max(MOMENTS),
        learning_rate=0.005,
        l2=0.005,
        report_every=50,
        callbacks=[keep],
    )
    if chosen.plot is not None:
        plot(chosen.plot, X, Y, shown)

    first, *_, last = (right for _, right in shown.values())
    assert line < 0.75 * NEW_POINTS, "no straight line tells the spirals apart"
    assert first < 0.75 * NEW_POINTS < 0.98 * NEW_POINTS < last, "the network learns to"
    assert model.history.costs[-1] < 0.05 * model.history.costs[0]


if __name__ == "__main__":
    main()
