"""Whether an installed dnn_xp works: `python smoke.py FILE`, FILE being the wheel or sdist it came from."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import dnn_xp


def main() -> None:
    file = Path(sys.argv[1])
    distribution = importlib.metadata.distribution("dnn_xp")
    assert distribution.version == dnn_xp.__version__, "two versions"
    assert f"dnn_xp-{dnn_xp.__version__}" in file.name, f"{file.name} is of another version"
    where = Path(dnn_xp.__file__).parent
    assert Path(sys.prefix) in where.parents, f"{where} is not what was installed"
    assert (where / "py.typed").is_file()
    names = {Path(str(each)).name for each in distribution.files or ()}
    assert "LICENSE" in names
    assert "conftest.py" not in names, "the tests were installed"
    for each in ("course", "formulas", "plots", "trackers"):
        importlib.import_module(f"dnn_xp.{each}")

    X = np.random.default_rng(0).standard_normal((200, 3))
    Y = (X[:, 0] * X[:, 1] > 0).astype(int)
    model = dnn_xp.train(X, Y, examples="rows", iterations=100)
    assert model.evaluate(X, Y, examples="rows").accuracy > 0.9
    program = str(Path(sys.executable).with_name("dnn-xp"))
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, "model.safetensors"))
        again = dnn_xp.load(Path(folder, "model.safetensors"))
        assert (again.predict(X, examples="rows") == model.predict(X, examples="rows")).all()

        def run(*arguments: str) -> str:
            command = [program, *arguments]
            return subprocess.run(
                command, cwd=folder, check=True, capture_output=True, text=True
            ).stdout

        assert run("--version").strip() == f"dnn_xp {dnn_xp.__version__}"
        np.savez(Path(folder, "data.npz"), X=X, Y=Y)
        run("train", "data.npz", "--iterations", "50", "-o", "shell.safetensors", "--quiet")
        assert "binary_cross_entropy" in run("info", "shell.safetensors")
        assert len(run("predict", "shell.safetensors", "data.npz").splitlines()) == 201
        run("demo", "--quiet")
    print(f"{file.name}: works")


if __name__ == "__main__":
    main()
