"""Owns the web server's own part: HTTP routes, tickets, and the assets of the labeling board."""

from pathlib import Path

ASSETS = Path(__file__).parent
"""Folder of the board's scripts and styles."""
