"""A few trainings killed by SIGKILL at random moments; `nox -s chaos` kills hundreds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).resolve().parents[1] / "chaos" / "kills.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the trainings are forks of a process")
def test_killed_trainings_end_as_if_they_had_not_been():
    # In a process of its own: a fork of this one would have its threads' locks.
    typed = [sys.executable, str(KILLS), "--trainings", "4", "--seed", "11"]
    done = subprocess.run(typed, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "4 trainings" in done.stdout.splitlines()[-1]
