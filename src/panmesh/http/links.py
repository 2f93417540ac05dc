"""Addresses that lead here from elsewhere: from mails, feeds, webhooks."""

from __future__ import annotations

from panmesh.http.encoded_slashes import segment


def absolute(public_url: str | None, base: str, *parts: str) -> str:
    """`public_url`: of the settings; else `base`, the address that was asked."""
    root = (public_url or base.removesuffix("/api/v1/")).rstrip("/")
    return "/".join([root, *map(segment, parts)])
