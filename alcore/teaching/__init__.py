"""Owns the process that learns from pictures while they are taken, and says what a camera sees."""
