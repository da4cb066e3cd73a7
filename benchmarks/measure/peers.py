"""One exact full-batch gradient: ours and every peer, verified, then timed in the same rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import gemm, verify
from benchmarks.candidate import NotAvailable, Step
from benchmarks.interleave import Timing, interleave, ratio
from benchmarks.measure import Options, reason, say
from benchmarks.peers import OURS, load
from benchmarks.results import save
from benchmarks.shapes import Problem, gradient_flops, problem, scaled


def prepare(
    names: Sequence[str], data: Problem
) -> tuple[dict[str, Step], dict[str, float], dict[str, str]]:
    """Return the steps that are right, their errors, and why the others are left out."""
    expected = verify.reference(*data)
    steps: dict[str, Step] = {}
    errors: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for name in names:
        try:
            step = load(name)(*data)
            errors[name] = verify.check(step(), expected)
            steps[name] = step
        except NotAvailable as missing:
            left_out[name] = str(missing)
        # A peer that breaks here, such as torch.compile without a compiler, must not end the run.
        except Exception as error:
            left_out[name] = reason(error)
        if name in left_out:
            say(f"  {name}: left out, {left_out[name]}")
    return steps, errors, left_out


def summary(timings: dict[str, Timing], flops: int) -> dict[str, dict[str, Any]]:
    """Return median, best, the ratio to ours and the fraction of the GEMM peak by candidate.

    The ratio and the fraction are medians over the rounds, each of two figures of one round;
    `ratio_best` and `fraction_best` compare the fastest rounds of both.
    """
    product = timings[gemm.NAME]
    rows = {}
    for name, timing in timings.items():
        if name == gemm.NAME:
            continue
        share = flops / gemm.FLOPS  # of the work of one GEMM
        rows[name] = {
            "median": timing.median,
            "best": timing.best,
            "ratio": ratio(timing, timings[OURS]) if OURS in timings else None,
            "ratio_best": timing.best / timings[OURS].best if OURS in timings else None,
            "fraction": share * ratio(product, timing),
            "fraction_best": share * product.best / timing.best,
            "seconds": timing.seconds,
        }
    return rows


def measure(options: Options) -> None:
    """Measure every shape."""
    rows: list[dict[str, Any]] = []
    for shape in options.chosen_shapes():
        m = scaled(shape.m, options.scale)
        say(f"{shape.name}, m = {m:,}")
        data = problem(shape.sizes, m)
        steps, errors, left_out = prepare(options.chosen(), data)
        runs = {gemm.NAME: gemm.make(), **{name: step.work for name, step in steps.items()}}
        timings = interleave(runs, rounds=options.rounds or 15, seconds=options.seconds or 90)
        flops = gradient_flops(shape.sizes, m)
        candidates = summary(timings, flops)
        for name, figures in candidates.items():
            figures |= {"error": errors[name], "note": steps[name].note}
            times = f"{figures['median'] * 1e3:10.3f} ms {figures['fraction']:7.1%} of GEMM"
            ours = "" if figures["ratio"] is None else f"{figures['ratio']:8.2f} x ours"
            say(f"  {name:14s}{times}{ours}  {steps[name].note}")
        product = timings[gemm.NAME]
        rows.append(
            {
                "shape": shape.name,
                "sizes": shape.sizes,
                "m": m,
                "flops": flops,
                "rounds": len(product.seconds),
                "gemm": {
                    "gflops_median": gemm.FLOPS / product.median / 1e9,
                    "gflops_best": gemm.FLOPS / product.best / 1e9,
                },
                "candidates": candidates,
                "left_out": left_out,
            }
        )
        save("peers", rows, folder=options.folder, **options.conditions)
