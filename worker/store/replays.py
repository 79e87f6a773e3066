"""Replays: a dead letter's command on its way to be handled once more, and what came of it.

The row of the command's message id in the inbox is the guarantee: it is `released` with the letter, in one
transaction, and whichever delivery of that message is handled first makes it `handled` or `parked` again. So
a command that is sent twice, or that its publisher repeats, has one effect. The letter is locked before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from sqlalchemy import text

from contracts import events
from worker.store import dead_letters, resends
from worker.store.database import TryAgain
from worker.store.dead_letters import Act, Action, Letter, State

if TYPE_CHECKING:
    from collections.abc import Sequence

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

_CLAIM = text(f"""
SELECT {dead_letters.COLUMNS}
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

# Its publisher's own repeat was faster.
_DROP_UNSENT = text("""
DELETE FROM outbox
USING unnest(CAST(:channels AS text[]), CAST(:keys AS text[]), CAST(:ids AS bigint[]))
          AS settled (channel, key, id)
WHERE (outbox.channel, outbox.key, outbox.dead_letter_id) = (settled.channel, settled.key, settled.id)
  AND outbox.published_at IS NULL
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
    resends.append(tx, letter)
    return True


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
    tx.execute(_DROP_UNSENT, values)
    dead_letters.audit(tx, [_act(one) for one in outcomes])


def _act(settled: Settlement) -> Act:
    action = Action.HANDLED if settled.state is State.HANDLED else Action.PARKED
    return Act(letter_id=settled.letter_id, action=action, who=settled.operator, why=settled.outcome)
