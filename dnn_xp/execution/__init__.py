"""Execution: blocks, threads, placement, memory, and the objective summed over blocks.

May import data, backends, formulas and common; knows nothing of trainings or models.
"""
