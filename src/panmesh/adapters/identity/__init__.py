"""Proving who somebody is."""
