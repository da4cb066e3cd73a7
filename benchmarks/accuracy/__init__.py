"""Errors of ours and of other tabular methods on sets that come with packages.

`python -m benchmarks accuracy` measures what is missing, `--report` writes docs/accuracy.md's tables.
May import dnn_xp, `benchmarks.machine` and `benchmarks.results`.
"""
