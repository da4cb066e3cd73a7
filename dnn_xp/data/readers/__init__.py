"""Readers: what a path or a data frame holds, opened and read no sooner than needed.

May import data.host, data.columns and common.
"""
