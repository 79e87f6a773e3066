"""Dead letters: what could not be handled, kept whole, with its cause. Tokens are never among it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import insert

from worker.store import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


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


def park(tx: Connection, letters: Sequence[DeadLetter]) -> None:
    """Keep messages for a person to look at."""
    if letters:
        rows = [msgspec.structs.asdict(letter) for letter in letters]
        tx.execute(insert(tables.dead_letter), rows)
