"""Small trainings of every kind, which checkpoints must bring to the same bits."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

import dnn_xp
from dnn_xp.formulas import OPTIMIZERS, step_decay, warm_up

M, N = 300, 4
BATCHES: dict[str, Any] = {"batch_size": 32, "epochs": 6}
HOW: dict[str, dict[str, Any]] = {
    **{name: {"optimizer": name, "iterations": 12} for name in OPTIMIZERS},
    **{f"{name}, batches": {"optimizer": name, **BATCHES} for name in OPTIMIZERS},
    "lbfgs": {"optimizer": "lbfgs", "iterations": 12},
    "lbfgs, rarely": {"optimizer": "lbfgs", "iterations": 17, "report_every": 3},
    "lbfgs to its end": {"optimizer": "lbfgs", "iterations": 500, "l2": 30.0, "report_every": 4},
    "dropout": {"keep_prob": [0.7, 0.9], "iterations": 12},
    "dropout, batches": {"keep_prob": 0.8, **BATCHES},
    "schedule": {
        "learning_rate": warm_up(step_decay(0.05, factor=0.5, every=4), iterations=3),
        "iterations": 12,
    },
    "rarely": {"iterations": 13, "report_every": 4},
    "rarely, batches": {"batch_size": 32, "epochs": 16, "report_every": 3, "batch_costs": True},
    "patience": {"validation": 0.2, "patience": 3, "learning_rate": 0.3, "iterations": 200},
    "patience, batches": {
        "validation": 0.2, "patience": 2, "learning_rate": 0.1, "batch_size": 32, "epochs": 40,
    },
    "decaying": {
        "dropout": 0.3, "dropout_schedule": "flat_cosine", "optimizer": "adamw",
        "weight_decay_schedule": "cosine", "decay_biases": False, **BATCHES,
    },
    "parametric": {
        "parametric_activation": True, "scaling_layer": True, "activation": "selu", "iterations": 12,
    },
    "averaged": {"ema_decay": 0.8, "iterations": 12, "report_every": 5},
    "averaged, batches": {
        "ema_decay": 0.9, "validation": 0.2, "keep_best": "score", "report_costs": "batches", **BATCHES,
    },
    "blocks, float32": {"dtype": "float32", "block_size": 64, "threads": 2, "iterations": 12},
    "ensemble": {"ensemble": 3, "iterations": 12},
    "ensemble, lbfgs": {"ensemble": 3, "optimizer": "lbfgs", "iterations": 12},
    "ensemble, dropout, batches": {
        "ensemble": 3, "ensemble_sharing": "nothing", "keep_prob": 0.8, **BATCHES,
    },
    "ensemble, all": {
        "ensemble": 3, "number_encoding": "periodic", "parametric_activation": True, "ema_decay": 0.8,
        "dropout": 0.2, "dropout_schedule": "flat_cosine", **BATCHES,
    },
    "ensemble, nothing shared, all": {
        "ensemble": 2, "ensemble_sharing": "nothing", "number_encoding": "periodic",
        "parametric_activation": True, "dropout": 0.2, "dropout_schedule": "cosine", "iterations": 12,
    },
    "halved": {
        "optimizer": "gradient_descent", "learning_rate": 1e4, "activation": "identity",
        "on_divergence": "halve", "iterations": 40, "cost": "squared_error", "l2": 0.0,
    },
    "halved, batches": {
        "optimizer": "gradient_descent", "learning_rate": 1e4, "activation": "identity",
        "on_divergence": "halve", "cost": "squared_error", "l2": 0.0, **BATCHES,
    },
}  # fmt: skip


def examples() -> tuple[np.ndarray, np.ndarray]:
    """X (N, M) and two classes."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((N, M))
    return X, (X[0] * X[1] + 0.3 * rng.standard_normal(M) > 0).astype(int)


def figures(model: dnn_xp.Model) -> dict[str, Any]:
    """All of a model that has to be the same: parameters, history but for times, settings, reason."""
    history = model.history
    return {
        "theta": hashlib.sha256(np.asarray(model.theta).tobytes()).hexdigest(),
        "history": {
            name: getattr(history, name)
            for name in history.__dataclass_fields__
            if name != "seconds"
        },
        "settings": model.settings,
        "stopped": model.stopped,
    }
