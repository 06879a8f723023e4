"""Owns what runs in the background. No request loads this: it asks, by a row or a process."""
