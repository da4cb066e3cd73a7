"""A shell to type into, and small data in files of every kind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_helpers import Flowers, Said, Shell, columns_of, write_csv

from dnn_xp.cli import main


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Shell:
    """Runs dnn-xp with some arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> Said:
        capsys.readouterr()
        code = main(argv)
        out, err = capsys.readouterr()
        # The bar of tqdm, or the lines that stand for it.
        bar = re.compile(r"\d%\||^update \d+ of")
        lines = [each for each in err.replace("\r", "\n").splitlines() if not bar.search(each)]
        return Said(code, out, "\n".join(lines).strip())

    return run


@pytest.fixture(scope="session")
def flowers() -> Flowers:
    rng = np.random.default_rng(7)
    codes = np.arange(90) % 3
    centres = np.asarray([[1.0, 20.0, 300.0], [2.0, 20.0, 500.0], [2.0, 40.0, 300.0]])
    X = centres[codes] * (1 + 0.05 * rng.standard_normal((90, 3)))
    petals = X[:, 0] * 2.5 + X[:, 1] / 10
    return Flowers(X, np.asarray(["daisy", "poppy", "tulip"])[codes], petals)


@pytest.fixture
def files(shell: Shell, flowers: Flowers) -> Flowers:
    """flowers.csv, .parquet, .npz, .h5, .zarr in the folder, X.npy, Y.npy and all.npy."""
    import h5py
    import pyarrow
    import pyarrow.parquet
    import zarr

    write_csv("flowers.csv", columns_of(flowers))
    pyarrow.parquet.write_table(
        pyarrow.table({name: each.tolist() for name, each in columns_of(flowers).items()}),
        "flowers.parquet",
        row_group_size=25,
    )
    codes = np.unique(flowers.kinds, return_inverse=True)[1]
    np.savez("flowers.npz", X=flowers.X, Y=flowers.kinds)
    np.save("X.npy", flowers.X)
    np.save("Y.npy", codes)
    np.save("all.npy", np.column_stack([codes, flowers.X]))
    with h5py.File("flowers.h5", "w") as file:
        file["X"], file["Y"] = flowers.X, codes
    group = zarr.open_group("flowers.zarr", mode="w")
    group.create_array("X", data=flowers.X)
    group.create_array("Y", data=codes)
    return flowers
