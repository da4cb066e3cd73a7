"""Without Dask the tests of this folder are left out, unless DNN_XP_REQUIRE asks for them."""

from __future__ import annotations

import importlib.util
import os

if importlib.util.find_spec("distributed") is None:
    assert "dask" not in os.environ.get("DNN_XP_REQUIRE", "").split(",")
    collect_ignore_glob = ["test_*.py"]
