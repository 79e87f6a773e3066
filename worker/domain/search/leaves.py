"""What one leaf of a query asks of an object's terms: a value, words, a pattern, a range."""

from __future__ import annotations

import re

import msgspec

from worker.domain.search import covers, terms
from worker.domain.search.predicates import AnyOf, Between, InLabel, Like, Phrase, Predicate, Term
from worker.domain.search.refusals import QueryError

MAX_PATTERN_CHARACTERS = 200
NOTHING = AnyOf()
_MEANINGS = re.compile(r"\\(.)|([*?])", re.DOTALL)  # an escaped character, or a wildcard
_LIKE = re.compile(r"[\\%_]")


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A text of a query without its escapes; `wildcards` are the places of those in it."""

    text: str
    wildcards: tuple[int, ...] = ()
    position: int

    @property
    def is_star(self) -> bool:
        return self.text == "*" and bool(self.wildcards)


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """From `low` to `high`; a star is an open end."""

    low: Text
    high: Text
    includes_low: bool = True
    includes_high: bool = True


def read_word(written: str, position: int) -> Text:
    """Read an unquoted text."""
    characters: list[str] = []
    wildcards: list[int] = []
    end = 0
    for found in _MEANINGS.finditer(written):
        characters.extend(written[end : found.start()])
        if found[2]:
            wildcards.append(len(characters))
        characters.append(found[1] or found[2])
        end = found.end()
    characters.extend(written[end:])
    return Text(text="".join(characters), wildcards=tuple(wildcards), position=position)


def read_phrase(written: str, position: int) -> Text:
    """Read a text in its quotes; wildcards mean themselves there."""
    return Text(text=re.sub(r"\\(.)", r"\1", written[1:-1], flags=re.DOTALL), position=position)


def value(field: str, asked: Text) -> Predicate:
    """Ask for a whole value: a text, and the number or the date that it writes."""
    if asked.is_star:
        return Term(terms.has_term(field))
    if asked.wildcards:
        return _pattern(terms.text_term(field, ""), asked)
    term = terms.text_term(field, asked.text)
    if not terms.does_fit(term):
        raise QueryError("values as long as this are found by their words only", asked.position)
    parts = [Term(term)]
    if (number := terms.number_of(asked.text)) is not None:
        parts.append(Term(terms.number_term(field, terms.number_key(number))))
    if (instant := terms.instant_of(asked.text)) is not None:
        parts.append(Term(terms.instant_term(field, terms.instant_key(instant))))
    return AnyOf(tuple(parts)) if len(parts) > 1 else parts[0]


def words(asked: Text) -> Predicate:
    """Ask for words, one after the other, of any text or of a dataset's label."""
    if asked.wildcards:
        return InLabel(_pattern(terms.word_term(""), asked, is_word=True))
    found = tuple(terms.word_term(word) for word in terms.words_of(asked.text))
    if not found:
        raise QueryError("there is no word in this: letters, digits and _ make words", asked.position)
    return InLabel(Phrase(found) if len(found) > 1 else Term(found[0]))


def within(field: str, asked: Range) -> Predicate:
    """Ask for a value in a range: of numbers or of dates when both ends are such, else of texts."""
    low, high = asked.low, asked.high
    for end in (low, high):
        if end.wildcards and not end.is_star:
            raise QueryError("a range has no wildcard but * alone, for an open end", end.position)
    if low.is_star and high.is_star:
        return Term(terms.has_term(field))
    for prefix, key_of in ((terms.number_prefix, _number_key), (terms.instant_prefix, _instant_key)):
        first = covers.LOWEST if low.is_star else key_of(low.text)
        last = covers.HIGHEST if high.is_star else key_of(high.text)
        if first is not None and last is not None:
            first += not (asked.includes_low or low.is_star)
            last -= not (asked.includes_high or high.is_star)
            beginnings = covers.cover(first, last)
            return AnyOf(tuple(_digits(prefix(field), digits) for digits in beginnings))
    return _between(field, asked)


def _number_key(text: str) -> int | None:
    number = terms.number_of(text)
    return None if number is None else terms.number_key(number)


def _instant_key(text: str) -> int | None:
    instant = terms.instant_of(text)
    return None if instant is None else terms.instant_key(instant)


def _digits(prefix: str, digits: str) -> Term:
    return Term(prefix + digits, is_prefix=len(digits) < covers.DIGITS)


def _between(field: str, asked: Range) -> Predicate:
    prefix = terms.text_term(field, "")
    # An open end stops where the terms of the field do: ">" comes after the "=" that they have.
    low = prefix if asked.low.is_star else terms.text_term(field, asked.low.text)
    high = f"{prefix[:-1]}>" if asked.high.is_star else terms.text_term(field, asked.high.text)
    includes_low = asked.includes_low or asked.low.is_star
    includes_high = asked.includes_high and not asked.high.is_star
    if low > high or (low == high and not (includes_low and includes_high)):
        return NOTHING
    shared = prefix if asked.high.is_star else _common(low, high)
    return Between(shared, low, high, includes_low, includes_high)


def _common(one: str, other: str) -> str:
    """Give the beginning that both have."""
    pairs = zip(one, other, strict=False)
    length = next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
    return one[:length]


def _pattern(prefix: str, asked: Text, *, is_word: bool = False) -> Term | Like:
    """Ask for a term that begins with the prefix and goes on as the wildcards say."""
    first = asked.wildcards[0]
    if len(asked.text) > MAX_PATTERN_CHARACTERS:
        sentence = f"a text with wildcards has at most {MAX_PATTERN_CHARACTERS} characters"
        raise QueryError(sentence, asked.position)
    if first == 0:
        raise QueryError("a text must not begin with a wildcard", asked.position)
    wild = set(asked.wildcards)
    literal = terms.lowered("".join(c for place, c in enumerate(asked.text) if place not in wild))
    if is_word and terms.words_of(literal) != [literal]:
        sentence = "without a field, wildcards are for one word, of letters, digits and _"
        raise QueryError(sentence, asked.position)
    beginning = prefix + terms.lowered(asked.text[:first])
    if asked.text[first:] == "*" * len(asked.wildcards):
        return Term(beginning, is_prefix=True)
    rest = "".join(_as_like(c, is_wild=place in wild) for place, c in enumerate(asked.text))
    return Like(beginning, _LIKE.sub(r"\\\g<0>", prefix) + rest)


def _as_like(character: str, *, is_wild: bool) -> str:
    if is_wild:
        return "%" if character == "*" else "_"
    return _LIKE.sub(r"\\\g<0>", terms.lowered(character))
