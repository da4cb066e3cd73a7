"""CuPy: products by cublasLt, fused formulas, CUDA graphs and transfers.

May import dnn_xp.backends.record, formulas and common; CuPy is imported when CUDA is asked for.
"""
