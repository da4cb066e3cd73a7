"""Inputs of the commands: tables, files of arrays and bundled data sets become examples.

May import dnn_xp.data, execution, backends and common.
"""
