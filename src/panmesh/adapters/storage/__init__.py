"""Bytes on disk: where they lie, what they add up to, when they change."""
