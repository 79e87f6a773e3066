"""Dead letters: what could not be handled, kept whole, with its cause. Tokens are never among it.

A letter is parked; an operator releases it, to be handled once more (see `replays`), or discards it. What is
handled or discarded goes after the retention, a parked one never. Every act is audited: who, when, why.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, text

from worker.store import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

UNDELIVERABLE = (
    "event.undeliverable"  # the cause of a letter that is an event of ours, which the broker refused
)


class State(StrEnum):
    PARKED = "parked"
    RELEASED = "released"  # on its way to be handled once more
    HANDLED = "handled"
    DISCARDED = "discarded"


class Action(StrEnum):
    REPLAYED = "replayed"
    SENT_AGAIN = "sent again"  # because its message was lost on the way
    DISCARDED = "discarded"
    HANDLED = "handled"  # what came of a replay
    PARKED = "parked again"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A parked message. `cause`: the error key; `detail`: a sentence or a traceback."""

    key: str
    channel: str
    type: str
    message_id: str | None
    cause: str
    detail: str
    claims: dict[str, Any] | None
    properties: dict[str, Any]
    headers: dict[str, Any]
    body: bytes
    event_id: UUID
    attempts: int = 1
    new_owner: dict[str, Any] | None = None  # the claims of the token in the body


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A letter as a list shows it. `outcome` is what came of its last replay."""

    id: int
    key: str
    channel: str
    type: str
    message_id: str | None
    cause: str
    parked_at: datetime
    attempts: int
    replays: int
    state: str
    outcome: str | None


class Letter(DeadLetter, frozen=True, kw_only=True):
    """A letter with what has become of it."""

    id: int
    parked_at: datetime
    replays: int
    state: str
    operator: str | None
    expected_version: int | None
    outcome: str | None


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with a letter; `why` may be empty, or say what came of it."""

    letter_id: int
    action: Action
    who: str
    why: str
    at: datetime | None = None  # set by the database


# Of a whole letter, in a query that calls its table so.
COLUMNS = """
letter.id, letter.key, letter.channel, letter.type, letter.message_id, letter.cause, letter.detail,
letter.claims, letter.properties, letter.headers, letter.body, letter.event_id, letter.new_owner,
letter.parked_at, letter.attempts, letter.replays, letter.state, letter.operator, letter.expected_version,
letter.outcome
"""

_LISTED = text("""
SELECT id, key, channel, type, message_id, cause, parked_at, attempts, replays, state, outcome
FROM dead_letter
WHERE (CAST(:state AS text) IS NULL OR state = :state) AND (CAST(:cause AS text) IS NULL OR cause = :cause)
ORDER BY id DESC
LIMIT :limit
""")

_PARKED_OF = text("""
SELECT id FROM dead_letter
WHERE state = 'parked' AND cause = :cause AND id > :after
ORDER BY id
LIMIT :limit
""")

_FIND = text(f"SELECT {COLUMNS} FROM dead_letter AS letter WHERE id = :id")  # noqa: S608 - our own

_LOCK = text(f"{_FIND.text} FOR UPDATE")

_DISCARD = text("""
UPDATE dead_letter SET state = 'discarded', settled_at = now() WHERE id = :id AND state = 'parked'
""")

_ACTS = text(
    "SELECT letter_id, action, who, why, at FROM dead_letter_audit WHERE letter_id = :id ORDER BY id"
)

_FORGET = text("""
DELETE FROM dead_letter WHERE id = ANY (ARRAY(
    SELECT id FROM dead_letter
    WHERE state IN ('handled', 'discarded') AND coalesce(settled_at, parked_at) < :before
    LIMIT :limit))
""")


def park(tx: Connection, letters: Sequence[DeadLetter]) -> None:
    """Keep messages for a person to look at."""
    if letters:
        rows = [msgspec.structs.asdict(letter) for letter in letters]
        tx.execute(insert(tables.dead_letter), rows)


def listed(tx: Connection, limit: int, state: str | None = None, cause: str | None = None) -> list[Listed]:
    """List at most so many letters, the newest first."""
    rows = tx.execute(_LISTED, {"limit": limit, "state": state, "cause": cause})
    return [Listed(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


def parked_of(tx: Connection, cause: str, after: int, limit: int) -> list[int]:
    """Name parked letters of a cause behind an id, the oldest first."""
    return list(tx.execute(_PARKED_OF, {"cause": cause, "after": after, "limit": limit}).scalars())


def find(tx: Connection, letter_id: int) -> Letter | None:
    return _letter(tx.execute(_FIND, {"id": letter_id}).one_or_none())


def lock(tx: Connection, letter_id: int) -> Letter | None:
    """Give a letter that nobody else changes until the transaction ends.

    Whoever changes a letter and its message's row in the inbox locks the letter first.
    """
    return _letter(tx.execute(_LOCK, {"id": letter_id}).one_or_none())


def _letter(row: Any) -> Letter | None:
    return None if row is None else Letter(**row._mapping)  # noqa: SLF001


def discard(tx: Connection, letter_id: int) -> bool:
    """Give a parked letter up; False when it is not parked."""
    return tx.execute(_DISCARD, {"id": letter_id}).rowcount == 1


def audit(tx: Connection, acts: Sequence[Act]) -> None:
    """Write down who did what, and why."""
    if acts:
        rows = [
            {"letter_id": act.letter_id, "action": act.action.value, "who": act.who, "why": act.why}
            for act in acts
        ]
        tx.execute(insert(tables.dead_letter_audit), rows)


def acts(tx: Connection, letter_id: int) -> list[Act]:
    """Tell what was done with a letter, the first first."""
    return [
        Act(letter_id=row.letter_id, action=Action(row.action), who=row.who, why=row.why, at=row.at)
        for row in tx.execute(_ACTS, {"id": letter_id})
    ]


def forget(tx: Connection, before: datetime, limit: int) -> int:
    """Remove at most `limit` letters that were handled or discarded before an instant; give the number."""
    return tx.execute(_FORGET, {"before": before, "limit": limit}).rowcount
