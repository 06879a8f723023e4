"""Owns the loop of a project: when it trains, what it asks next, which answer counts, its files.

A request and a job ask the same rules here; nothing in here takes long.
"""
