"""dnn-xp plan is the plan of the library and trains nothing; dnn-xp bench checks before it measures."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import QUICK, Flowers, Shell

import dnn_xp
import dnn_xp.cli.commands.bench as bench_command
import dnn_xp.cli.commands.plan as plan_command
from dnn_xp.cli.commands.bench import SIZES, plain_gradient


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_command, "_ENOUGH", 0.0)
    monkeypatch.setattr(plan_command, "_OPERATIONS", 1e8)


def facts(out: str) -> dict[str, str]:
    """What stands behind each name at the beginning of a line."""
    found = (re.match(r"(\w[\w: ]*?)  +(.*)", line) for line in out.splitlines())
    return {each[1]: each[2] for each in found if each}


def test_a_plan_of_a_table_is_that_of_the_training(shell: Shell, files: Flowers) -> None:
    typed = ("flowers.csv", "--target", "kind", "--validation", "0.2", *QUICK[:-1])
    said = shell("plan", *typed)
    assert (said.code, said.err) == (0, "")
    found = facts(said.out)
    shell("train", *typed, "--quiet")
    model = dnn_xp.load("model.safetensors")
    assert found["network"] == "3-8-3, 59 parameters, softmax_cross_entropy"
    assert found["training"] == "80 iterations over 58 examples"
    assert found["memory"] == model.settings["plan"]
    assert found["split"] == "72 to train on, 18 to test on (drawn within each class, seed 0)"
    assert re.fullmatch(r"about [\d.e-]+ (ms|s): [\d.e-]+ ms an iteration, .*", found["time"])
    assert said.out.endswith("\nNothing was trained.\n")


def test_a_plan_writes_nothing(shell: Shell, files: Flowers) -> None:
    before = sorted(Path().iterdir())
    shell("plan", "flowers.csv", "--target", "kind")
    assert sorted(Path().iterdir()) == before


def test_a_plan_of_a_shape_needs_no_data(shell: Shell) -> None:
    typed = ("--hidden", "16,8", "--batch-size", "1000", "--epochs", "30", "--threads", "1")
    found = facts(shell("plan", "--shape", "28,10000000", "--outputs", "4", *typed).out)
    wanted = dnn_xp.plan(
        (28, 10_000_000),
        outputs=4,
        examples="rows",
        hidden=[16, 8],
        batch_size=1000,
        epochs=30,
        threads=1,
    )
    assert found["memory"] == str(wanted)
    assert found["training"] == "30 epochs over 10,000,000 examples, 300,000 updates"
    assert found["network"] == "28-16-8-4, 636 parameters, softmax_cross_entropy"
    assert re.search(
        r"an epoch, measured in 6 of random numbers, on [\d,]+ examples;", found["time"]
    )


@pytest.mark.parametrize(
    "typed",
    [
        "--cost squared_error",
        "--cost poisson --outputs 2",
        "--cost binary_cross_entropy --outputs 3",
        "--optimizer lbfgs",
        "--optimizer momentum --dropout 0.1 --dtype float64",
        "--patience 2 --validation 0.1 --class-weight balanced",
    ],
)
def test_every_training_can_be_planned(shell: Shell, typed: str) -> None:
    said = shell("plan", "--shape", "5,400", *typed.split())
    assert (said.code, said.err) == (0, "")
    assert "about" in facts(said.out)["time"]


def test_the_time_of_a_plan_grows_with_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def timed(run: object, m: int, options: object) -> tuple[float, int]:
        taken.append(m)
        return 1e-6 * m, 6

    monkeypatch.setattr(plan_command, "_seconds_each", timed)
    from dnn_xp.cli.parser import parse

    for m in (500, 1_000_000_000):
        args = parse(["plan", "--shape", f"3,{m}", "--iterations", "100"])
        asked = plan_command._of_shape(args, {"iterations": 100, "device": "auto"})
        said = plan_command._time(asked.run, {})
        assert said.startswith("about 50 ms: 0.5 ms" if m == 500 else "about 28 h: 17 min")
    assert taken[0] == 500
    assert taken[1] < 10_000_000


def test_wrong_plans(shell: Shell) -> None:
    said = shell("plan")
    assert said.code == 2
    assert "the following arguments are required: DATA" in said.err
    said = shell("plan", "--shape", "3")
    assert said.code == 2
    assert "--shape must be the number of features and of examples, such as 28,100000" in said.err
    said = shell("plan", "iris", "--shape", "3,4")
    assert said == (
        1,
        "",
        "dnn-xp: error: --shape must be left out where DATA is given; got a value with DATA",
    )
    assert shell("plan", "iris", "--l2", "-1").err.startswith("dnn-xp: error: --l2 must be")
    assert shell("plan", "--shape", "0,4").err.startswith("dnn-xp: error: n_x must be a whole")


def test_a_bench_checks_and_measures(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_command, "EXAMPLES", 3000)
    said = shell("bench", "--seconds", "0.01", "--threads", "1")
    assert (said.code, said.err) == (0, "")
    found = facts(said.out)
    for name in ("checked: dnn_xp", "checked: plain NumPy"):
        assert float(found[name].split()[0]) < 1e-6
    assert float(found["checked: both"].split()[0]) < 1e-5
    assert found["problem"].startswith("28-64-32-1, 3,000 examples, float32")
    assert bench_command.cpu() in found["cpu"]
    for name in ("dnn_xp", "plain NumPy"):
        median, fastest, slowest, times = found[name].split()
        assert float(fastest) <= float(median) <= float(slowest)
        assert int(times) >= 3
    assert re.search(r"\nplain NumPy takes [\d.]+ times as long, on this machine", said.out)
    assert shell("bench", "--seconds", "0").err.startswith("dnn-xp: error: --seconds must be")


def test_the_plain_gradient_is_that_of_finite_differences() -> None:
    from scipy.optimize import approx_fprime

    rng = np.random.default_rng(5)
    X, Y = rng.standard_normal((SIZES[0], 12)), rng.integers(0, 2, (1, 12))
    theta = 0.3 * rng.standard_normal(sum(n * (before + 1) for before, n in pairwise(SIZES)))
    J, gradient = plain_gradient(theta, X, Y)
    numeric = approx_fprime(theta, lambda at: plain_gradient(at, X, Y)[0], 1e-7)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-6)
    # A network that says 1/2 of everything.
    assert plain_gradient(0 * theta, X, Y)[0] == pytest.approx(np.log(2))
    assert J > 0
