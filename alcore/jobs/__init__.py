"""Owns what runs in the background, and the processes it runs in."""
