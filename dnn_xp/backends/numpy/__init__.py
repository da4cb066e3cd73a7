"""NumPy: matrix products, layers, and the record of the CPU.

May import dnn_xp.backends.record, formulas and common.
"""
