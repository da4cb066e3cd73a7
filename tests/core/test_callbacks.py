"""A callback costs what it does, however many reports there were before."""

from __future__ import annotations

import copy
import pickle
import weakref
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

import dnn_xp
from dnn_xp.model.history import History, PendingHistory
from dnn_xp.training.state import State

X = np.random.default_rng(0).standard_normal((2, 30))
Y = X[0] > 0


@pytest.fixture
def listed(monkeypatch: Any) -> list[int]:
    """How many reports were gone through, each time that all are."""
    counted: list[int] = []
    original = State.listed

    def counting(state: State) -> Any:
        found = original(state)
        counted.append(len(found))
        return found

    monkeypatch.setattr(State, "listed", counting)
    return counted


@pytest.mark.parametrize("how", [{}, {"validation": 0.3}, {"patience": 1000}])
def test_a_callback_does_not_make_a_training_quadratic(how: Any, listed: list[int]) -> None:
    seen = []
    dnn_xp.train(
        X, Y, hidden=[2], iterations=200, callbacks=[lambda i, c, model: seen.append(c)], **how
    )
    assert len(seen) == 201
    # At the end, for the history and for the look at the convergence.
    assert sum(listed) <= 10 * 201


def test_the_history_of_a_callback_is_that_of_its_moment(listed: list[int]) -> None:
    models: list[dnn_xp.Model] = []
    final = dnn_xp.train(
        X, Y, hidden=[2], iterations=5, callbacks=[lambda i, c, model: models.append(model)]
    )
    listed.clear()
    for count, model in enumerate(models, start=1):
        assert isinstance(model.history, History)
        assert model.history.iterations == tuple(range(count))
        assert model.history.costs == final.history.costs[:count]
    assert listed == [1, 2, 3, 4, 5, 6], "each is made once"


def test_a_pending_history_is_a_history() -> None:
    made = History((0, 1), (2.0, 1.0), (), {}, (0.1, 0.1), (0.0, 0.5), ())

    def pending() -> PendingHistory:
        return PendingHistory(lambda: made)

    assert pending() == made == pending() == pending()
    assert pending() != History()
    assert repr(pending()) == repr(made)
    assert asdict(pending()) == asdict(made)
    for again in (
        copy.copy(pending()),
        copy.deepcopy(pending()),
        pickle.loads(pickle.dumps(pending())),
    ):
        assert type(again) is History
        assert again == made
    with pytest.raises(AttributeError, match="no 'nothing'"):
        pending().nothing  # noqa: B018
    with pytest.raises(TypeError):
        hash(pending())


@pytest.mark.usefixtures("no_collector")
def test_a_kept_model_does_not_keep_the_optimizers_arrays() -> None:
    kept: list[Any] = []
    arrays: list[Any] = []
    original = State.__init__

    def noting(self: State, *given: Any, **how: Any) -> None:
        original(self, *given, **how)
        arrays.extend(weakref.ref(each) for each in self.optimizer)

    State.__init__ = noting  # type: ignore[method-assign]
    try:
        dnn_xp.train(
            X,
            Y,
            hidden=[2],
            iterations=4,
            optimizer="adam",
            callbacks=[lambda *a: kept.append(a[2])],
        )
    finally:
        State.__init__ = original  # type: ignore[method-assign]
    assert len(arrays) > 4
    assert not any(each() is not None for each in arrays)
    assert len(kept[2].history.costs) == 3


# L-BFGS that does nothing


def test_lbfgs_that_takes_no_step_warns() -> None:
    balanced = np.arange(30) % 2
    how = {"optimizer": "lbfgs", "initialization": "zeros", "hidden": [2]}
    with pytest.warns(
        dnn_xp.ConvergenceWarning, match=r"^L-BFGS stopped after 0 of 200 iterations"
    ):
        model = dnn_xp.train(X, balanced, **how)
    assert model.stopped is dnn_xp.StopReason.GRADIENT
    # Whoever asks for none gets none, and who goes on from a minimum is there already.
    dnn_xp.train(X, balanced, iterations=0, **how)
    done = dnn_xp.train(X, X[0] + 0.1, optimizer="lbfgs", hidden=[], iterations=500)
    again = dnn_xp.train(X, X[0] + 0.1, warm_start=done, optimizer="lbfgs", iterations=5)
    assert again.history.costs[-1] <= done.history.costs[-1]
