"""Sources: examples as columns, a block at a time, from memory or from a dataset.

May import data.host, formulas.types and common.
"""
