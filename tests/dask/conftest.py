"""Without Dask the tests of this folder are left out, unless DNN_XP_REQUIRE asks for them."""

from __future__ import annotations

import importlib.util
import os

import pytest

if importlib.util.find_spec("distributed") is None:
    assert "dask" not in os.environ.get("DNN_XP_REQUIRE", "").split(",")
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="module")
def client():
    """Of a cluster of two workers."""
    from clusters import cluster

    with cluster(2) as made:
        yield made
