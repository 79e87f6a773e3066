"""What names a dataset or a data object: the key that it was put under, mostly a URN."""

from __future__ import annotations

import re

from contracts.errors import ErrorKey, Problem

_ID = re.compile(r"[\x21-\x7e]{1,200}")  # what a key may be
_URN = re.compile(r"urn:[a-z0-9][a-z0-9-]{0,31}:.+", re.IGNORECASE)  # RFC 8141's first two colons


def problem(id_: str, path: str | None = None) -> Problem | None:
    """Say what is wrong with an id: what can be put can be named, and the other way round."""
    if not _ID.fullmatch(id_):
        message = f"{id_[:100]!r} is no id: 1 to 200 printable ASCII characters without blanks"
    elif id_.lower().startswith("urn:") and not _URN.fullmatch(id_):
        message = f"{id_[:100]!r} is no URN: urn:<namespace>:<name>"
    else:
        return None
    return Problem(code=ErrorKey.MALFORMED, message=message, path=path)
