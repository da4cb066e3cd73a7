"""The commands: train, predict, sweep, plan, export, info, devices, demo and bench.

May import everything but another way in.
"""
