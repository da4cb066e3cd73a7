"""Readers: what a path or a data frame holds, opened and read no sooner than needed.

May import data.host and common.
"""
