from __future__ import annotations

import pickle

import numpy as np
import pytest

from dnn_xp.formulas import OPTIMIZERS, clip_by_global_norm

NAMES = sorted(OPTIMIZERS)
STEPS = 10

# Values other than the defaults, so that none can be ignored unseen.
CHOSEN = {
    "gradient_descent": {},
    "momentum": {"beta": 0.8},
    "nesterov": {"beta": 0.8},
    "rmsprop": {"rho": 0.7, "epsilon": 1e-3},
    "adam": {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
    "adamw": {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, "weight_decay": 0.1},
}


def _torch_optimizer(torch, name, theta, **chosen):
    optim = torch.optim
    if name == "gradient_descent":
        return optim.SGD([theta])
    if name == "momentum":
        return optim.SGD([theta], momentum=chosen["beta"])
    if name == "nesterov":
        return optim.SGD([theta], momentum=chosen["beta"], nesterov=True)
    if name == "rmsprop":
        return optim.RMSprop([theta], alpha=chosen["rho"], eps=chosen["epsilon"])
    betas, eps = (chosen["beta1"], chosen["beta2"]), chosen["epsilon"]
    if name == "adam":
        return optim.Adam([theta], betas=betas, eps=eps)
    return optim.AdamW([theta], betas=betas, eps=eps, weight_decay=chosen["weight_decay"])


def _rate(step):
    return 0.1 / step


def _descend(optimizer, theta, gradients, xp):
    state = optimizer.init(theta, xp=xp)
    for step, gradient in enumerate(gradients, start=1):
        theta, state = optimizer.update(
            theta, gradient, state, learning_rate=_rate(step), step=step, xp=xp
        )
    return theta, state


@pytest.fixture
def start(rng):
    return rng.standard_normal(7)


@pytest.fixture
def gradients(rng):
    return rng.standard_normal((STEPS, 7))


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_those_of_torch_optim(torch, name, start, gradients):
    theta = torch.tensor(start, requires_grad=True)
    theirs = _torch_optimizer(torch, name, theta, **CHOSEN[name])
    optimizer = OPTIMIZERS[name](**CHOSEN[name])
    ours, state = start, optimizer.init(start, xp=np)
    for step, gradient in enumerate(gradients, start=1):
        theirs.param_groups[0]["lr"] = _rate(step)
        theta.grad = torch.tensor(gradient)
        theirs.step()
        ours, state = optimizer.update(
            ours, gradient, state, learning_rate=_rate(step), step=step, xp=np
        )
        np.testing.assert_allclose(ours, theta.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_every_library_takes_the_same_steps(library, name, start, gradients):
    optimizer = OPTIMIZERS[name](**CHOSEN[name])
    expected, expected_state = _descend(optimizer, start, gradients[:3], np)
    theta = library.array(start)
    arrays = [library.array(gradient) for gradient in gradients[:3]]
    with library.unchanged(theta, *arrays):
        actual, state = _descend(optimizer, theta, arrays, library.xp)
    library.assert_matches(actual, expected)
    assert len(state) == len(expected_state)
    for ours, wanted in zip(state, expected_state, strict=True):
        library.assert_matches(ours, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_update_leaves_the_state_it_was_given(library, name):
    optimizer = OPTIMIZERS[name]()
    theta, gradient = library.array([1.0, 2.0]), library.array([0.5, -0.5])
    state = optimizer.init(theta, xp=library.xp)
    with library.unchanged(theta, gradient, *state):
        optimizer.update(theta, gradient, state, learning_rate=0.1, step=1, xp=library.xp)


@pytest.mark.parametrize("name", NAMES)
def test_rate_and_step_may_be_traced_by_a_compiler(jax, name, start, gradients):
    jnp = jax.numpy
    optimizer = OPTIMIZERS[name]()
    theta, gradient = jnp.asarray(start, jnp.float32), jnp.asarray(gradients[0], jnp.float32)

    def update(theta, gradient, state, learning_rate, step):
        return optimizer.update(
            theta, gradient, state, learning_rate=learning_rate, step=step, xp=jnp
        )

    state = optimizer.init(theta, xp=jnp)
    expected, _ = update(theta, gradient, state, 0.1, 3)
    actual, _ = jax.jit(update)(
        theta, gradient, state, jnp.asarray(0.1, jnp.float32), jnp.asarray(3.0, jnp.float32)
    )
    assert actual.dtype == jnp.float32
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_first_step_of_adam_is_the_learning_rate_whatever_the_gradient():
    optimizer = OPTIMIZERS["adam"](epsilon=1e-16)
    theta = np.zeros(3)
    gradient = np.asarray([1e-5, -3.0, 1e5])
    theta, _ = optimizer.update(
        theta, gradient, optimizer.init(theta, xp=np), learning_rate=0.25, step=1, xp=np
    )
    np.testing.assert_allclose(theta, [-0.25, 0.25, -0.25], rtol=1e-10)


def test_records_show_and_keep_their_hyperparameters():
    for name, factory in OPTIMIZERS.items():
        optimizer = factory(**CHOSEN[name])
        assert optimizer.name == name
        assert optimizer.hyperparameters == CHOSEN[name]
        copy = pickle.loads(pickle.dumps(optimizer))
        theta = np.ones(2)
        for left, right in zip(
            _descend(copy, theta, [theta], np), _descend(optimizer, theta, [theta], np), strict=True
        ):
            np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    ("name", "argument", "bad"),
    [
        ("momentum", "beta", 1.0),
        ("nesterov", "beta", -0.1),
        ("rmsprop", "rho", "0.9"),
        ("rmsprop", "epsilon", 0.0),
        ("adam", "beta1", 1.5),
        ("adam", "beta2", float("nan")),
        ("adam", "epsilon", True),
        ("adamw", "weight_decay", -1.0),
        ("adamw", "beta1", None),
    ],
)
def test_bad_hyperparameters_are_named(name, argument, bad):
    with pytest.raises(ValueError, match=f"^{argument} must be a finite number >") as caught:
        OPTIMIZERS[name](**{argument: bad})
    assert repr(bad) in str(caught.value)


def test_numpy_scalars_become_python_floats():
    """A float64 scalar would turn float32 arrays into float64."""
    beta = OPTIMIZERS["momentum"](beta=np.float64(0.5)).hyperparameters["beta"]
    assert type(beta) is float


def test_clip_by_global_norm(library):
    xp = library.xp
    gradient = library.array([3.0, -4.0, 0.0])
    with library.unchanged(gradient):
        short = clip_by_global_norm(gradient, max_norm=1.0, xp=xp)
        same = clip_by_global_norm(gradient, max_norm=5.5, xp=xp)
    library.assert_matches(short, [0.6, -0.8, 0.0])
    library.assert_matches(same, [3.0, -4.0, 0.0], ulps=0)


def test_clip_at_the_ends_of_the_range(library):
    """No overflow of squares, no division by zero, and NaN stays to be seen."""
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        huge = clip_by_global_norm(library.array([3e30, -4e30]), max_norm=1.0, xp=library.xp)
        zero = clip_by_global_norm(library.array([0.0, 0.0]), max_norm=1.0, xp=library.xp)
    library.assert_matches(huge, [0.6, -0.8])
    library.assert_matches(zero, [0.0, 0.0])
    lost = clip_by_global_norm(library.array([np.nan, 1.0]), max_norm=1.0, xp=library.xp)
    assert np.isnan(library.numpy(lost)).all()


@pytest.mark.parametrize("name", NAMES)
def test_hyperparameters_of_numpy_leave_the_dtype_alone(name):
    # A float64 of NumPy's, unlike Python's float, would make float64 of float32 arrays.
    optimizer = OPTIMIZERS[name](**{key: np.float64(value) for key, value in CHOSEN[name].items()})
    theta = np.ones(3, dtype=np.float32)
    state = optimizer.init(theta, xp=np)
    theta, state = optimizer.update(theta, theta, state, learning_rate=0.1, step=1, xp=np)
    assert {array.dtype for array in (theta, *state)} == {np.dtype("float32")}
