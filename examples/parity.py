"""Parity of n bits: why depth helps, and where it does not have to.

Is the number of ones odd? Four networks of ReLU units answer that without any training; their
weights are written down below, and each is tried on all 2^n inputs.

look-up   One hidden layer with a unit for every odd pattern, 2^(n-1) of them. Logic gates have no
          better way: in a single layer of ANDs below one OR, each AND can only serve one pattern.
XOR tree  relu(a - b) + relu(b - a) = a XOR b for bits. Pairs of bits, then pairs of those, ...:
          log2(n) layers, 2 (n - 1) units. This is how the course shows that depth helps.
zigzag    Real numbers can do what gates cannot. Parity depends on the sum of the bits alone, as a
          zigzag 0, 1, 0, 1, ... of it, and one hidden layer of n units draws that line:
          relu(s) - 2 relu(s - 1) + 2 relu(s - 2) - ... So here depth is not needed after all,
folding   but it helps again: s -> relu(s) - 2 relu(s - n/2) folds the line at its middle and keeps
          the parity. log2(n) folds of two units each draw the zigzag that takes one layer at least
          n - 1 units, since a layer of N units bends a line at most N times.
          Source: Telgarsky, Benefits of depth in neural networks, 2016.

At the end two networks are trained on all patterns of eight bits, to see whether gradients find
such solutions.

    python examples/parity.py
    python examples/parity.py --plot parity.png
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

import dnn_xp
from dnn_xp.formulas import ACTIVATIONS

Parameters = list[tuple[np.ndarray, np.ndarray]]
# Z[L] is STEEP (answer - 1/2), so that the sigmoid gives a clear no or yes.
STEEP = 20.0


def all_bits(n: int) -> np.ndarray:
    """All 2^n patterns as columns (n, 2^n)."""
    return ((np.arange(2**n) >> np.arange(n)[:, np.newaxis]) & 1).astype(np.float32)


def output_layer(row: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """(W, b) of a last layer that turns the number row . A, 0 or 1, into a clear no or yes."""
    return STEEP * np.array([row]), np.array([[-STEEP / 2]])


def look_up(n: int) -> Parameters:
    patterns = all_bits(n)
    signs = 2.0 * patterns[:, patterns.sum(axis=0) % 2 == 1].T - 1.0
    # signs . (2 x - 1) is n for the unit's own pattern and n - 2 or less for all others
    W, b = 2.0 * signs, -signs.sum(axis=1, keepdims=True) - (n - 1)
    return [(W, b), output_layer([1.0] * len(W))]


def xor_tree(n: int) -> Parameters:
    layers: Parameters = []
    join: np.ndarray = np.eye(n)
    while len(join) > 1:
        pairs = len(join) // 2
        difference = np.kron(np.eye(pairs), [[1.0, -1.0], [-1.0, 1.0]])
        layers.append((difference @ join, np.zeros((2 * pairs, 1))))
        join = np.kron(np.eye(pairs), [[1.0, 1.0]])
    return [*layers, output_layer([1.0, 1.0])]


def zigzag(n: int) -> Parameters:
    slopes = [1.0] + [2.0 * (-1.0) ** k for k in range(1, n)]
    return [(np.ones((n, n)), -np.arange(n, dtype=float)[:, np.newaxis]), output_layer(slopes)]


def folding(n: int) -> Parameters:
    layers: Parameters = []
    join, reach = np.ones((1, n)), n
    while reach > 1:
        reach //= 2
        layers.append((np.vstack([join, join]), np.array([[0.0], [-float(reach)]])))
        join = np.array([[1.0, -2.0]])
    return [*layers, output_layer([1.0, -2.0])]


NETWORKS: dict[str, tuple[Callable[[int], Parameters], Callable[[int], float]]] = {
    "look-up": (look_up, lambda n: 2.0 ** (n - 1)),
    "XOR tree": (xor_tree, lambda n: 2.0 * (n - 1)),
    "zigzag": (zigzag, lambda n: float(n)),
    "folding": (folding, lambda n: 2.0 * math.log2(n)),
}


def wrong_answers(parameters: Parameters, n: int) -> int:
    """On how many of the 2^n patterns a network with these parameters is wrong."""
    X = all_bits(n)
    Y = X.sum(axis=0).astype(int) % 2
    # No training: a model of the given parameters
    model = dnn_xp.train(
        X,
        Y,
        hidden=[len(b) for _, b in parameters[:-1]],
        initialization=parameters,
        iterations=0,
        standardize=False,
    )
    return int(np.sum(model.predict(X) != Y))


def folded_lines(n: int, sums: np.ndarray) -> list[np.ndarray]:
    """The sum of the bits, and what is left of it after each fold."""
    lines, relu = [sums], ACTIVATIONS["relu"]
    parameters = [(np.ones((2, 1)), folding(n)[0][1]), *folding(n)[1:-1]]
    for depth in range(1, len(parameters) + 1):
        A, _ = dnn_xp.forward(sums[np.newaxis, :], parameters[:depth], [relu] * depth, xp=np)
        lines.append(A[0] - 2.0 * A[1])
    return lines


def plot(path: Path) -> None:
    """Left: units needed against n. Right: how folds make a zigzag out of a line."""
    import matplotlib.pyplot as plt

    drawn = {
        "look-up": ("#D55E00", (18.5, 3e4), "look-up\n$2^{n-1}$, one layer"),
        "XOR tree": ("#0072B2", (76, 240), "XOR tree\n$2(n-1)$, $\\log_2 n$ layers"),
        "zigzag": ("#666666", (76, 50), "zigzag\n$n$, one layer"),
        "folding": ("#009E73", (76, 9.5), "folding\n$2\\log_2 n$, $\\log_2 n$ layers"),
    }
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11.0, 4.2), layout="constrained", gridspec_kw={"width_ratios": [1.2, 1.0]}
    )
    bits = np.array([2, 4, 8, 16, 32, 64])
    for name, (color, place, label) in drawn.items():
        units = [NETWORKS[name][1](int(n)) for n in bits]
        left.plot(bits, units, "o-", color=color, markersize=5.0, linewidth=1.6)
        left.text(*place, label, color=color, va="center", linespacing=1.35)
    left.set(xscale="log", yscale="log", xlim=(1.8, 400), ylim=(1, 1e6))
    left.set_xlabel("bits", loc="left")
    left.set_title("hidden units needed", loc="left")
    left.set_xticks(bits, [str(n) for n in bits])
    left.minorticks_off()
    left.spines[["top", "right"]].set_visible(False)
    left.spines["bottom"].set_bounds(1.8, 64)

    n = 16
    sums = np.linspace(0.0, n, 1601)
    lines = folded_lines(n, sums)
    for depth, line in enumerate(lines):
        base = 1.35 * (len(lines) - 1 - depth)
        right.plot(sums, base + line / line.max(), color=drawn["folding"][0], linewidth=1.6)
        name = "sum of the bits" if depth == 0 else f"after {depth} fold{'s' if depth > 1 else ''}"
        right.text(n + 0.5, base + 0.5, name, va="center", color="#333333")
    dots = np.arange(n + 1)
    right.plot(dots, dots % 2, "o", color=drawn["folding"][0], markersize=4.0)
    right.set(xlim=(-0.3, n + 5.5), yticks=[])
    right.set_xlabel("ones among 16 bits", loc="left")
    right.set_title("four folds of two units each", loc="left")
    right.set_xticks(range(0, n + 1, 4))
    right.spines[["top", "right", "left"]].set_visible(False)
    right.spines["bottom"].set_bounds(0, n)
    figure.savefig(path, dpi=150, bbox_inches="tight", pad_inches=0.06)
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw units needed, and the folds")
    chosen = parser.parse_args()

    print("hidden units (layers), and wrong answers among all 2^n inputs")
    print(f"{'n':>3}{'inputs':>8}" + "".join(f"{name:>22}" for name in NETWORKS))
    for n in (2, 4, 8, 16):
        cells = []
        for name, (make, units) in NETWORKS.items():
            if name == "look-up" and n > 8:
                cells.append(f"{units(n):.0f} (1)  not tried")
                continue
            parameters = make(n)
            hidden = sum(len(b) for _, b in parameters[:-1])
            wrong = wrong_answers(parameters, n)
            cells.append(f"{hidden} ({len(parameters) - 1})  {wrong} wrong")
            assert hidden == units(n)
            assert wrong == 0
        print(f"{n:3d}{2**n:8d}" + "".join(f"{cell:>22}" for cell in cells))
    assert np.allclose(folded_lines(16, np.arange(17.0))[-1], np.arange(17) % 2)

    X = 2.0 * all_bits(8) - 1.0
    Y = X.prod(axis=0) > 0
    for shape in ([32], [16, 8]):
        model = dnn_xp.train(X, Y, hidden=shape, activation="tanh", iterations=2000)
        wrong = int(np.sum(model.predict(X) != Y))
        print(f"trained on all patterns of 8 bits, hidden {shape}: {wrong} of {len(Y)} wrong")
        assert wrong <= 5

    if chosen.plot is not None:
        plot(chosen.plot)


if __name__ == "__main__":
    main()
