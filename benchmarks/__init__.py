"""How fast dnn_xp is, beside others, measured and reported: `python -m benchmarks --help`."""
