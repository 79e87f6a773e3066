"""What names a dataset or a data object: the key that it was put under, mostly a URN."""

from __future__ import annotations

import re

from contracts.errors import ErrorKey, Problem

_ID = re.compile(r"[\x21-\x7e]{1,200}")  # what a key may be


def problem(id_: str, path: str | None = None) -> Problem | None:
    """Say what is wrong with an id: what can be put can be named, and nothing else."""
    if _ID.fullmatch(id_):
        return None
    message = f"{id_[:100]!r} is no id: 1 to 200 printable ASCII characters without blanks"
    return Problem(code=ErrorKey.MALFORMED, message=message, path=path)
