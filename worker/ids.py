"""Ids that we give: random, URL-safe, as long as the seed's."""

from __future__ import annotations

import secrets

_BYTES = 18  # 24 characters in base 64


def new_id() -> str:
    return secrets.token_urlsafe(_BYTES)
