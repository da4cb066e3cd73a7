"""Training: what was asked, what is decided, and the loops that update the parameters.

May import every room above it: model, execution, data, backends, formulas, common.
"""
