"""One epoch of Adam on shuffled mini-batches: ours and every peer, in the same rounds.

At m = 1,000,000 without the DataLoader, which fetches example by example and would take the whole
time; at m = 100,000 with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import verify
from benchmarks.candidate import Epoch, NotAvailable, Work
from benchmarks.epochs import CANDIDATES, LOADER, load
from benchmarks.interleave import interleave, ratio
from benchmarks.measure import Options, reason, say
from benchmarks.peers import OURS
from benchmarks.results import save
from benchmarks.shapes import MINIBATCH_SIZES, Problem, problem, scaled

BATCH_SIZES = (256, 4096)
EXAMPLES = ((1_000_000, False), (100_000, True))
TOLERANCE = 0.05  # of what the epoch gained: the shuffles differ, the training must not


def prepare(
    names: Sequence[str], data: Problem, batch_size: int
) -> tuple[dict[str, Epoch], dict[str, float], dict[str, str]]:
    """Run the first epoch of each; return epochs, exact costs after it, and who is left out."""
    epochs: dict[str, Epoch] = {}
    costs: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for name in names:
        try:
            epoch = load(name)(*data, batch_size=batch_size, seed=0)
            epoch.run()
            costs[name] = verify.cost(epoch.parameters(), data.X, data.Y)
            epochs[name] = epoch
        except NotAvailable as missing:
            left_out[name] = str(missing)
        # A peer that breaks must not end the run.
        except Exception as error:
            left_out[name] = reason(error)
    gains = sorted(verify.cost(*data) - cost for cost in costs.values())
    usual = gains[len(gains) // 2] if gains else 0.0
    for name, cost in costs.items():
        gain = verify.cost(*data) - cost
        if not abs(gain - usual) <= TOLERANCE * abs(usual):
            left_out[name] = f"Mismatch: lowered the cost by {gain:.4f}, the others by {usual:.4f}"
            del epochs[name]
    for name, why in left_out.items():
        say(f"  {name}: left out, {why}")
    return epochs, costs, left_out


def _row(m: int, batch_size: int, names: list[str], options: Options) -> dict[str, Any]:
    """Measure one m and batch size."""
    say(f"{'-'.join(map(str, MINIBATCH_SIZES))}, m = {m:,}, batches of {batch_size}")
    data = problem(MINIBATCH_SIZES, m)
    epochs, costs, left_out = prepare(names, data, batch_size)
    runs = {name: Work(epoch.run) for name, epoch in epochs.items()}
    timings = interleave(runs, rounds=options.rounds or 5, seconds=options.seconds or 90)
    candidates = {}
    for name, timing in timings.items():
        over_ours = ratio(timing, timings[OURS]) if OURS in timings else None
        candidates[name] = {
            "median": timing.median,
            "best": timing.best,
            "ratio": over_ours,
            "cost": costs[name],
            "note": epochs[name].note,
            "seconds": timing.seconds,
        }
        ours = "" if over_ours is None else f"{over_ours:8.2f} x ours"
        say(f"  {name:18s}{timing.median:9.3f} s  cost {costs[name]:.4f}{ours}")
    return {
        "sizes": MINIBATCH_SIZES,
        "m": m,
        "batch_size": batch_size,
        "candidates": candidates,
        "left_out": left_out,
    }


def measure(options: Options) -> None:
    """Measure every number of examples and batch size."""
    rows = []
    for m, with_loader in EXAMPLES:
        names = [
            name for name in options.chosen(tuple(CANDIDATES)) if with_loader or name != LOADER
        ]
        examples = scaled(m, options.scale)
        for batch_size in (size for size in BATCH_SIZES if size <= examples):
            rows.append(_row(examples, batch_size, names, options))
            save("minibatch", rows, folder=options.folder, **options.conditions)
