"""Owns the processes that work, and their claims; not what they do."""
