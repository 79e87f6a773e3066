"""The base of everything that is stored in a document."""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Part of a stored document: defaults are left out, so that an absent field needs no migration."""
