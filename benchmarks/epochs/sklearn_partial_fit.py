"""scikit-learn's MLPClassifier: one `partial_fit`, which is one shuffled epoch of its solver.

`partial_fit` is public, so its checks of the input are part of the time, as for its users.
"""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.candidate import Epoch
from benchmarks.epochs import BETA1, BETA2, EPSILON, LEARNING_RATE
from benchmarks.shapes import Array, Parameters


def make(parameters: Parameters, X: Array, Y: Array, *, batch_size: int, seed: int) -> Epoch:
    """Return the epoch."""
    rows = np.ascontiguousarray(X.T)
    labels = Y[0].astype(int) if len(Y) == 1 else Y.argmax(axis=0)
    classes = np.arange(max(2, len(Y)))
    network = MLPClassifier(
        hidden_layer_sizes=[W.shape[0] for W, _ in parameters[:-1]],
        solver="adam",
        alpha=0.0,
        batch_size=batch_size,
        learning_rate_init=LEARNING_RATE,
        beta_1=BETA1,
        beta_2=BETA2,
        epsilon=EPSILON,
        random_state=np.random.RandomState(seed),
    )
    # One pass over a batch makes its arrays; then the common start goes into them.
    network.partial_fit(rows[:batch_size], labels[:batch_size], classes=classes)
    for (W, b), coef, intercept in zip(
        parameters, network.coefs_, network.intercepts_, strict=True
    ):
        coef[...] = W.T
        intercept[...] = b.ravel()
    del network._optimizer  # its moments; `partial_fit` makes new ones

    return Epoch(
        run=lambda: network.partial_fit(rows, labels),
        parameters=lambda: [
            (coef.T.copy(), intercept[:, None].copy())
            for coef, intercept in zip(network.coefs_, network.intercepts_, strict=True)
        ],
    )
