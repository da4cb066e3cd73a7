"""Runs the tests marked `bits` once under each of OpenBLAS's kernels that this CPU can execute.

    python tests/each_kernel.py [--other] [arguments of pytest]

--other takes one kernel, the newest beside that of this CPU's own choice, which all other runs have.

OpenBLAS chooses its kernels by the CPU when it is loaded; OPENBLAS_CORETYPE chooses others. A build
holds some of them only (NumPy's wheels: no Zen, no SapphireRapids) and quietly takes others for the
rest, so threadpoolctl is asked which kernels are in use. A kernel that the CPU cannot execute ends
its process by SIGILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

# From the oldest to the newest; on other CPUs than x86 none of these, and OpenBLAS's own choice alone.
KERNELS = ("Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX", "SapphireRapids")

# Products of matrices, matrix and vector, and of few columns, which have kernels of their own.
PROBE = """
import numpy as np
from threadpoolctl import threadpool_info
for dtype in ("float32", "float64"):
    A = np.ones((300, 300), dtype)
    assert (A @ A == 300).all() and (A @ A[0] == 300).all() and (A @ A[:, :4] == 300).all()
print(*[each["architecture"] for each in threadpool_info() if each["internal_api"] == "openblas"])
"""


def environment(kernel: str) -> dict[str, str]:
    """That of a process in which OpenBLAS is told to take this kernel; "" leaves the choice to it."""
    others = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    return others | {"OPENBLAS_CORETYPE": kernel} if kernel else others


def kernels_taken(kernel: str) -> str | None:
    """The kernels that NumPy computes with when it is told to take these; None where the CPU cannot."""
    probe = subprocess.run(
        [sys.executable, "-c", PROBE],
        env=environment(kernel),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if probe.returncode == -signal.SIGILL:
        return None
    probe.check_returncode()
    return probe.stdout.strip()


def main(arguments: list[str]) -> int:
    """Exit code: 0 where every run passed, and its tests were found."""
    one = "--other" in arguments
    arguments = [each for each in arguments if each != "--other"]
    own = kernels_taken("")
    to_ask = {own or "a BLAS that is not OpenBLAS": ""}
    for kernel in KERNELS if own else ():
        taken = kernels_taken(kernel)
        if taken is None:
            print(f"{kernel}: this CPU cannot execute it")
        elif taken.lower() == kernel.lower():
            to_ask.setdefault(taken, kernel)
        else:
            print(f"{kernel}: not in this build of OpenBLAS, which takes {taken} in its place")
    if one:
        to_ask = dict([each for each in to_ask.items() if each[1]][-1:])
    # Importing the others takes longer than the tests.
    found = sorted(Path(__file__).parent.rglob("test_*.py"))
    files = [str(path) for path in found if "mark.bits" in path.read_text(encoding="utf-8")]
    failed = []
    for taken, kernel in to_ask.items():
        print(f"\n{taken}{'' if kernel else ' (as chosen on this CPU)'}:", flush=True)
        # -P: the package that is installed, not the one in the current folder.
        command = [sys.executable, "-P", "-m", "pytest", "-m", "bits", *files, *arguments]
        if subprocess.run(command, env=environment(kernel), check=False).returncode:
            failed.append(taken)
    print(f"\nkernels: {', '.join(to_ask) or 'no other'}; failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
