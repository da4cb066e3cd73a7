"""Errors of ours and of other tabular methods on sets that come with packages.

`python -m benchmarks accuracy` measures what is missing, `--report` writes docs/accuracy.md's tables.
May import dnn_xp and the rest of benchmarks/; nothing of these imports it.
"""
