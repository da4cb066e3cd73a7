"""Execution: blocks, threads, placement, memory, and the objective summed over blocks.

May import data, backends, formulas and common, and no model or training.
"""
