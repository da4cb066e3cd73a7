"""The benchmarks lie beside the package and are not installed."""

from __future__ import annotations

import sys
from pathlib import Path

# Last, so that an installed dnn_xp is found before that of the checkout.
sys.path.append(str(Path(__file__).parents[2]))
