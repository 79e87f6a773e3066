"""How a query is refused on the way: with a sentence, and the place that it is about."""

from __future__ import annotations

_SHOWN_CHARACTERS = 50


class QueryError(Exception):
    """`position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


def shown(text: str) -> str:
    """Give what can be repeated of a caller's text."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…")
