"""The commands without data, exit codes, and what a real shell sees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import QUICK, Flowers, Shell

import dnn_xp
import dnn_xp.cli
import dnn_xp.cli.inputs.bundled
from dnn_xp.cli.commands.demo import spirals

COMMANDS = ("train", "predict", "sweep", "plan", "export", "info", "devices", "demo", "bench")

ROOT = Path(dnn_xp.__file__).parents[1]


def typed(*argv: str) -> subprocess.Popen[str]:
    """dnn-xp in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "dnn_xp", *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # The folder is the test's own, so the package has to be told.
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_version_and_help(shell: Shell) -> None:
    assert shell("--version") == (0, f"dnn_xp {dnn_xp.__version__}\n", "")
    said = shell("--help")
    assert said.code == 0
    for command in COMMANDS:
        assert f"\n    {command} " in said.out
        helped = shell(command, "--help")
        assert (helped.code, helped.err) == (0, "")
        assert helped.out.startswith(f"usage: dnn-xp {command} ")
        assert max(map(len, helped.out.splitlines())) <= 80


def test_no_command_prints_the_help_on_stderr(shell: Shell) -> None:
    said = shell()
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("usage: dnn-xp")


def test_devices(shell: Shell) -> None:
    assert shell("devices") == (0, f"{dnn_xp.devices()}\n", "")


def test_info_tells_what_the_model_was_trained_on(shell: Shell, flowers: Flowers) -> None:
    X = np.tile(flowers.X, 4)
    np.savetxt("a.csv", np.column_stack([X, X[:, 0] > 1.5]), delimiter=",")
    shell("train", "a.csv", "--target", "12", *QUICK)
    said = shell("info", "model.safetensors")
    assert said.code == 0
    assert said.out.splitlines()[-2:] == [
        "features        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... (12 in all)",
        "targets         12",
    ]


def test_demo_is_real_and_good(shell: Shell) -> None:
    said = shell("demo")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert "breast_cancer (bundled with scikit-learn): 569 examples, 30 features" in said.out
    assert "cpu with numpy" in said.out
    test = next(line.split() for line in lines if line.startswith("test "))
    assert test[1] == "114"
    assert float(test[3]) > 0.95
    assert not Path("model.safetensors").exists()
    # The command it ends with does the same.
    command = lines[-1].split("dnn-xp ")[1]
    assert shell(*command.split()).out.splitlines()[-4].split() == test


def test_demo_without_scikit_learn_says_so(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    # None in sys.modules is how Python is told that a module cannot be imported.
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    said = shell("demo", "--quiet")
    assert said.code == 0
    assert said.out.startswith("scikit-learn is not installed (pip install 'dnn_xp[sklearn]')")
    assert "two spirals: 2,000 examples, 2 features" in said.out
    test = next(line.split() for line in said.out.splitlines() if line.startswith("test "))
    assert float(test[3]) > 0.95
    assert "breast_cancer" not in said.out
    said = shell("train", "iris")
    assert said.code == 1
    assert said.err.startswith("dnn-xp: error: The data set 'iris' needs the package sklearn")
    assert said.err.endswith('Install it: pip install "dnn_xp[sklearn]".')


def test_spirals_wind_around_each_other() -> None:
    made = spirals(1000)
    X = made.X.block(0, 1000)
    # The one is the other, turned half around.
    assert made.Y.tolist() == [0, 1] * 500
    assert np.abs(np.hypot(*X)).max() < 3 * np.pi + 1
    assert dnn_xp.train(X, made.Y, hidden=[], iterations=50).evaluate(X, made.Y).accuracy < 0.75


def test_a_fallback_is_one_plain_line(
    shell: Shell, files: Flowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnn_xp.backends.choice.why_not_cuda", lambda index: "no GPU in this test")
    common = ("train", "flowers.npz", "--device", "cuda", *QUICK)
    said = shell(*common)
    assert said == (
        0,
        "",
        (
            "dnn-xp: warning: --device cuda cannot be used: no GPU in this test. Falling back to the "
            "CPU, with the same result; --no-fallback makes this an error"
        ),
    )
    said = shell(*common, "--no-fallback", "-o", "other")
    assert said == (
        1,
        "",
        (
            "dnn-xp: error: --device must be a device that can be used; got 'cuda', which cannot be "
            "used: no GPU in this test. Pass --device cpu, or leave out --no-fallback to fall back to "
            "the CPU."
        ),
    )
    said = shell("predict", "model.safetensors", "X.npy", "--device", "cuda", "--no-fallback")
    assert said.code == 1


def test_divergence_names_the_way_out(shell: Shell, flowers: Flowers) -> None:
    np.savez("a.npz", X=flowers.X, Y=flowers.petals)
    rate = ("--optimizer", "gradient_descent", "--learning-rate", "1")
    said = shell("train", "a.npz", "--no-standardize", "--hidden", "none", *rate, "--quiet")
    assert said.code == 1
    last = said.err.splitlines()[-1]
    assert last.startswith("dnn-xp: error: the training diverged: the cost is ")
    assert last.endswith(
        "Lower --learning-rate, leave out --no-standardize, or clip gradients: pass --clip-norm 1.0."
    )
    assert not Path("model.safetensors").exists()


@pytest.mark.parametrize("argv", [("--debug", "info", "no"), ("info", "no", "--debug")])
def test_debug_shows_where_an_error_arose(shell: Shell, argv: tuple[str, ...]) -> None:
    said = shell(*argv)
    assert said.code == 1
    assert said.err.startswith("Traceback")
    assert said.err.endswith("dnn-xp: error: MODEL='no': there is no such file.")
    assert "Traceback" not in shell("info", "no").err


def test_in_a_process_of_its_own(files: Flowers) -> None:
    train = typed("train", "flowers.csv", "--target", "kind", *QUICK[:-1])
    out, err = train.communicate(timeout=60)
    assert train.returncode == 0
    assert out.startswith("data       'flowers.csv'")
    assert "update" in err
    failed = typed("train", "flowers.csv", "--target", "kind")
    assert failed.communicate(timeout=60) == (
        "",
        (
            "dnn-xp: error: MODEL='model.safetensors' exists already; choose another with -o, or --force "
            "overwrites it\n"
        ),
    )
    assert failed.returncode == 1


def test_a_reader_that_goes_away_is_no_error(shell: Shell, files: Flowers) -> None:
    shell("train", "flowers.npz", *QUICK)
    np.save("many.npy", np.tile(files.X, (400, 1)))
    process = typed("predict", "model.safetensors", "many.npy")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "prediction\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


def test_help_waits_for_no_heavy_import() -> None:
    heavy = [
        "sklearn",
        "pandas",
        "pyarrow",
        "h5py",
        "zarr",
        "scipy",
        "cupy",
        "torch",
        "jax",
        "tqdm",
    ]
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from dnn_xp.cli import main; main(['--help'])\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# Output that cannot be written, and Ctrl-C before the command runs


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_device_is_a_failure(unbuffered: str) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    for command in ("--version", "--help", "devices"):
        with full.open("w") as stream:
            done = subprocess.run(
                [sys.executable, "-m", "dnn_xp", command],
                stdout=stream,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered},
                timeout=60,
            )
        assert done.returncode == 1, command
        where = "" if unbuffered else "standard output: "
        assert done.stderr == f"dnn-xp: error: {where}No space left on device\n", command


STARTING = """
import signal, sys

class AtImport:
    def find_spec(self, name, path=None, target=None):
        if name == "dnn_xp.formulas":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, AtImport())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_while_the_command_starts_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(STARTING)
    done = subprocess.run(
        [sys.executable, "-m", "dnn_xp", "devices"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("", "dnn-xp: interrupted\n")
    # As any process that Ctrl-C ends; a shell shows 130.
    assert done.returncode == -2


def test_a_program_that_imports_the_package_keeps_its_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import dnn_xp; raise KeyboardInterrupt"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert "Traceback" in done.stderr


@pytest.mark.usefixtures("shell")
def test_names_that_the_terminal_cannot_show_are_escaped(flowers: Flowers) -> None:
    X = flowers.X
    lines = [f"{a},{b},{'größer' if a > 1.5 else 'kleiner'}" for a, b, *_ in X]
    Path("a.csv").write_text("höhe,breite,art\n" + "\n".join(lines) + "\n", encoding="utf-8")
    ascii_only = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}

    def said(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dnn_xp", *argv],
            capture_output=True,
            text=True,
            env=ascii_only,
            timeout=60,
        )

    quick = [each for each in QUICK if each != "--quiet"]
    done = said("train", "a.csv", "--target", "art", "-o", "modell_ä", *quick)
    assert done.returncode == 0, done.stderr
    assert r"modell_\xe4" in done.stdout
    assert Path("modell_ä").exists()
    assert said("info", "modell_ä").returncode == 0
    assert said("predict", "modell_ä", "a.csv", "-o", "ä.csv").returncode == 0
    # Predictions are data: never altered.
    done = said("predict", "modell_ä", "a.csv")
    assert done.returncode == 1
    assert "standard output is in ascii, which lacks" in done.stderr
