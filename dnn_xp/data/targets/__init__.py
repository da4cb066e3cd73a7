"""Targets: what Y means, and sample weights.

May import the rest of data, formulas and common.
"""
