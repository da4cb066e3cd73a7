"""A specification needs no data: its checks, its plain forms, and all that follows from its one table."""

from __future__ import annotations

import inspect
import json
import pickle
import re
import tomllib
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
from refusals import refused

import dnn_xp
from dnn_xp.cli.parser import parse
from dnn_xp.cli.wording import SHELL
from dnn_xp.common.errors import Argument, render
from dnn_xp.formulas import OPTIMIZERS, SCHEDULES, adam, adamw, constant, step_decay, warm_up
from dnn_xp.training.arguments import PlanArguments, TrainArguments
from dnn_xp.training.specification import Specification

ASKED = [
    {},
    {"hidden": [], "activation": "tanh"},
    {"hidden": [8, 4], "activation": ["tanh", "relu"], "keep_prob": [0.5, 1.0]},
    {"optimizer": adamw(weight_decay=0.1), "learning_rate": 1e-8, "batch_size": 7, "epochs": 3},
    {"optimizer": "lbfgs", "iterations": 0, "precision": "float64"},
    {"learning_rate": step_decay(0.1, factor=0.5, every=10), "validation": 0.25, "patience": 3},
    {"learning_rate": warm_up(constant(1e16), iterations=4), "clip_norm": 2.5},
    {"cost": "huber", "output_activation": "tanh", "initialization": "he", "device": "cuda:1"},
    {"examples": "rows", "standardize": True, "fallback": False, "block_size": 16, "threads": 2},
]


@pytest.mark.parametrize("asked", ASKED, ids=range(len(ASKED)))
def test_plain_forms_bring_it_back(asked):
    specification = Specification(**asked)
    plain = specification.to_dict()
    assert json.loads(specification.to_json()) == plain
    assert tomllib.loads(specification.to_toml()) == {
        name: value for name, value in plain.items() if value is not None
    }
    for again in (
        Specification.from_dict(plain),
        Specification.from_json(specification.to_json()),
        Specification.from_toml(specification.to_toml()),
        pickle.loads(pickle.dumps(specification)),
        replace(specification),
    ):
        assert again == specification
        assert hash(again) == hash(specification)


def test_it_compares_by_value_and_does_not_change():
    assert Specification(optimizer=adam(0.5)) == Specification(optimizer=adam(0.5))
    assert Specification(optimizer=adam(0.5)) != Specification(optimizer=adam(0.6))
    assert Specification(hidden=[3]) == Specification(hidden=(np.int64(3),))
    assert Specification(dtype=np.float32) == Specification(dtype="float32")
    assert Specification() != Specification(seed=1)
    with pytest.raises(FrozenInstanceError):
        Specification().seed = 3


def test_every_optimizer_and_schedule_can_be_written_down():
    given = {"learning_rate": 0.1, "decay_rate": 0.1, "factor": 0.5, "every": 3, "iterations": 5}
    for name, make in SCHEDULES.items():
        options = {key: given[key] for key in inspect.signature(make).parameters if key in given}
        schedule = make(constant(0.1), iterations=3) if name == "warm_up" else make(**options)
        asked = Specification(learning_rate=schedule)
        assert Specification.from_toml(asked.to_toml()).learning_rate == schedule
    for name, make in OPTIMIZERS.items():
        again = Specification.from_json(Specification(optimizer=make()).to_json()).optimizer
        assert (again.name, again.hyperparameters) == (name, make().hyperparameters)


def test_what_cannot_be_written_down_says_so():
    asked = Specification(learning_rate=lambda iteration: 0.1)
    wanted = "a number, a name, or made by dnn_xp.formulas"
    parts = f"learning_rate | a function, which cannot be written down | {wanted}"
    with refused(TypeError, parts):
        asked.to_dict()
    own = adam()._replace(name="mine")
    with refused(TypeError, f"optimizer | ..., which cannot be written down | {wanted}"):
        Specification(optimizer=own).to_toml()


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({"hiden": [3]}, "option | 'hiden' | one of ... | did you mean 'hidden'?"),
        (
            {"optimizer": {"name": "adm"}},
            "optimizer.name | 'adm' | one of ... | did you mean 'adam'?",
        ),
        (
            {"learning_rate": {"name": "stepdecay"}},
            "learning_rate.name | 'stepdecay' | one of ... | did you mean 'step_decay'?",
        ),
        ({"learning_rate": {"name": []}}, "learning_rate.name | a list of length 0 | one of ..."),
        ({"l2": "a"}, "l2 | 'a' | a finite number >= 0"),
    ],
)
def test_plain_forms_are_checked(plain, message):
    with refused(ValueError, message):
        Specification.from_dict(plain)


class Untouched:
    """Data that must not be looked at."""

    def __getattribute__(self, name):
        raise AssertionError(f"{name} of the data was looked at")


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: -1} for name in ("l2", "l1", "clip_norm", "patience", "threads", "block_size")),
        *({name: -1} for name in ("iterations", "epochs", "batch_size", "seed", "report_every")),
        *({name: "no"} for name in ("verbose", "fallback", "standardize", "compile")),
        *({name: "nothing"} for name in ("optimizer", "activation", "cost", "device", "dtype")),
        *({name: 7} for name in ("hidden", "output_activation", "precision", "examples")),
        {"initialization": "hee"},
        {"initial_scale": 0.0},
        {"learning_rate": 0.0},
        {"keep_prob": 0.0},
        {"validation": 1.0},
        {"keep_prob": [0.5]},
        {"activation": ["relu"]},
        {"iterations": 3, "epochs": 3},
        {"iterations": 3, "batch_size": 3},
        {"optimizer": "lbfgs", "batch_size": 3},
        {"optimizer": "lbfgs", "keep_prob": 0.5},
        {"optimizer": "lbfgs", "clip_norm": 1.0},
        {"optimizer": "lbfgs", "learning_rate": 0.1},
        {"optimizer": "lbfgs", "precision": "bfloat16"},
        {"precision": "tf32", "dtype": "float64"},
        {"cost": "huber", "output_activation": "softmax"},
    ],
    ids=str,
)
def test_wrong_options_are_refused_before_data_is_looked_at(wrong):
    with pytest.raises((TypeError, ValueError)) as of_specification:
        Specification(**wrong)
    for call in (
        lambda: dnn_xp.train(Untouched(), Untouched(), **wrong),
        lambda: dnn_xp.plan(Untouched(), **wrong),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        assert str(caught.value) == str(of_specification.value)
    assert any(name in str(of_specification.value) for name in wrong)


OPTIONS = {each.name: each.metadata["option"] for each in fields(Specification)}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_is_in_the_signatures_and_documented(name):
    for function in (dnn_xp.train, dnn_xp.plan):
        parameter = inspect.signature(function).parameters[name]
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        default = next(each.default for each in fields(Specification) if each.name == name)
        assert parameter.default == default
        assert re.search(rf"^{name} : ", inspect.getdoc(function), flags=re.MULTILINE)


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.flag])
def test_an_option_has_a_flag(name, capsys):
    assert hasattr(parse(["train", "iris"]), name)
    with pytest.raises(SystemExit):
        parse(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert f"--{name.replace('_', '-')}" in said
    assert OPTIONS[name].help in said


def test_arguments_by_position_are_the_data():
    assert list(inspect.signature(dnn_xp.train).parameters)[:2] == ["X", "Y"]
    assert next(iter(inspect.signature(dnn_xp.plan).parameters)) == "X"
    with pytest.raises(TypeError, match=r"^train\(\) got an unexpected keyword argument 'hiden'"):
        dnn_xp.train(1, 2, hiden=3)
    with pytest.raises(TypeError, match=r"^train\(\) missing 1 required positional argument: 'Y'"):
        dnn_xp.train(1)


def test_data_leave_the_options(rng):
    X = rng.standard_normal((2, 9))
    layers = [(np.zeros((1, 2)), np.zeros((1, 1)))]
    arguments = TrainArguments(
        X, X[0] > 0, hidden=[], initialization=layers, validation=(X, X[0] > 0), l2=1
    )
    assert arguments.specification == Specification(hidden=(), l2=1.0)
    assert arguments.validation_pair[0] is X
    assert PlanArguments(X, outputs=3).specification == Specification()


# dropout, the proof that an option is one entry


def test_dropout_is_the_rate_that_is_dropped(rng, capsys):
    X = rng.standard_normal((4, 60))
    dropped = dnn_xp.train(X, X[0] > 0, hidden=[6, 5], dropout=[0.25, 0.5], iterations=5)
    kept = dnn_xp.train(X, X[0] > 0, hidden=[6, 5], keep_prob=[0.75, 0.5], iterations=5)
    assert dropped.theta.tobytes() == kept.theta.tobytes()
    assert dropped.settings["keep_prob"] == [0.75, 0.5]
    dropped.summary()
    assert re.search(r"^dropout +\(0.25, 0.5\)$", capsys.readouterr().out, flags=re.MULTILINE)
    how = {"hidden": [6, 5], "dropout": 0.5}
    assert dnn_xp.plan(X, **how) == dnn_xp.plan(X, hidden=[6, 5], keep_prob=0.5)
    assert dnn_xp.gradient_check(X, X[0] > 0, **how).relative_difference < 1e-7
    assert parse(["train", "iris", "--dropout", "0.25,0.5"]).dropout == [0.25, 0.5]
    assert render((Argument("dropout", (0.25, 0.5)),), SHELL) == "--dropout 0.25,0.5"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dropout": 1.0}, "dropout | 1.0 | a finite number >= 0 and < 1"),
        (
            {"dropout": [0.5]},
            "dropout | 1 value | one number for all 2 hidden layers, or one each",
        ),
        (
            {"dropout": 0.5, "keep_prob": 0.6},
            "keep_prob | 0.6 with dropout=0.5 | 1 - dropout where both are given | pass one of them",
        ),
        (
            {"dropout": 0.0, "keep_prob": 0.6},
            "keep_prob | 0.6 with dropout=0.0 | 1 - dropout where both are given | pass one of them",
        ),
        (
            {"dropout": 0.5, "optimizer": "lbfgs"},
            (
                "dropout | 0.5 | left out where optimizer='lbfgs' is given | its line search needs the "
                "exact cost: leave it out, or pass optimizer='adam'"
            ),
        ),
    ],
    ids=str,
)
def test_dropout_is_checked(wrong, message):
    with refused(ValueError, message):
        Specification(**wrong)
    assert Specification(dropout=0.1, keep_prob=0.9).keep_probs == (0.9, 0.9)


# plan


@pytest.mark.parametrize(
    "how",
    [
        {"optimizer": "lbfgs", "keep_prob": 0.5},
        {"batch_size": 101},
        {"precision": "tf32"},
        {"precision": "bfloat16"},
        {"compile": True},
        {"validation": 0.001},
        {"device": "cuda", "fallback": False},
        {"cost": "huber", "output_activation": "softmax"},
    ],
    ids=str,
)
def test_plan_refuses_what_train_refuses(how, rng):
    X = rng.standard_normal((4, 100))
    with pytest.raises((ValueError, RuntimeError)) as of_train:
        dnn_xp.train(X, X[0] > 0, **how)
    for given in (X, (4, 100)):
        with pytest.raises((ValueError, RuntimeError)) as of_plan:
            dnn_xp.plan(given, **how)
        assert str(of_plan.value) == str(of_train.value)


def test_every_option_of_train_can_be_planned(rng):
    X = rng.standard_normal((4, 100))
    how = {"hidden": [5], "precision": "float64", "l2": 0.1, "patience": 2, "iterations": 3}
    model = dnn_xp.train(X, X[0] > 0, **how)
    assert str(dnn_xp.plan((4, 100), **how)) == model.settings["plan"]
    again = dnn_xp.train(X, X[0] > 0, warm_start=model, iterations=2)
    assert str(dnn_xp.plan(X, warm_start=model)) == again.settings["plan"]
