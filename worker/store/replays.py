"""Replays: a dead letter's command on its way to be handled once more, and what came of it.

The row of the command's message id in the inbox is the guarantee: it is `released` with the letter, in one
transaction, and whichever delivery of that message is handled first makes it `handled` or `parked` again. So
a command that is sent twice, or that its publisher repeats, has one effect. The letter is locked before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import text

from contracts import events
from worker.store import dead_letters, outbox
from worker.store.database import TryAgain
from worker.store.dead_letters import Act, Action, Letter, State

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from worker.store.inbox import Identity


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened under a letter's key since it was parked.

    `commands` were handled; `version` is that of its basket now, 0 without one; `has_moved`: the basket was
    changed since, by whatever it was.
    """

    commands: int
    version: int
    has_moved: bool


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the outbox that is no event: the letter's command is to be sent."""

    event_id: UUID
    letter: Letter


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a released letter: its state from now on, and the second answer."""

    letter_id: int
    identity: Identity
    event_id: UUID
    caller: str | None
    state: State
    cause: str
    detail: str
    outcome: str
    operator: str


_LETTER = """
letter.id, letter.key, letter.channel, letter.type, letter.message_id, letter.cause, letter.detail,
letter.claims, letter.properties, letter.headers, letter.body, letter.event_id, letter.new_owner,
letter.parked_at, letter.attempts, letter.replays, letter.state, letter.operator, letter.expected_version,
letter.outcome
"""

# Commands of the letter's own transaction have its instant: they are known by their place behind it.
_LATER = text("""
SELECT (
    SELECT count(*) FROM outbox
    WHERE channel = :channel AND key = :key AND type = :completed AND (created_at > :parked_at OR seq > (
        SELECT seq FROM outbox
        WHERE channel = :channel AND key = :key AND event_id = :event_id))) AS commands,
    (SELECT version FROM basket WHERE channel = :channel AND id = :key) AS version,
    EXISTS (
        SELECT FROM basket WHERE channel = :channel AND id = :key AND changed_at > :parked_at) AS has_moved
""")

# A row that stands for another command than the letter's, or for one that was handled since, stays as it is.
_RELEASE_MESSAGE = text("""
INSERT INTO inbox (channel, key, message_id, body_hash, caller, event_id, state)
VALUES (:channel, :key, :message_id, :body_hash, :caller, :event_id, 'released')
ON CONFLICT (channel, key, message_id) DO UPDATE
SET state = 'released', body_hash = excluded.body_hash, received_at = excluded.received_at
WHERE inbox.state = 'parked' AND inbox.event_id = excluded.event_id
""")

_RELEASE = text("""
UPDATE dead_letter
SET state = 'released', replays = replays + 1, message_id = :message_id, operator = :operator,
    expected_version = :expected_version, outcome = NULL
WHERE id = :id AND state = 'parked'
""")

_SEND = text("""
INSERT INTO outbox (event_id, channel, key, partition, type, headers, body, dead_letter_id)
SELECT :event_id, :channel, :key, :partition, :type, '{}', '', :id
WHERE NOT EXISTS (
    SELECT FROM outbox
    WHERE channel = :channel AND key = :key AND dead_letter_id = :id AND published_at IS NULL)
""")

_PENDING = text(f"""
SELECT command.event_id AS sent_as, {_LETTER}
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

_CLAIM = text(f"""
SELECT {_LETTER}
FROM dead_letter AS letter
JOIN unnest(CAST(:channels AS text[]), CAST(:keys AS text[]), CAST(:message_ids AS text[]))
         AS asked (channel, key, message_id)
  ON (letter.channel, letter.key, letter.message_id) = (asked.channel, asked.key, asked.message_id)
WHERE letter.state = 'released'
ORDER BY letter.id
FOR UPDATE OF letter
""")  # noqa: S608 - likewise

_SETTLE = text("""
UPDATE dead_letter
SET state = settled.state, attempts = attempts + 1, event_id = settled.event_id, cause = settled.cause,
    detail = settled.detail, outcome = settled.outcome,
    settled_at = CASE WHEN settled.state = 'handled' THEN now() END
FROM unnest(
    CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:event_ids AS uuid[]), CAST(:causes AS text[]),
    CAST(:details AS text[]), CAST(:outcomes AS text[]))
         AS settled (id, state, event_id, cause, detail, outcome)
WHERE dead_letter.id = settled.id AND dead_letter.state = 'released'
""")

_SETTLE_MESSAGES = text("""
UPDATE inbox SET state = settled.state, event_id = settled.event_id, caller = settled.caller
FROM unnest(
    CAST(:channels AS text[]), CAST(:keys AS text[]), CAST(:message_ids AS text[]),
    CAST(:states AS text[]), CAST(:event_ids AS uuid[]), CAST(:callers AS text[]))
         AS settled (channel, key, message_id, state, event_id, caller)
WHERE (inbox.channel, inbox.key, inbox.message_id) = (settled.channel, settled.key, settled.message_id)
  AND inbox.state = 'released'
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


def later(tx: Connection, letter: Letter) -> Later:
    """Tell what has happened under a letter's key since it was parked."""
    asked = {
        "channel": letter.channel,
        "key": letter.key,
        "completed": events.COMPLETED,
        "parked_at": letter.parked_at,
        "event_id": letter.event_id,
    }
    row = tx.execute(_LATER, asked).one()
    return Later(commands=row.commands, version=row.version or 0, has_moved=row.has_moved)


def release(
    tx: Connection,
    letter: Letter,
    *,
    message_id: str,
    body_hash: bytes,
    caller: str | None,
    operator: str,
    expected_version: int | None,
) -> bool:
    """Have a parked letter, which is locked, handled once more.

    False when its message id stands for a command that was handled since; then nothing was changed.
    """
    row = {
        "channel": letter.channel,
        "key": letter.key,
        "message_id": message_id,
        "event_id": letter.event_id,
    }
    released = tx.execute(_RELEASE_MESSAGE, {**row, "body_hash": body_hash, "caller": caller})
    if released.rowcount == 0:
        return False
    of = {"id": letter.id, "operator": operator, "expected_version": expected_version}
    if tx.execute(_RELEASE, {**of, "message_id": message_id}).rowcount != 1:
        raise TryAgain(f"the dead letter {letter.id} is not parked any more")
    send_again(tx, letter)
    return True


def send_again(tx: Connection, letter: Letter) -> None:
    """Have the command of a released letter sent, unless it is about to be sent anyway."""
    tx.execute(
        _SEND,
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


def claim(tx: Connection, identities: Sequence[Identity]) -> dict[Identity, Letter]:
    """Take the released letters of these messages, until the transaction ends."""
    if not identities:
        return {}
    asked = {
        "channels": [channel for channel, _, _ in identities],
        "keys": [key for _, key, _ in identities],
        "message_ids": [message_id for _, _, message_id in identities],
    }
    letters = [Letter(**row) for row in tx.execute(_CLAIM, asked).mappings()]
    return {(letter.channel, letter.key, letter.message_id or ""): letter for letter in letters}


def settle(tx: Connection, outcomes: Sequence[Settlement]) -> None:
    """Write down what came of letters that were claimed in this transaction."""
    if not outcomes:
        return
    values = {
        "channels": [one.identity[0] for one in outcomes],
        "keys": [one.identity[1] for one in outcomes],
        "message_ids": [one.identity[2] for one in outcomes],
        "ids": [one.letter_id for one in outcomes],
        "states": [one.state.value for one in outcomes],
        "event_ids": [one.event_id for one in outcomes],
        "callers": [one.caller for one in outcomes],
        "causes": [one.cause for one in outcomes],
        "details": [one.detail for one in outcomes],
        "outcomes": [one.outcome for one in outcomes],
    }
    letters, messages = (tx.execute(statement, values).rowcount for statement in (_SETTLE, _SETTLE_MESSAGES))
    if letters != len(outcomes) or messages != len(outcomes):
        raise TryAgain("a released command was settled elsewhere at this moment")
    dead_letters.audit(tx, [_act(one) for one in outcomes])


def _act(settled: Settlement) -> Act:
    action = Action.HANDLED if settled.state is State.HANDLED else Action.PARKED
    return Act(letter_id=settled.letter_id, action=action, who=settled.operator, why=settled.outcome)


def take_back(tx: Connection, letter_id: int, why: str) -> None:
    """Park a released letter again that the broker will never take."""
    tx.execute(_TAKE_BACK, {"id": letter_id, "why": why})
