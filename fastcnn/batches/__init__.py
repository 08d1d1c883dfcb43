"""Batches: of arrays, and of any other source."""
