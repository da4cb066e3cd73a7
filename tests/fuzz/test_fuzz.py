"""A short run of the generated calls; `nox -s fuzz` is the long one."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import fuzz_files  # noqa: F401 - adds its kinds
from fuzz_calls import KINDS, Finding, Fuzz, finite, unchanged

SEEDS = range(10_000_000, 10_000_500)


def test_no_generated_call_does_what_it_must_not_do(tmp_path: Path) -> None:
    fuzz = Fuzz(tmp_path)
    ended = {fuzz.call(seed) for seed in SEEDS}
    # The calls are of all kinds, and some of each succeed.
    assert {each.partition(":")[0] for each in ended} == {name for name, _ in KINDS}
    successes = {"train: trained", "use: predict", "load: loaded", "store: stored", "plan: planned"}
    assert successes | {"shell: exit code 0", "paths: trained"} <= ended
    assert not [each.name for each in threading.enumerate() if each.name.startswith("dnn_xp")]


def test_the_checks_find_what_they_look_for() -> None:
    import numpy as np

    X = np.zeros(2)
    with pytest.raises(Finding, match="modified"), unchanged(X):
        X[0] = 1.0
    with pytest.raises(Finding, match="modified"), unchanged([X]):
        X.flags.writeable = False
    with pytest.raises(Finding, match="not finite"):
        finite("X", [1.0, float("nan")])
