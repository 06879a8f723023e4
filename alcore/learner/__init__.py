"""Owns everything that knows torch: networks, augmentation, training, inference, checkpoints.

Only jobs, the command line and benchmarks may import from here: importing torch takes a second
and 200 MB. This module itself imports nothing.
"""
