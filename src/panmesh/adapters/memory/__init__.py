"""Twins of the stores in memory, for tests."""
