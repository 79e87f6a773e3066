"""What a search asks of an object's terms: plain values, that the store turns into SQL.

An object is a set of terms, as `terms` writes them: `f<field>`, `s<field>=<text>`, `n<field>=<number>`,
`d<field>=<date>` and, at their places, the words of all its texts, `w<word>`. So one inverted index answers
every question.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Term(msgspec.Struct, frozen=True):
    """One of these terms is there; `is_prefix`: one that begins so."""

    text: str
    is_prefix: bool = False


class Phrase(msgspec.Struct, frozen=True):
    """These word terms follow each other in one text."""

    terms: tuple[str, ...]


class Like(msgspec.Struct, frozen=True):
    """A term that begins with `prefix` is there and matches a LIKE pattern (escape character: backslash)."""

    prefix: str
    pattern: str


class Between(msgspec.Struct, frozen=True):
    """A term that begins with `prefix` lies between two, by their code points."""

    prefix: str
    low: str
    high: str
    includes_low: bool = True
    includes_high: bool = True


class InLabel(msgspec.Struct, frozen=True):
    """The part holds for the object, or for the label of a dataset that it is in."""

    part: Term | Phrase | Like


class AllOf(msgspec.Struct, frozen=True):
    """Every part holds; with no parts everything matches."""

    parts: tuple[Predicate, ...] = ()


class AnyOf(msgspec.Struct, frozen=True):
    """Some part holds; with no parts nothing matches."""

    parts: tuple[Predicate, ...] = ()


class Not(msgspec.Struct, frozen=True):
    part: Predicate


Predicate: TypeAlias = Term | Phrase | Like | Between | InLabel | AllOf | AnyOf | Not

EVERYTHING = AllOf()


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A query that parses; `fields` are the attributes it names, each with its first position in the text."""

    predicate: Predicate = EVERYTHING
    fields: tuple[tuple[str, int], ...] = ()
