"""scikit-learn may be missing, unless DNN_XP_REQUIRE asks for it; then a missing one is an error here."""

from __future__ import annotations

import importlib
import os

if "sklearn" in os.environ.get("DNN_XP_REQUIRE", "").split(","):
    importlib.import_module("sklearn")
