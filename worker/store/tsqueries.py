"""Predicates over terms, written as PostgreSQL's tsqueries as far as these can say it.

Whatever a person wrote becomes a quoted lexeme. `folded` writes the largest possible parts of a predicate as
one query each, and leaves nothing that PostgreSQL would refuse; `narrowed` gives what queries can say of the
rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from worker.domain.search import terms
from worker.domain.search.predicates import AllOf, AnyOf, Between, InLabel, Like, Not, Phrase, Predicate, Term

# PostgreSQL's limits: bytes of a lexeme, bytes of all those of a query (1 MiB), places in a text.
_LONGEST_TERM = 2046
_LONGEST_QUERY = 900_000
_LONGEST_PHRASE = 16_383

_DATASETS_AS_TERMS = 200


class Query(msgspec.Struct, frozen=True):
    """The text of a tsquery, and how many terms it asks for by their beginning."""

    text: str
    prefixes: int = 0


class InDatasets(msgspec.Struct, frozen=True):
    """The object is in one of these datasets, too many to be named in a query."""

    ids: tuple[str, ...]


class Every(msgspec.Struct, frozen=True):
    """All nodes hold; with none everything matches."""

    nodes: tuple[Node, ...] = ()


class Some(msgspec.Struct, frozen=True):
    """A node holds; with none nothing matches."""

    nodes: tuple[Node, ...] = ()


class Never(msgspec.Struct, frozen=True):
    """The node does not hold."""

    node: Node


Node: TypeAlias = Query | Like | Between | InDatasets | Every | Some | Never
LabelPart: TypeAlias = Term | Phrase | Like
Labels: TypeAlias = Mapping[LabelPart, tuple[str, ...]]  # the datasets whose labels hold what is asked for

EVERYTHING, NOTHING = Every(), Some()


def folded(predicate: Predicate, labels: Labels) -> Node:
    """Write a predicate in as few nodes as possible; a constant is never a part of another node."""
    match predicate:
        case InLabel(part):
            return some([_leaf(part), _datasets(labels.get(part, ()))])
        case Not(inner):
            return _never(folded(inner, labels))
        case AllOf(parts):
            return every(folded(part, labels) for part in parts)
        case AnyOf(parts):
            return some(folded(part, labels) for part in parts)
    return _leaf(predicate)


def _leaf(asked: Term | Phrase | Like | Between) -> Node:
    match asked:
        case Term(word, is_prefix):
            return _term(word, is_prefix=is_prefix)
        case Phrase(words):
            return _phrase(words)
        case Like(prefix, pattern):
            return asked if _may_be_there(prefix) and "\0" not in pattern else NOTHING
        case Between(prefix, low, high):
            return asked if _may_be_there(prefix) and "\0" not in low + high else NOTHING


def narrowed(node: Node) -> Node:
    """Give what a node implies and queries can say."""
    match node:
        case Like(prefix):
            return _term(prefix, is_prefix=True)
        case Between(prefix, low, high):
            shared = _shared(low, high)
            return _term(shared if shared.startswith(prefix) else prefix, is_prefix=True)
        case Every(nodes):
            return every(map(narrowed, nodes))
        case Some(nodes):
            return some(map(narrowed, nodes))
        case Never() | InDatasets():
            return EVERYTHING
        case Query():
            return node


def _shared(one: str, other: str) -> str:
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return "".join(letter for letter, _ in pairs)


def prefixes(node: Node) -> int:
    """Count the terms that a node asks for by their beginning."""
    match node:
        case Query():
            return node.prefixes
        case Like() | Between():
            return 1
        case Never(inner):
            return prefixes(inner)
        case Every(nodes) | Some(nodes):
            return sum(map(prefixes, nodes))
        case InDatasets():
            return 0


def every(nodes: Iterable[Node]) -> Node:
    """Demand all nodes."""
    found: dict[Node, None] = {}  # in order, each once
    for node in nodes:
        if node == NOTHING:
            return NOTHING
        found.update(dict.fromkeys(node.nodes if isinstance(node, Every) else (node,)))
    fewest = tuple(_packed(found, " & "))
    return fewest[0] if len(fewest) == 1 else Every(fewest)


def some(nodes: Iterable[Node]) -> Node:
    """Demand one of the nodes."""
    found: dict[Node, None] = {}
    for node in nodes:
        if node == EVERYTHING:
            return EVERYTHING
        found.update(dict.fromkeys(node.nodes if isinstance(node, Some) else (node,)))
    fewest = tuple(_packed(found, " | "))
    return fewest[0] if len(fewest) == 1 else Some(fewest)


def in_datasets(ids: Iterable[str]) -> Node:
    """Say that an object is in one of these datasets, or in one whose id differs by case only."""
    return some(_term(terms.text_term("tags", id_)) for id_ in ids)


def _packed(nodes: Iterable[Node], operator: str) -> Iterator[Node]:
    """Join queries into as few as their length allows; the other nodes come after them."""
    others: list[Node] = []
    together: list[Query] = []
    length = 0
    for node in nodes:
        if not isinstance(node, Query):
            others.append(node)
            continue
        size = len(node.text.encode()) + len("( & )")
        if together and length + size > _LONGEST_QUERY:
            yield _joined(together, operator)
            together, length = [], 0
        together.append(node)
        length += size
    if together:
        yield _joined(together, operator)
    yield from others


def _joined(queries: list[Query], operator: str) -> Query:
    texts = _in_pairs([query.text for query in queries], operator)
    return Query(texts, sum(query.prefixes for query in queries))


def _in_pairs(texts: list[str], operator: str) -> str:
    """Join in pairs, and pairs of pairs: PostgreSQL goes one step deeper for each link of a plain chain."""
    while len(texts) > 1:
        pairs = [f"({left}{operator}{right})" for left, right in zip(texts[::2], texts[1::2], strict=False)]
        texts = pairs + texts[2 * len(pairs) :]
    return texts[0]


def _term(word: str, *, is_prefix: bool = False) -> Node:
    if not _may_be_there(word):
        return NOTHING
    return Query(_lexeme(word) + ":*", prefixes=1) if is_prefix else Query(_lexeme(word))


def _phrase(words: tuple[str, ...]) -> Node:
    if not 0 < len(words) <= _LONGEST_PHRASE or not all(map(_may_be_there, words)):
        return NOTHING
    return Query(_in_pairs([_lexeme(word) for word in words], " <-> "))


def _may_be_there(word: str) -> bool:
    """Whether some object may have the term at all: PostgreSQL keeps none that is longer."""
    return 0 < len(word.encode(errors="replace")) <= _LONGEST_TERM and "\0" not in word


def _lexeme(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _datasets(ids: tuple[str, ...]) -> Node:
    return in_datasets(ids) if len(ids) <= _DATASETS_AS_TERMS else InDatasets(ids)


def _never(node: Node) -> Node:
    match node:
        case Query(query, count):
            return Query(f"!({query})", count)
        case Never(inner):
            return inner
        case Every(()):
            return NOTHING
        case Some(()):
            return EVERYTHING
    return Never(node)
