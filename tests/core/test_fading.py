"""Schedules of the dropout rate and of the weight decay: by their definitions, and against PyTorch's AdamW."""

from __future__ import annotations

import math

import numpy as np
import pytest
from refusals import refused

import dnn_xp
from dnn_xp.data.sources.base import ArraySource
from dnn_xp.execution import block_functions
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.objective import Objective
from dnn_xp.formulas import ACTIVATIONS, COSTS, adamw, dropout_mask, largest_kept
from dnn_xp.formulas.dropout import Draw
from dnn_xp.formulas.network import Network
from dnn_xp.training.arguments import TrainArguments
from dnn_xp.training.descent import draw_seeds
from dnn_xp.training.train import begin

FADING = {"hidden": [6, 5], "dropout": [0.4, 0.2], "dropout_schedule": "flat_cosine"}


@pytest.fixture(name="XY")
def examples(rng):
    X = rng.standard_normal((3, 120))
    return X, (X[0] * X[1] > 0).astype(int)


def test_rates_stay_for_half_of_the_updates_and_fade():
    X = np.ones((2, 40))
    run = begin(TrainArguments(X, np.arange(40) % 2, **FADING, batch_size=10, epochs=5)).run
    for iteration, share in ((0, 1.0), (10, 1.0), (15, 0.5), (20, 0.0)):
        (draws,) = draw_seeds(run, np.random.default_rng(0), iteration)
        assert [each.keep_prob for each in draws] == pytest.approx(
            [1 - 0.4 * share, 1 - 0.2 * share]
        )
        assert [each.largest for each in draws] == [largest_kept(each.keep_prob) for each in draws]
    plain = begin(TrainArguments(X, np.arange(40) % 2, dropout=0.5, batch_size=10, epochs=5)).run
    same = draw_seeds(plain, np.random.default_rng(3), 7)[0]
    scheduled = draw_seeds(run, np.random.default_rng(3), 7)[0]
    assert same == tuple(each.seed for each in scheduled)


def test_a_draw_is_the_mask_of_its_keep_prob(rng):
    """The gradient with a draw is that of a network whose own keep_prob is the draw's."""
    X = rng.standard_normal((3, 50))
    theta = rng.standard_normal(3 * 8 + 8 + 8 + 1)

    def gradient(own, seed):
        activations = ACTIVATIONS["tanh"], ACTIVATIONS["identity"]
        network = Network((3, 8, 1), activations, COSTS["squared_error"], (own,))
        objective = Objective(
            network,
            dnn_xp.backends.choice.backend_named("numpy"),
            dtype="float64",
            block_size=lambda m: 16,
        )
        given = Examples(ArraySource(X), ArraySource(X[:1]), None)
        return objective.cost_and_gradient(theta, given, (seed,))

    J, dJ = gradient(0.6, 17)
    J_drawn, dJ_drawn = gradient(0.9, Draw(17, largest_kept(0.6), 0.6))
    assert J_drawn == J
    np.testing.assert_array_equal(dJ, dJ_drawn)
    assert not np.array_equal(dJ, gradient(0.9, 17)[1])


def test_a_largest_hash_keeps_its_share(library):
    positions = library.array(np.arange(4000)[None, :], "int32")
    for keep_prob in (0.25, 0.9, 1.0):
        D = library.numpy(dropout_mask(5, 3, positions, keep_prob=keep_prob, xp=library.xp))
        assert D.mean() == pytest.approx(keep_prob, abs=0.02)


def test_every_library_trains_alike(library, XY):
    if not library.float64:
        pytest.skip("float32 only")
    how = FADING | {"batch_size": 40, "epochs": 4, "activation": "tanh"}
    expected = dnn_xp.train(*XY, **how, dtype="float64")
    X, Y = library.array(XY[0], "float64"), library.array(XY[1], "int32")
    found = dnn_xp.train(X, Y, **how, dtype="float64")
    np.testing.assert_allclose(library.numpy(found.theta), expected.theta, rtol=1e-9, atol=1e-11)


def test_a_compiled_step_takes_every_keep_prob(jax, XY, monkeypatch):
    traced = []
    hashes = block_functions.dropout_hashes
    monkeypatch.setattr(
        block_functions,
        "dropout_hashes",
        lambda *given, **how: (traced.append(1), hashes(*given, **how))[1],
    )
    X, Y = map(jax.numpy.asarray, (XY[0].astype(np.float32), XY[1]))
    dnn_xp.train(X, Y, **FADING, iterations=12)
    assert len(traced) == 2  # one trace, of two hidden layers


@pytest.mark.parametrize("same", [{"dropout_schedule": "constant"}, {}])
def test_a_constant_schedule_is_none(XY, same):
    how = {"hidden": [5], "dropout": 0.3, "iterations": 6}
    np.testing.assert_array_equal(
        dnn_xp.train(*XY, **how).theta, dnn_xp.train(*XY, **how, **same).theta
    )


def test_threads_change_no_bit(XY):
    how = FADING | {"iterations": 8, "block_size": 16}
    one, two = (dnn_xp.train(*XY, **how, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.theta, two.theta)


@pytest.mark.parametrize("ntk", [False, True])
@pytest.mark.parametrize("decay_biases", [False, True])
@pytest.mark.parametrize("schedule", [None, "flat_cosine"])
def test_weight_decay_is_that_of_torch(torch, XY, ntk, decay_biases, schedule):
    X, Y = XY
    how = {"hidden": (), "standardize": False, "dtype": "float64", "l2": 0.0, "ntk": ntk}
    how |= {"learning_rate": 0.05, "weight_decay_schedule": schedule, "decay_biases": decay_biases}
    steps, decay = 12, 0.8
    optimizer = adamw(weight_decay=decay, epsilon=1e-14)
    start = dnn_xp.train(X, Y, **how, optimizer=optimizer, iterations=0)
    model = dnn_xp.train(X, Y, **how, optimizer=optimizer, iterations=steps)
    W, b = (torch.tensor(each.copy(), requires_grad=True) for each in start.parameters[0])
    factor = 1 / math.sqrt(3) if ntk else 1.0
    groups = [{"params": [W], "lr": 0.05 * factor}, {"params": [b], "lr": 0.05}]
    theirs = torch.optim.AdamW(groups, eps=1e-14)
    loss = torch.nn.BCEWithLogitsLoss()
    for step in range(steps):
        share = (
            1.0
            if schedule is None
            else 0.5 + 0.5 * math.cos(math.pi * max(2 * step / steps - 1, 0))
        )
        theirs.param_groups[0]["weight_decay"] = decay * share / factor
        theirs.param_groups[1]["weight_decay"] = decay * share if decay_biases else 0.0
        theirs.zero_grad()
        loss((W @ torch.tensor(X) + b)[0], torch.tensor(Y, dtype=torch.float64)).backward()
        theirs.step()
    mine = model.parameters[0]
    for ours, other in zip(mine, (W, b), strict=True):
        np.testing.assert_allclose(ours, other.detach().numpy(), rtol=1e-9, atol=1e-11)


def test_what_would_change_nothing_is_refused(XY):
    with refused(
        ValueError, "dropout_schedule | 'cosine' | left out unless dropout is given | ..."
    ):
        dnn_xp.train(*XY, dropout_schedule="cosine")
    with refused(
        ValueError, "weight_decay_schedule | 'cosine' | left out unless optimizer='adamw' ..."
    ):
        dnn_xp.train(*XY, weight_decay_schedule="cosine")
    with refused(
        ValueError, "decay_biases | False | left out unless optimizer='adamw' is given | ..."
    ):
        dnn_xp.train(*XY, decay_biases=False)
    with refused(ValueError, "decay_biases | ..."):
        dnn_xp.train(*XY, decay_biases=False, optimizer="lbfgs")
