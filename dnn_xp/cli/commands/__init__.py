"""The commands: train, predict, export, demo, info and devices.

May import everything but another way in.
"""
