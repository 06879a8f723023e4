"""Owns simulated experiments: designs, oracles, data, learners, chained rounds, statistics."""
