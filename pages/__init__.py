"""Owns the pages: widgets only; each asks the service of its name."""
