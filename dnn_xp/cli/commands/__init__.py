"""The commands: train, predict, demo, info and devices.

May import everything but another way in.
"""
