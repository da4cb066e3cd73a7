"""Optuna chooses the options of trainings and ends those that fall behind, by a callback of `train`.

For a sweep that Optuna's samplers steer. `dnn_xp.sweep` needs no other package.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dnn_xp

try:
    import optuna
except ImportError:
    print("Optuna is not installed (pip install optuna): nothing to show")
    sys.exit(0)


class Prune:
    """A callback that tells a trial the validation cost, and stops a training that Optuna gives up."""

    def __init__(self, trial: Any) -> None:
        self.trial = trial
        self.pruned = False

    def __call__(self, iteration: int, cost: float, model: dnn_xp.Model) -> bool:
        """Whether to stop; ``train`` then returns the model so far."""
        self.trial.report(model.history.validation_costs[-1], step=iteration)
        self.pruned = self.trial.should_prune()
        return self.pruned


def data(m: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((8, m))
    return X, (X[0] * X[1] + X[2] ** 2 - 1 + 0.3 * rng.standard_normal(m) > 0).astype(int)


def main() -> None:
    X, Y = data(1500)

    def objective(trial: Any) -> float:
        layers = trial.suggest_int("layers", 1, 2)
        prune = Prune(trial)
        model = dnn_xp.train(
            X,
            Y,
            hidden=[
                trial.suggest_int(f"units {layer}", 4, 48, log=True) for layer in range(layers)
            ],
            learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
            l2=trial.suggest_float("l2", 1e-2, 1e2, log=True),
            iterations=150,
            report_every=10,
            validation=0.2,
            callbacks=[prune],
        )
        if prune.pruned:
            raise optuna.TrialPruned
        return model.history.validation_costs[-1]

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=20),
    )
    study.optimize(objective, n_trials=25)
    pruned = sum(trial.state is optuna.trial.TrialState.PRUNED for trial in study.trials)
    print(f"{len(study.trials)} trainings, {pruned} of them ended early")
    print(f"best validation cost {study.best_value:.4f} with {study.best_params}")


if __name__ == "__main__":
    main()
