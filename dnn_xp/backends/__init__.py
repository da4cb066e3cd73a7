"""Backends: one record of plain functions and facts per array library.

The only place that imports CuPy, PyTorch, JAX or MKL, each when it is asked for. May import formulas
and common.
"""
