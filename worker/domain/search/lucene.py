"""Lucene's query syntax, parsed by luqum: what a caller asks, as a predicate over the terms of objects.

All terms must match unless OR says otherwise; NOT binds closer than AND, AND closer than OR, and OR closer
than two terms side by side. What we do not take is refused with its place, and never searched for as a text.
No text makes this raise, and none costs more than its length: `tokens` bounds all before it is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from luqum import parser, tree
from luqum.exceptions import ParseSyntaxError

from worker.domain.search import leaves, terms, tokens
from worker.domain.search.predicates import (
    EVERYTHING,
    AllOf,
    AnyOf,
    InLabel,
    Not,
    Phrase,
    Predicate,
    Query,
    Term,
)
from worker.domain.search.refusals import QueryError, shown

MAX_CHARACTERS = 65_536
MAX_TERMS = 10_000  # a range is made of up to 450
_MAX_BYTES = 500_000  # of these; the texts of one tsquery have 1,048,575 at most
_ALWAYS_KNOWN = terms.BUILT_IN_FIELDS | {"last"}
_MAX_NAME_CHARACTERS = 100
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_PLACE = re.compile(r"at position (\d+)!\Z")


class Invalid(msgspec.Struct, frozen=True, kw_only=True):
    """Why a query is refused; `position` counts the characters of the text with that index from 0."""

    message: str
    position: int
    text: int = 0


def parse(texts: Sequence[str]) -> Query | Invalid:
    """Read a query of several texts, all of which must match; blank ones ask for nothing."""
    reading = _Reading()
    parts = []
    for index, text in enumerate(texts):
        try:
            parts.append(reading.read(text))
        except QueryError as error:
            return Invalid(message=error.message, position=error.position, text=index)
    named = sorted(reading.fields.items(), key=lambda field: field[1])
    return Query(predicate=_all_of(parts), fields=tuple(named))


def _all_of(parts: list[Predicate]) -> Predicate:
    asked = [part for part in parts if part != EVERYTHING]
    return asked[0] if len(asked) == 1 else AllOf(tuple(asked))


class _Reading:
    """The texts of one query, and what they have cost so far."""

    def __init__(self) -> None:
        self.fields: dict[str, int] = {}
        self._text = ""
        self._budget = tokens.Budget()
        self._characters = 0
        self._terms = 0
        self._bytes = 0

    def read(self, text: str) -> Predicate:
        self._text = text
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            raise QueryError(f"a query has at most {MAX_CHARACTERS} characters", 0)
        if unstorable := _UNSTORABLE.search(text):
            raise QueryError("no text holds NUL or half a surrogate pair", unstorable.start())
        if not text.strip():
            return EVERYTHING
        return self._of(_tree(text, self._budget), "")

    def _of(self, node: Any, field: str) -> Predicate:
        """Read a node; `field` is the one in whose group it is, if any."""
        match node:
            case tree.BaseGroup():
                return self._of(node.expr, field)
            case tree.AndOperation() | tree.UnknownOperation():
                return AllOf(tuple(self._of(operand, field) for operand in node.operands))
            case tree.OrOperation():
                return AnyOf(tuple(self._of(operand, field) for operand in node.operands))
            case tree.Not():
                self._refuse_negative_number(node, field)
                return Not(self._of(node.a, field))
            case tree.SearchField():
                return self._of_field(node, field)
        found = self._leaf(node, field)
        self._spend(found, node.pos)
        return found

    def _of_field(self, node: Any, outer: str) -> Predicate:
        name = leaves.read_word(node.name, node.pos)
        if name.is_star and isinstance(node.expr, tree.Word) and node.expr.value == "*":
            return EVERYTHING
        if outer:
            raise QueryError(f"a field within the group of the field {shown(outer)}", node.pos)
        if len(name.text) > _MAX_NAME_CHARACTERS or name.wildcards or not _NAME.fullmatch(name.text):
            raise QueryError(f"{shown(name.text)} is not the name of a field", node.pos)
        if name.text not in _ALWAYS_KNOWN:
            self.fields.setdefault(name.text, node.pos)
        return self._of(node.expr, name.text)

    def _leaf(self, node: Any, field: str) -> Predicate:
        match node:
            case tree.Word() | tree.Phrase():
                asked = _text(node)
                if asked.is_star and not field:
                    return EVERYTHING
                return leaves.value(field, asked) if field else leaves.words(asked)
            case tree.Range() | tree.From() | tree.To() if not field:
                raise QueryError("a range needs its field before it, as in field:[1 TO 5]", node.pos)
            case tree.Range():
                return leaves.within(
                    field,
                    leaves.Range(
                        low=_text(node.low),
                        high=_text(node.high),
                        includes_low=node.include_low,
                        includes_high=node.include_high,
                    ),
                )
            case tree.From():
                low = leaves.Range(low=_text(node.a), high=_open_end(node), includes_low=node.include)
                return leaves.within(field, low)
            case tree.To():
                high = leaves.Range(low=_open_end(node), high=_text(node.a), includes_high=node.include)
                return leaves.within(field, high)
        raise QueryError("this construct is not taken", node.pos or 0)

    def _refuse_negative_number(self, node: Any, field: str) -> None:
        """Refuse what may mean a negative number, or anything but the positive one."""
        is_minus = self._text[node.pos] == "-"
        if field and is_minus and isinstance(node.a, tree.Word) and terms.number_of(node.a.value) is not None:
            sentence = f'write "-{node.a.value}" in quotes for the number, NOT {node.a.value} for all others'
            raise QueryError(sentence[:200], node.pos)

    def _spend(self, leaf: Predicate, position: int) -> None:
        part = leaf.part if isinstance(leaf, InLabel) else leaf
        match part:
            case AnyOf(parts=several):
                self._terms += len(several)
                self._bytes += sum(len(one.text.encode()) for one in several if isinstance(one, Term))
            case Phrase(terms=several):
                self._terms += len(several)
            case _:
                self._terms += 1
        if self._terms > MAX_TERMS or self._bytes > _MAX_BYTES:
            raise QueryError("the query asks for too many words and ranges at once", position)


def _tree(text: str, budget: tokens.Budget) -> Any:
    supply = iter(tokens.read(text, budget))
    try:
        return parser.parser.parse(tokenfunc=lambda: next(supply, None))
    except ParseSyntaxError as error:
        place = _PLACE.search(str(error))
        if place is None:
            sentence = "something is missing at the end, such as a term or a closing parenthesis"
            raise QueryError(sentence, len(text)) from None
        position = int(place[1])
        raise QueryError(
            f"{shown(text[position:].split(maxsplit=1)[0])} has no place here", position
        ) from None


def _text(node: Any) -> leaves.Text:
    if isinstance(node, tree.Phrase):
        return leaves.read_phrase(node.value, node.pos)
    return leaves.read_word(node.value, node.pos)


def _open_end(node: Any) -> leaves.Text:
    return leaves.Text(text="*", wildcards=(0,), position=node.pos)
