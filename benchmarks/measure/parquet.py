"""`preset="tabular"` on a Parquet file of five million rows with categories, in bounded memory.

The table has eight columns of numbers, one of them heavy-tailed and two with missing values, and three
of categories: of 5, of 200 and of 5,000. It is written to the folder for temporary files and removed at
the end. One child process trains on it for an epoch under RLIMIT_DATA, 1 GB above what the interpreter
has after its imports; the lowest error that the table allows is known, since it is synthetic.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.measure import Options, say
from benchmarks.measure.out_of_core import LIMIT_BYTES, Peak, limited
from benchmarks.results import save

ROWS = 5_000_000
NUMBERS = 8
CATEGORIES = (5, 200, 5_000)
FLIPPED = 0.1
GROUP = 1 << 18


def child(path: str, test: str) -> dict[str, Any]:
    """Train for an epoch under the limit; errors on the rows of another file."""
    import pyarrow.parquet as pq

    import dnn_xp

    limited()
    with Peak() as peak:
        model = dnn_xp.train(path, "kind", preset="tabular", epochs=1, missing="indicator")
    table = pq.read_table(test).to_pandas()
    wrong = np.asarray(model.predict(table.drop(columns="kind"))) != table["kind"].to_numpy()
    return {
        "seconds": model.history.seconds[-1],
        "peak_anonymous_bytes": peak.bytes - peak.start,
        "limit_bytes": LIMIT_BYTES,
        "error": float(np.mean(wrong)),
        "lowest_error": FLIPPED,
        "plan": model.settings["plan"],
    }


def _write(path: Path, m: int, rng: np.random.Generator, effects: list[np.ndarray]) -> None:
    """A table whose classes depend on all columns; a share of them is flipped."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for start in range(0, m, GROUP):
        count = min(GROUP, m - start)
        numbers = rng.standard_normal((NUMBERS, count))
        codes = [rng.integers(0, len(of_each), count) for of_each in effects]
        effect = sum(of_each[code] for of_each, code in zip(effects, codes, strict=True))
        kind = numbers[0] * numbers[1] + np.sin(2 * numbers[2]) + numbers[3] + effect > 0
        kind ^= rng.random(count) < FLIPPED
        numbers[4] = np.exp(3 * numbers[4])
        numbers[5:7][rng.random((2, count)) < 0.05] = np.nan
        columns: dict[str, Any] = {f"x{j}": pa.array(row) for j, row in enumerate(numbers)}
        for j, code in enumerate(codes):
            names = pa.array([f"c{each}" for each in range(CATEGORIES[j])])
            columns[f"c{j}"] = pa.DictionaryArray.from_arrays(pa.array(code, pa.int32()), names)
        columns["kind"] = pa.array(np.where(kind, "yes", "no"))
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def measure(options: Options) -> None:
    """Write the table, train on it in a process of its own."""
    m = int(ROWS * options.scale)
    rng = np.random.default_rng(0)
    effects = [rng.standard_normal(count) for count in CATEGORIES]
    with tempfile.TemporaryDirectory(prefix="dnn_xp-bench-") as folder:
        path, test = Path(folder, "table.parquet"), Path(folder, "test.parquet")
        _write(path, m, rng, effects)
        _write(test, min(m, 100_000), rng, effects)
        say(f"{m:,} rows, {path.stat().st_size / 1e6:,.0f} MB of Parquet")
        command = [sys.executable, "-m", "benchmarks.measure.parquet", str(path), str(test)]
        done = subprocess.run(
            command, cwd=machine.ROOT, capture_output=True, text=True, check=False, env=os.environ
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        found = json.loads(done.stdout.splitlines()[-1])
        found |= {"m": m, "file_bytes": path.stat().st_size}
    say(
        f"  an epoch in {found['seconds']:.0f} s, peak {found['peak_anonymous_bytes'] / 2**20:,.0f} MiB "
        f"above the start, error {found['error']:.4f} (lowest possible {FLIPPED:g})"
    )
    save("parquet", [found], folder=options.folder, scale=options.scale)


if __name__ == "__main__":
    print(json.dumps(child(*sys.argv[1:])))
