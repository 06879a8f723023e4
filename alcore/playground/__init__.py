"""Owns the Playground: the loop of active learning on points in a plane, one step at a time.

Everything here is a pure function of the settings and a round's number. What computes runs in a
process of its own (`python -m alcore.playground`); the settings are read in the web process too.
"""
