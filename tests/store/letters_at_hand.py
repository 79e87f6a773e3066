"""Dead letters as a worker has parked them, and the steps of a replay."""

from typing import Any
from uuid import uuid4

import values
from msgspec import structs
from sqlalchemy import Connection, Engine, text

from worker.store import dead_letters, inbox, outbox, replays, resends
from worker.store.dead_letters import DeadLetter, Letter, State
from worker.store.replays import Settlement

HASH = b"r" * 32


def letter(**changed: Any) -> DeadLetter:
    kept: dict[str, Any] = {
        "key": "a-basket",
        "channel": "default",
        "type": "basket.update",
        "message_id": "m-1",
        "cause": "command.internal_error",
        "detail": "Traceback",
        "claims": {"user": "patricia", "groups": ["a"]},
        "properties": {"type": "basket.update", "timestamp": 5, "odd": [None, True, {"x": "ä"}]},
        "headers": {"channel": "default"},
        "body": bytes(range(256)),
        "event_id": uuid4(),
    }
    return DeadLetter(**{**kept, **changed})


def parked(tx: Connection, key: str, message_id: str = "m-1", **changed: Any) -> Letter:
    """Keep a command as a worker does: a letter, the row of its message, its answer."""
    answer = structs.replace(values.event(key), type="command.rejected")
    entry = structs.replace(values.entry(("default", key, message_id)), event_id=answer.event_id)
    inbox.admit(tx, [entry])
    outbox.append(tx, [answer])
    kept = letter(key=key, message_id=message_id, event_id=answer.event_id, **changed)
    dead_letters.park(tx, [kept])
    inbox.mark_parked(tx, [entry.identity])
    (found,) = (one for one in dead_letters.listed(tx, 1))
    return again(tx, found.id)


def again(tx: Connection, letter_id: int) -> Letter:
    found = dead_letters.find(tx, letter_id)
    assert found is not None
    return found


def release(tx: Connection, one: Letter, version: int | None = None) -> bool:
    return replays.release(
        tx,
        one,
        message_id=one.message_id or "",
        body_hash=HASH,
        caller="patricia",
        operator="olga",
        expected_version=version,
    )


def settled(one: Letter, state: State = State.HANDLED) -> Settlement:
    return Settlement(
        letter_id=one.id,
        identity=("default", one.key, one.message_id or ""),
        event_id=uuid4(),
        caller="patricia",
        state=state,
        cause="a cause",
        detail="a detail",
        outcome="201",
        operator="olga",
    )


def states(tx: Connection, one: Letter) -> tuple[str, list[str], int]:
    """Give the letter's state, that of its message, and how many of its commands are to be sent."""
    rows = tx.execute(text("SELECT state FROM inbox WHERE key = :key"), {"key": one.key}).scalars().all()
    waiting = [command for command in resends.pending(tx, 1000, 2**40) if command.letter.id == one.id]
    return again(tx, one.id).state, list(rows), len(waiting)


def committed(engine: Engine, key: str, **changed: Any) -> Letter:
    with engine.begin() as tx:
        return parked(tx, key, **changed)
