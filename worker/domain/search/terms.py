"""What an object is found by: terms, written as the literal of a tsvector that no text parser has touched.

    f<field>            the field has a value
    s<field>=<text>     a text, whole and in lower case; `true` or `false` for a boolean
    n<field>=<16 hex>   a number, as a double whose digits sort as the numbers do
    d<field>=<16 hex>   a date or instant, likewise: microseconds from 1970 on, plus 2**63
    w<word>             a word of any text, at its places

Whoever puts and whoever asks writes terms with the functions here, so that both mean the same: case is folded
by `lowered` and never by the database. Objects are flattened (`a.b`), a list is several values of one field.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

BUILT_IN_FIELDS = frozenset({"providerId", "tags", "createdAt"})
MAX_TERM_BYTES = 1900  # PostgreSQL takes lexemes of up to 2,046
_LAST_PLACE = 16_383  # what a tsvector can count up to
_MAX_PLACES = 256  # and how many places of one lexeme it keeps
_BETWEEN_TEXTS = 2  # so that no phrase goes from one text into the next
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIGN = 1 << 63
_ALL_BITS = (1 << 64) - 1
_WORD = re.compile(r"\w+")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[-+]\d\d(:?\d\d)?)?)?", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """`literal` is for a tsvector; `fields` are the attributes that have a value, without built-in ones."""

    literal: str
    fields: tuple[str, ...]


def of_object(
    provider_id: str, datasets: Sequence[str], created_at: datetime, attributes: Mapping[str, Any]
) -> Terms:
    """Write the terms of an object whose attributes are as `attributes.mistakes_of` wants them."""
    lexemes = _Lexemes()
    lexemes.add_text("providerId", provider_id)
    lexemes.add_words(provider_id)
    for dataset in datasets:
        lexemes.add_text("tags", dataset)
    lexemes.add(has_term("createdAt"), instant_term("createdAt", instant_key(created_at)))
    fields = set()
    for field, value in _values("", attributes):
        fields.add(field)
        if isinstance(value, str):
            lexemes.add_text(field, value)
            lexemes.add_words(value)
            if (instant := instant_of(value)) is not None:
                lexemes.add(instant_term(field, instant_key(instant)))
        elif isinstance(value, bool):
            lexemes.add_text(field, str(value))
        else:
            lexemes.add(has_term(field), number_term(field, number_key(float(value))))
    return Terms(literal=lexemes.literal(), fields=tuple(sorted(fields - BUILT_IN_FIELDS)))


def of_label(label: str) -> str:
    """Write the words of a dataset's label, as a literal of their own."""
    lexemes = _Lexemes()
    lexemes.add_words(label)
    return lexemes.literal()


def lowered(text: str) -> str:
    """Fold the case, each character for itself: `str.lower` alone has a sigma of its own for a word's end.

    Composed: an accent is the same whether it is part of its letter or behind it.
    """
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    return folded.replace("\N{GREEK SMALL LETTER FINAL SIGMA}", "\N{GREEK SMALL LETTER SIGMA}")


def has_term(field: str) -> str:
    return f"f{field}"


def text_term(field: str, text: str) -> str:
    """Write a whole text; a term that does not fit (`does_fit`) no object has."""
    return f"s{field}={lowered(text)}"


def does_fit(term: str) -> bool:
    return len(term) * 4 <= MAX_TERM_BYTES or len(term.encode()) <= MAX_TERM_BYTES


def number_prefix(field: str) -> str:
    return f"n{field}="


def number_term(field: str, key: int) -> str:
    return f"{number_prefix(field)}{key:016x}"


def instant_prefix(field: str) -> str:
    return f"d{field}="


def instant_term(field: str, key: int) -> str:
    return f"{instant_prefix(field)}{key:016x}"


def word_term(word: str) -> str:
    """Write a word of `words_of`; of an enormous one only its beginning, wherever it stands."""
    term = f"w{word}"
    if does_fit(term):
        return term
    return term.encode()[:MAX_TERM_BYTES].decode(errors="ignore")


def words_of(text: str) -> list[str]:
    return _WORD.findall(lowered(text))


def number_of(text: str) -> float | None:
    """Read a number as JSON and its readers write it; None when it is none, infinite beyond all doubles."""
    return float(text) if _NUMBER.fullmatch(text) else None


def number_key(number: float) -> int:
    """Give 64 bits that sort, unsigned, as the doubles do; both zeros are one."""
    bits: int = struct.unpack(">Q", struct.pack(">d", number + 0.0))[0]  # -0.0 + 0.0 is 0.0
    return bits ^ _ALL_BITS if bits & _SIGN else bits | _SIGN


def instant_of(text: str) -> datetime | None:
    """Read an ISO 8601 date (its midnight) or instant, in UTC without an offset; None when it is none.

    Of any year: `contracts.instants` begins with 1970, observations do not.
    """
    if not _INSTANT.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def instant_key(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND + _SIGN


def _values(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Give every value under the name of its field; a null is none."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _values(f"{path}.{name}" if path else name, item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _values(path, item)
    elif value is not None:
        yield path, value


class _Lexemes:
    """Terms with their places, on the way to a literal."""

    def __init__(self) -> None:
        self._places: dict[str, list[int]] = {}
        self._next = 1

    def add(self, *terms: str) -> None:
        for term in terms:
            self._places.setdefault(term, [])

    def add_text(self, field: str, text: str) -> None:
        """Add a whole text; an enormous one is found by its words only."""
        self.add(has_term(field))
        term = text_term(field, text)
        if does_fit(term):
            self.add(term)

    def add_words(self, text: str) -> None:
        """Add words; those that a tsvector cannot place are found, but not in a phrase."""
        for word in words_of(text):
            places = self._places.setdefault(word_term(word), [])
            if self._next <= _LAST_PLACE and len(places) < _MAX_PLACES:
                places.append(self._next)
            self._next += 1
        self._next += _BETWEEN_TEXTS

    def literal(self) -> str:
        return " ".join(_written(term, self._places[term]) for term in sorted(self._places))


def _written(term: str, places: list[int]) -> str:
    quoted = "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"
    return f"{quoted}:{','.join(map(str, places))}" if places else quoted
