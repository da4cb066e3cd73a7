"""Model: what comes out of a training, its history, its file and its summary.

May import execution, data, backends, formulas and common; nothing of training.
"""
