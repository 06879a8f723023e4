"""Owns simulated experiments: grids, oracles, data, learners, chained rounds, statistics."""
