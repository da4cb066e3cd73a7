"""What a whole training takes on the host, measured, against its plan."""

from __future__ import annotations

import threading
import tracemalloc

import numpy as np
import pytest
from as_cuda import serve_as_cuda
from cuda_stand_in import CudaStandIn

import dnn_xp
from dnn_xp.backends.numpy.layers import lowering
from dnn_xp.execution.engine import Engine
from dnn_xp.formulas.layers import Layers
from dnn_xp.training.specification import HIDDEN_ACTIVATIONS

N, M = 28, 20_000
ALWAYS = {"hidden": [32, 32], "threads": 2, "standardize": False}
BATCHES = {"batch_size": 256}
DROPOUT = {"keep_prob": 0.8}
COLUMNS = {"layout": "columns"}
QUANTILES = {"standardize": True, "standardize_by": "quantiles"}
PERIODIC = {"number_encoding": "periodic", "standardize": True}
ROWS_AS_COLUMNS = COLUMNS | {"examples": "rows", "hidden": []}
# The plan counts all arrays of a block; not all of them are there at once. Measured: 1.0 to 2.4.
MUCH = 3


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(0).standard_normal((N, M), dtype="float32")


@pytest.fixture(scope="module")
def labels(features):
    return (features[0] > features[1]).astype(int)


@pytest.fixture
def in_lock_step(monkeypatch):
    """The threads of an engine run their first blocks in lock step, layer by layer.

    Otherwise the peak depends on the scheduler: one thread may compute both blocks of a pass while
    the other one waits for a core, and then half of what is planned is never there.
    """
    fold, at_hand = Engine.fold, threading.local()

    def fold_in_lock_step(engine, function, read, m, block_size, **how):
        # With one block the barrier is for one, and stops nobody.
        barrier = threading.Barrier(min(engine.threads, -(-m // block_size)))
        begun = set()

        def of_block(*arguments):
            thread = threading.get_ident()
            # A thread that waits in its first block leaves the next one to another thread.
            at_hand.barrier = None if thread in begun else barrier
            begun.add(thread)
            return function(*arguments)

        return fold(engine, of_block, read, m, block_size, **how)

    def in_step(step):
        def stepped(*arguments, **how):
            made = step(*arguments, **how)
            if at_hand.barrier is not None:
                at_hand.barrier.wait(timeout=60)
            return made

        return stepped

    def lowering_in_lock_step(matmul):
        def lower(network):
            network, layers = lowering(matmul)(network)
            return network, Layers(*map(in_step, layers))

        return lower

    monkeypatch.setattr(Engine, "fold", fold_in_lock_step)
    monkeypatch.setattr("dnn_xp.backends.numpy.backend.lowering", lowering_in_lock_step)


@pytest.fixture
def measured(monkeypatch, plans, in_lock_step):
    """Trains; the bytes that took at its peak, and its plan."""
    # An untouched array of 31 MiB, freed at once, that only tells the C library to keep memory.
    monkeypatch.setattr("dnn_xp.backends.numpy.settings.keep_freed_memory", lambda: None)

    def train(*given, **how):
        how = ALWAYS | ({"epochs": 1} if "batch_size" in how else {"iterations": 2}) | how
        dnn_xp.train(*given, **how)  # imports, and what is kept from one training to the next
        tracemalloc.start()
        try:
            model = dnn_xp.train(*given, **how)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert model.settings["plan"] == str(plans[-1])
        return peak, plans[-1]

    return train


HOW = {
    "": {},
    "classes": {"classes": 10},
    "many classes": {"classes": 100},
    "many classes, batches": {"classes": 100} | BATCHES,
    "no hidden layer": {"hidden": []},
    "rows, no hidden layer": {"examples": "rows", "hidden": []},
    "rows as columns, no hidden layer": ROWS_AS_COLUMNS,
    "rows as columns, batches": ROWS_AS_COLUMNS | {"batch_size": 4096},
    "gathered as columns": COLUMNS | {"hidden": [], "batch_size": 8192, "block_size": 4096},
    "validation as rows": {"hidden": [], "validation": 0.5, "batch_size": 1024},
    "tanh": {"activation": "tanh"},
    "gelu": {"activation": "gelu"},
    "gelu, batches": {"activation": "gelu"} | BATCHES,
    "dropout": DROPOUT,
    "dropout, batches": DROPOUT | {"batch_size": 4096},
    "ensemble": {"ensemble": 4},
    "ensemble, many classes": {"ensemble": 4, "classes": 100},
    "ensemble, batches": {"ensemble": 8, "activation": "gelu"} | BATCHES,
    "ensemble, dropout": {"ensemble": 4, "hidden": [32, 32, 32]} | DROPOUT,
    "ensemble, nothing shared": {"ensemble": 4, "ensemble_sharing": "nothing"},
    "ensemble, periodic": {"ensemble": 4} | PERIODIC,
    "ensemble, nothing shared, periodic": {"ensemble": 4, "ensemble_sharing": "nothing"} | PERIODIC,
    "ensemble, piecewise": {"ensemble": 4, "number_encoding": "piecewise"},
    "ensemble, validation": {"ensemble": 4, "validation": 0.2},
    "ensemble, small blocks": {"ensemble": 4, "hidden": [100], "block_size": 50},
    "narrower": {"given": "float64", "dtype": "float32"},
    "wider": {"given": "int8", "dtype": "float64"},
    "standardized": {"standardize": True},
    "standardized in float64": {"given": "int64", "standardize": True, "dtype": "float32"},
    "standardized batches": {"given": "float64", "standardize": True, "dtype": "float32"} | BATCHES,
    "batches": BATCHES,
    "batches of rows": {"examples": "rows"} | BATCHES,
    "batches of float16": {"given": "float16"} | BATCHES,
    "weights": {"sample_weight": np.arange(M) + 1.0},
    "validation": {"validation": 0.2},
    "validation, weights": {"validation": 0.2, "sample_weight": np.arange(M) + 1.0},
    "validation, batches": {"validation": 0.2} | BATCHES,
    "validation, rows, batches": {"validation": 0.2, "examples": "rows"} | BATCHES,
    "file": {"file": True},
    "file, standardized": {"file": True, "standardize": True},
    "file, batches": {"file": True} | BATCHES,
    "file of columns, batches": {"file": True, "examples": "columns"} | BATCHES,
    "rows, standardized": {"examples": "rows", "standardize": True},
    "rows of float64, standardized": {
        "given": "float64",
        "dtype": "float32",
        "examples": "rows",
        "standardize": True,
    },
    "rows, standardized, batches": {"examples": "rows", "standardize": True} | BATCHES,
    "rows as columns, standardized": ROWS_AS_COLUMNS | {"standardize": True},
    "one block": {"block_size": M},
    "one block, standardized": {"block_size": M, "standardize": True},
    "one block of rows, standardized": {"block_size": M, "standardize": True, "examples": "rows"},
    "lbfgs": {"optimizer": "lbfgs"},
    "lbfgs, many parameters": {"optimizer": "lbfgs", "hidden": [300, 300], "block_size": 100},
    "momentum": {"optimizer": "momentum", "hidden": [300, 300], "block_size": 100},
    "quantiles": QUANTILES,
    "quantiles of rows in float64": {"given": "float64", "examples": "rows"} | QUANTILES,
    "quantiles of a file": {"file": True} | QUANTILES,
    "periodic": PERIODIC,
    "periodic batches of rows": PERIODIC | {"examples": "rows", "batch_size": 1024},
    "piecewise": {"number_encoding": "piecewise"},
    "fitted": {"bias_initialization": "he+5", "unit_variance": True},
    "fitted, batches of a file": {"unit_variance": True, "file": True} | BATCHES,
    "piecewise, quantiles": {"number_encoding": "piecewise", "bins": 5} | QUANTILES,
    "piecewise batches of a file": {"number_encoding": "piecewise", "file": True} | BATCHES,
    "one thread": {"threads": 1},
    "small blocks": {"block_size": 100},
}


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
@pytest.mark.filterwarnings("ignore::dnn_xp.DataWarning")
def test_the_plan_holds_what_a_training_takes_and_not_much_more(
    how, features, labels, measured, tmp_path
):
    how = dict(how)
    given = features.astype(how.pop("given", "float32"))
    if how.get("examples") == "rows":
        given = np.ascontiguousarray(given.T)
    Y, classes = labels, how.pop("classes", 1)
    if classes > 1:
        Y = np.arange(M) % classes
    if how.pop("file", False):
        how = {"examples": "rows"} | how
        np.save(tmp_path / "X.npy", given.T if how["examples"] == "rows" else given)
        given = tmp_path / "X.npy"
    peak, plan = measured(given, Y, **how)
    assert peak <= plan.host_peak_bytes <= MUCH * peak
    assert dnn_xp.plan(given, outputs=classes, **ALWAYS | how) == plan


@pytest.mark.parametrize(
    "how",
    [{}, BATCHES, BATCHES | {"parametric_activation": True}, BATCHES | DROPOUT],
    ids=["all at once", "batches", "parametric", "dropout"],
)
@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_each_activation_is_planned(activation, how, features, labels, measured):
    """On one thread, where the peak is the same in each run."""
    peak, plan = measured(features, labels, activation=activation, threads=1, **how)
    assert peak <= plan.host_peak_bytes <= MUCH * peak


@pytest.mark.parametrize("outputs", [1, 40])
@pytest.mark.parametrize(
    "how",
    [{}, {"dtype": "float32"}, {"sample_weight": np.arange(M) + 1.0}, {"hidden": []}, BATCHES],
)
def test_standardizing_values_is_planned(how, outputs, features, measured):
    Y = 2e5 + 6e4 * np.random.default_rng(1).standard_normal((outputs, M))
    peak, plan = measured(features, Y, **how)
    assert peak <= plan.host_peak_bytes <= MUCH * peak


def test_a_validation_pair_is_planned(features, labels, measured):
    X = features
    pair = (X[:, :15_000], labels[:15_000])
    peak, plan = measured(X[:, :500], labels[:500], validation=pair)
    assert peak <= plan.host_peak_bytes <= MUCH * peak
    assert dnn_xp.plan(X[:, :500], validation=pair, **ALWAYS) == plan


def test_what_a_cuda_graph_keeps_is_planned(features, monkeypatch):
    """The arrays of a captured step are there while the cost is taken."""
    device = CudaStandIn()

    def peak(**how):
        how = {"device": "cuda", "hidden": [32, 32], "batch_size": 1000} | how
        return dnn_xp.plan(features, **how).device_peak_bytes

    large = {"hidden": [20_000, 20_000]}
    device.use(monkeypatch)
    without = [peak(), peak(**DROPOUT), peak(**large)]
    serve_as_cuda(monkeypatch, lambda: device.backend()._replace(replay=lambda step: step))
    assert without[0] < peak() < 1.1 * without[0]
    assert without[1:] == [peak(**DROPOUT), peak(**large)]


def test_checking_takes_no_more_for_more_examples(measured):
    """Labels are looked at, weights scaled and means taken in blocks."""
    peaks = []
    for m in (5_000_000, 7_000_000):  # so many that labels stay codes
        X = np.random.default_rng(0).standard_normal((2, m), dtype="float32")
        how = {"standardize": True, "sample_weight": np.ones(m, "float32")}
        peak, plan = measured(X, X[0] > 0, hidden=[], threads=1, **how)
        assert peak <= plan.host_peak_bytes
        peaks.append(peak - m - 4 * m)  # a code and a weight each
    assert peaks[1] < 1.2 * peaks[0]
