"""Owns the way from image files to items: safe decoding, sources, pixel cache, ingestion."""
