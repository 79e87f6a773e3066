"""The commands of released letters in the outbox: a row each, which is no event.

They have a partition of their own, which no worker of the release before looks into. What is sent is read
from the letter at that moment: its body may be no text, and an erased person's is not there any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import text

from worker.store import dead_letters, outbox
from worker.store.dead_letters import Letter

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the outbox that is no event: the letter's command is to be sent."""

    event_id: UUID
    letter: Letter


_APPEND = text("""
INSERT INTO outbox (event_id, channel, key, partition, type, headers, body, dead_letter_id)
SELECT :event_id, :channel, :key, :partition, :type, '{}', '', :id
WHERE NOT EXISTS (
    SELECT FROM outbox
    WHERE channel = :channel AND key = :key AND dead_letter_id = :id AND published_at IS NULL)
""")

_PENDING = text(f"""
SELECT command.event_id AS sent_as, {dead_letters.COLUMNS}
FROM (
    SELECT outbox.seq, outbox.event_id, outbox.dead_letter_id,
           sum(octet_length(body.body)) OVER (ORDER BY outbox.seq) - octet_length(body.body) AS bytes_before
    FROM outbox
    JOIN dead_letter AS body ON body.id = outbox.dead_letter_id AND body.state = 'released'
    WHERE outbox.partition = :partition AND outbox.published_at IS NULL AND NOT EXISTS (
        SELECT FROM unnest(CAST(:held_channels AS text[]), CAST(:held_keys AS text[])) AS held (channel, key)
        WHERE (outbox.channel, outbox.key) = (held.channel, held.key))
    ORDER BY outbox.seq
    LIMIT :limit) AS command
JOIN dead_letter AS letter ON letter.id = command.dead_letter_id
WHERE command.bytes_before < :bytes
ORDER BY command.seq
""")  # noqa: S608 - our own column names

_MARK = text("""
UPDATE outbox SET published_at = clock_timestamp()
WHERE partition = :partition AND published_at IS NULL AND event_id = ANY (CAST(:event_ids AS uuid[]))
""")

_TAKE_BACK = text("""
WITH letter AS (
    UPDATE dead_letter SET state = 'parked', outcome = :why WHERE id = :id AND state = 'released'
    RETURNING id, channel, key, message_id),
unsent AS (
    DELETE FROM outbox USING letter
    WHERE outbox.channel = letter.channel AND outbox.key = letter.key AND dead_letter_id = letter.id)
UPDATE inbox SET state = 'parked' FROM letter
WHERE (inbox.channel, inbox.key, inbox.message_id) = (letter.channel, letter.key, letter.message_id)
  AND inbox.state = 'released'
""")


def append(tx: Connection, letter: Letter) -> None:
    """Have the command of a released letter sent, unless it is about to be sent anyway."""
    tx.execute(
        _APPEND,
        {
            "event_id": uuid4(),
            "channel": letter.channel,
            "key": letter.key,
            "partition": outbox.COMMANDS,
            "type": letter.type,
            "id": letter.id,
        },
    )


def pending(tx: Connection, limit: int, size: int, held: Collection[tuple[str, str]] = ()) -> list[Command]:
    """List commands that are to be sent, oldest first, none behind `size` bytes or of a key that is held."""
    values = {
        "partition": outbox.COMMANDS,
        "limit": limit,
        "bytes": size,
        "held_channels": [channel for channel, _ in held],
        "held_keys": [key for _, key in held],
    }
    found = []
    for row in tx.execute(_PENDING, values).mappings():
        columns = dict(row)
        found.append(Command(event_id=columns.pop("sent_as"), letter=Letter(**columns)))
    return found


def mark_sent(tx: Connection, sent: Sequence[Command]) -> int:
    """Mark commands as confirmed by the broker; give the number of rows that were not marked before."""
    event_ids = [command.event_id for command in sent]
    return tx.execute(_MARK, {"partition": outbox.COMMANDS, "event_ids": event_ids}).rowcount


def take_back(tx: Connection, letter_id: int, why: str) -> None:
    """Park a released letter again that the broker will never take."""
    tx.execute(_TAKE_BACK, {"id": letter_id, "why": why})
