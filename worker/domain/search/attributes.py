"""What the attributes of a data object may be, so that a query can name every one of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from worker.domain.search import terms

MAX_VALUES = 500
MAX_DEPTH = 5
MAX_NAME_CHARACTERS = 100
_MAX_BYTES = 900_000  # a tsvector holds 1,048,575; the provider id and the datasets come on top
_MAX_DECIMALS = 1100  # as many as a double has; PostgreSQL keeps 16,383
_MAX_MISTAKES = 20
_SHOWN_CHARACTERS = 50
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def mistakes_of(attributes: Any, path: str = "$.attributes") -> list[tuple[str, str]]:
    """Say what is wrong, at most twenty things, each with its JSONPath; nothing when all can be searched."""
    if not isinstance(attributes, Mapping):
        return [(path, "attributes are an object")]
    check = _Check()
    check.look_into(attributes, path, "", 0)
    if check.values > MAX_VALUES:
        check.note(path, f"attributes have at most {MAX_VALUES} values, not {check.values}")
    elif check.bytes > _MAX_BYTES:
        check.note(path, "the values, each with the whole name of its attribute, are too long to be searched")
    return check.mistakes


class _Check:
    def __init__(self) -> None:
        self.mistakes: list[tuple[str, str]] = []
        self.values = 0
        self.bytes = 0

    def note(self, path: str, sentence: str) -> None:
        if len(self.mistakes) < _MAX_MISTAKES:
            self.mistakes.append((path, sentence))

    def look_into(self, value: Any, path: str, field: str, depth: int) -> None:
        """Check a value in `depth` objects and lists."""
        if isinstance(value, (Mapping, list, tuple)):
            if depth == MAX_DEPTH:
                self.note(path, f"attributes are at most {MAX_DEPTH} objects and lists deep")
            elif isinstance(value, Mapping):
                self._look_into_object(value, path, field, depth + 1)
            else:
                for index, item in enumerate(value):
                    self.look_into(item, f"{path}[{index}]", field, depth + 1)
        elif value is not None:
            self._look_at(value, path, field)

    def _look_into_object(self, value: Mapping[str, Any], path: str, field: str, depth: int) -> None:
        for name, item in value.items():
            inner_path = f"{path}.{name[:_SHOWN_CHARACTERS]}"
            inner_field = f"{field}.{name}" if field else name
            if not _NAME.fullmatch(name):
                self.note(inner_path, "a name has letters, digits and _, and begins with no digit")
            elif len(inner_field) > MAX_NAME_CHARACTERS:
                self.note(
                    inner_path, f"a name, with those around it, has at most {MAX_NAME_CHARACTERS} characters"
                )
            else:
                self.look_into(item, inner_path, inner_field, depth)

    def _look_at(self, value: Any, path: str, field: str) -> None:
        self.values += 1
        self.bytes += _most_bytes(field, value)
        if isinstance(value, (int, float, Decimal)) and not _is_double(value):
            self.note(path, "a number lies between -1.7e308 and 1.7e308")
        elif isinstance(value, Decimal) and not _has_few_decimals(value):
            self.note(path, f"a number has at most {_MAX_DECIMALS:,} decimals")
        elif not isinstance(value, (str, int, float, Decimal)):
            self.note(path, "a value is a text, a number, true, false or null")


def _is_double(number: float | Decimal) -> bool:
    try:
        return math.isfinite(float(number))
    except (OverflowError, ValueError):  # a great int, a signalling NaN
        return False


def _has_few_decimals(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= _MAX_DECIMALS


def _most_bytes(field: str, value: Any) -> int:
    """Say what the terms of a value take at most, with their places."""
    # Three terms have the field in them. A text is there whole and in its words; these take 9 bytes for 4 at
    # most, but for the few that are shorter than three letters: word, padding, count of places, a place.
    text = len(terms.lowered(value).encode()) if isinstance(value, str) else 0
    return 3 * len(field.encode()) + 60 + text * 13 // 4
