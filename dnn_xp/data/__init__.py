"""What comes in: checks of what users pass, and sources of examples made from it.

May import common, formulas and backends.
"""
