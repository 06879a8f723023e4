"""Owns the web server's own part: HTTP routes, tickets, and the assets of the labeling board."""
