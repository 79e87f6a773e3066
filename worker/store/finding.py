"""What a search knows while it lasts: its statements, its channel, and the labels that it asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import structs
from sqlalchemy import and_, false, or_

from worker.domain.search.predicates import AllOf, AnyOf, Between, InLabel, Like, Not, Predicate
from worker.domain.search.questions import Criteria
from worker.store import labels, matching
from worker.store.cutoff import CutOffError, Limited
from worker.store.data_tables import data_object
from worker.store.matching import Condition

# Every term that is asked for by its beginning may take work_mem of its own: no more than this together.
_MEMORY_KB = 64 * 1024
_MOST_OF_ONE_KB, _LEAST_OF_ONE_KB = 8 * 1024, 64

# Each takes up to five bound values, and a statement has 65,535 at most; 5,000 take a second to be written.
_MOST_LOOKED_INTO = 5000

# A null is what no document has: the default of `groups` is left out.
_MAY_BE_ORDERED_OF = """(reference.kind = 'dataset' AND (reference.document->'groups' IS NULL
    OR reference.document->'groups' ?| CAST(:groups AS text[])))"""


class Search:
    """Answers to criteria about the orderable objects of a channel."""

    def __init__(
        self, statements: Limited, channel: str, criteria: Iterable[Criteria], groups: Collection[str]
    ) -> None:
        """Prepare; raises CutOffError when all criteria together could not be one statement."""
        predicates = [one.predicate for one in criteria]
        if sum(map(_looked_into, predicates)) > _MOST_LOOKED_INTO:
            raise CutOffError
        parts = [part for predicate in predicates for part in matching.label_parts(predicate)]
        self.statements = statements
        self.channel = channel
        self._labels = labels.holding(statements, channel, parts, groups)
        prefixes = sum(matching.prefixes(predicate, self._labels) for predicate in predicates)
        memory = min(_MOST_OF_ONE_KB, max(_LEAST_OF_ONE_KB, _MEMORY_KB // (prefixes + 1)))
        statements.set({"work_mem": f"{memory}kB"})

    def finds(self, criteria: Iterable[Criteria]) -> Condition:
        """Say that an object is of the channel, has an orderable file and meets some of the criteria."""
        return and_(
            data_object.c.channel == self.channel,
            data_object.c.files_count > 0,
            or_(false(), *(matching.meets(one, self._labels) for one in _fewest(criteria))),
        )


def within(criteria: Iterable[Criteria], dataset_id: str) -> frozenset[Criteria]:
    """Leave only criteria that may hold in a dataset: others name another one."""
    return frozenset(one for one in criteria if one.dataset_id in ("", dataset_id))


def _fewest(criteria: Iterable[Criteria]) -> Iterable[Criteria]:
    """Leave only the latest of criteria that differ by their instant alone: it finds what the others find."""
    latest: dict[Criteria, Criteria] = {}
    for one in criteria:
        timeless = structs.replace(one, before=None)
        other = latest.setdefault(timeless, one)
        if one.before is None or (other.before is not None and one.before > other.before):
            latest[timeless] = one
    return latest.values()


def _looked_into(predicate: Predicate) -> int:
    """Count the parts for which the terms of objects are looked at one by one."""
    match predicate:
        case Like() | Between():
            return 1
        case InLabel(inner) | Not(inner):
            return _looked_into(inner)
        case AllOf(parts) | AnyOf(parts):
            return sum(map(_looked_into, parts))
    return 0


def may_be_ordered_of(groups: Iterable[str]) -> Condition:
    """Say that the groups may order of the dataset that a row of `reference` is."""
    return matching.bound(_MAY_BE_ORDERED_OF, groups=list(groups))
