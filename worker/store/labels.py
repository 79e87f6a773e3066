"""The labels of datasets, as far as searches ask for them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import text

from worker.domain.search.predicates import Like
from worker.store import tsqueries
from worker.store.cutoff import CutOffError, Limited
from worker.store.tsqueries import LabelPart, Labels, Query

_MOST_FOUND = 100_000  # pairs of a part and a dataset: some 10 MB

_FIND = text("""
WITH label AS MATERIALIZED (
    SELECT id, CAST(document->>'terms' AS tsvector) AS terms
    FROM reference
    WHERE channel = :channel AND kind = 'dataset'
      AND (document->'groups' IS NULL OR document->'groups' ?| CAST(:groups AS text[])))
SELECT asked.place, label.id
FROM unnest(CAST(CAST(:queries AS text[]) AS tsquery[]), CAST(:patterns AS text[])) WITH ORDINALITY
         AS asked (query, pattern, place)
JOIN label ON label.terms @@ asked.query AND (asked.pattern IS NULL OR EXISTS (
    SELECT FROM unnest(tsvector_to_array(label.terms)) AS term WHERE term COLLATE "C" LIKE asked.pattern))
ORDER BY label.id
LIMIT :limit
""")


def holding(
    statements: Limited, channel: str, parts: Collection[LabelPart], groups: Collection[str]
) -> Labels:
    """Find the datasets whose labels hold what is asked for, with one statement for all parts.

    Only of those that the groups may order of: nobody can try out the words of other labels.
    """
    asked = [(part, query) for part in dict.fromkeys(parts) if (query := _query(part)) is not None]
    if not asked:
        return {}
    values = {
        "channel": channel,
        "groups": list(groups),
        "queries": [query for _, query in asked],
        "patterns": [part.pattern if isinstance(part, Like) else None for part, _ in asked],
        "limit": _MOST_FOUND + 1,
    }
    rows = statements.run(_FIND, values).all()
    if len(rows) > _MOST_FOUND:
        raise CutOffError
    found: dict[LabelPart, list[str]] = {}
    for row in rows:
        found.setdefault(asked[row.place - 1][0], []).append(row.id)
    return {part: tuple(ids) for part, ids in found.items()}


def _query(part: LabelPart) -> str | None:
    """Give what a part implies as a tsquery; None for one that no label can hold."""
    node = tsqueries.narrowed(tsqueries.folded(part, {}))
    return node.text if isinstance(node, Query) else None
