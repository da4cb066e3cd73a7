"""Checkpoints: a State on disk with what it belongs to, written beside the training and resumed from.

May import what training may.
"""
