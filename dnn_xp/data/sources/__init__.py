"""Sources: examples as columns, a block at a time, from memory or from a dataset.

May import data.host, data.columns, data.encoding, the memory of backends, formulas.types and common.
"""
