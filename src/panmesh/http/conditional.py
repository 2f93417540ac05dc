"""Conditions on what a client has already (RFC 9110, section 13)."""

from __future__ import annotations


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has this form already: a list of tags, weak ones too, or `*`."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
