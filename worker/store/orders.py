"""Orders and occurrences: what was placed, and what was decided about each due moment.

An occurrence has one row, or is inside one skipped range; the unique key is the proof that it is ordered
once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from worker.domain.ordering import Order
from worker.domain.recurrence import Skip
from worker.store.database import Transaction

Key = tuple[str, str]  # channel, order id
Skipped = tuple[str, str, Skip]  # channel, basket id, range

_NUMBERS = text("SELECT nextval('order_number') FROM generate_series(1, :count)")

_INSERT = text("""
INSERT INTO customer_order (channel, id, number, basket_id, owner, placed_at, document)
SELECT * FROM unnest(
    CAST(:channels AS text[]), CAST(:ids AS text[]), CAST(:numbers AS text[]), CAST(:basket_ids AS text[]),
    CAST(:owners AS text[]), CAST(:instants AS timestamptz[]), CAST(:documents AS jsonb[]))
""")

_INSERT_OCCURRENCES = text("""
INSERT INTO occurrence (channel, basket_id, generation, n, last_n, due_at, last_due_at, order_id, reason)
SELECT * FROM unnest(
    CAST(:channels AS text[]), CAST(:basket_ids AS text[]), CAST(:generations AS integer[]),
    CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[]), CAST(:due_ats AS timestamptz[]),
    CAST(:last_due_ats AS timestamptz[]), CAST(:order_ids AS text[]), CAST(:reasons AS text[]))
""")

_GET = text("""
SELECT document::text AS document
FROM unnest(CAST(:channels AS text[]), CAST(:ids AS text[])) AS asked (channel, id)
JOIN customer_order USING (channel, id)
""")

_PAGE = text("""
SELECT (document - 'document')::text AS document
FROM customer_order
WHERE channel = :channel AND basket_id = :basket_id
  AND (CAST(:owner AS text) IS NULL OR owner = :owner)
  AND (CAST(:before AS text) IS NULL OR (placed_at, length(number), number) < (
        SELECT placed_at, length(number), number FROM customer_order
        WHERE channel = :channel AND id = :before))
ORDER BY placed_at DESC, length(number) DESC, number DESC
LIMIT :limit
""")


_NEWEST = text("""
SELECT CASE WHEN :whole THEN document ELSE document - 'document' END::text AS document
FROM customer_order
WHERE CAST(:basket_id AS text) IS NULL OR basket_id = :basket_id
ORDER BY placed_at DESC, length(number) DESC, number DESC
LIMIT :limit
""")


def numbers(tx: Transaction, count: int) -> list[str]:
    """Draw order numbers: short, rising, unique; not gapless."""
    return [str(number) for number in tx.execute(_NUMBERS, {"count": count}).scalars()] if count else []


def append(tx: Transaction, orders: Sequence[Order]) -> None:
    """Write orders and the occurrences that they are."""
    if not orders:
        return
    encode = msgspec.json.encode
    tx.execute(
        _INSERT,
        {
            "channels": [order.channel for order in orders],
            "ids": [order.id for order in orders],
            "numbers": [order.number for order in orders],
            "basket_ids": [order.basket_id for order in orders],
            "owners": [order.owner for order in orders],
            "instants": [order.placed_at for order in orders],
            "documents": [encode(order).decode() for order in orders],
        },
    )
    rows: list[tuple[object, ...]] = []
    for order in orders:
        if order.occurrence is not None:
            span = (order.occurrence, order.occurrence, order.due_at, order.due_at)
            rows.append((order.channel, order.basket_id, order.generation, *span, order.id, None))
    _append_occurrences(tx, rows)


def append_skips(tx: Transaction, skips: Sequence[Skipped]) -> None:
    """Write skipped ranges, a row each."""
    rows: list[tuple[object, ...]] = []
    for channel, basket_id, skip in skips:
        span = (skip.first, skip.last, skip.first_due_at, skip.last_due_at)
        rows.append((channel, basket_id, skip.generation, *span, None, str(skip.reason)))
    _append_occurrences(tx, rows)


def load(tx: Transaction, keys: Collection[Key]) -> dict[Key, Order]:
    """Read orders by their ids; absent ones are left out."""
    if not keys:
        return {}
    rows = tx.execute(_GET, {"channels": [key[0] for key in keys], "ids": [key[1] for key in keys]})
    return {(order.channel, order.id): order for order in map(_read, rows)}


def page(
    tx: Transaction,
    channel: str,
    basket_id: str,
    limit: int,
    before: str | None = None,
    owner: str | None = None,
) -> tuple[Order, ...]:
    """List a basket's orders, newest first, that were placed before the order `before`; no documents.

    Only those that were placed for `owner`, if named.
    """
    values = {"channel": channel, "basket_id": basket_id, "before": before, "limit": limit, "owner": owner}
    return tuple(_read(row) for row in tx.execute(_PAGE, values))


def newest(tx: Transaction, limit: int, basket_id: str | None = None, *, whole: bool) -> tuple[Order, ...]:
    """List the newest orders of all channels, or of one basket's id; `whole`: with documents."""
    values = {"basket_id": basket_id, "limit": limit, "whole": whole}
    return tuple(_read(row) for row in tx.execute(_NEWEST, values))


def _read(row: Any) -> Order:
    return msgspec.json.decode(row.document, type=Order)


_OCCURRENCE_COLUMNS = (
    "channels",
    "basket_ids",
    "generations",
    "firsts",
    "lasts",
    "due_ats",
    "last_due_ats",
    "order_ids",
    "reasons",
)


def _append_occurrences(tx: Transaction, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        tx.execute(_INSERT_OCCURRENCES, dict(zip(_OCCURRENCE_COLUMNS, columns, strict=True)))
