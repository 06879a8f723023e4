"""Owns what each page, and the command line, may ask; transactions begin and end here."""
