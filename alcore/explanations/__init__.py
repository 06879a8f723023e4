"""Owns why a model answers as it does: a process that loads models, and answers about one image.

It knows no rights: whoever asks it has looked at them.
"""
