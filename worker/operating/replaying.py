"""What an operator does with dead letters: has them handled once more, or gives them up. Each act is audited.

A letter a transaction. Nothing is handled here: a released command travels through the outbox and its queue
like any other, and the worker makes sure that it has one effect. The database alone is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from contracts import commands, envelope
from worker import resending, suspects
from worker.store import attempts, database, dead_letters, replays, resends
from worker.store.dead_letters import Act, Action, Letter, State

if TYPE_CHECKING:
    from contracts.envelope import Envelope
    from worker.store.database import Engine, Transaction
    from worker.store.replays import Later

_AT_ONCE = 500
_OF_BASKETS = ("basket.", "recurrence.")


class Said(msgspec.Struct, frozen=True):
    """What became of an act on one letter, as a sentence."""

    letter_id: int
    is_done: bool
    sentence: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants a replay and why; `expected_version`: what they know the basket to be at by now."""

    operator: str
    why: str = ""
    expected_version: int | None = None


def replay(engine: Engine, letter_id: int, asked: Asked) -> Said:
    """Have a parked command handled once more, under the claims it came with; at most once, whoever asks."""
    with database.transaction(engine) as tx:
        letter = dead_letters.lock(tx, letter_id)
        problem = _UNKNOWN if letter is None else _problem(letter) or _release(tx, letter, asked)
        if problem is None:
            act = Act(letter_id=letter_id, action=Action.REPLAYED, who=asked.operator, why=_why(asked))
            dead_letters.audit(tx, [act])
    return Said(letter_id, problem is None, problem or "released")


def replay_cause(engine: Engine, cause: str, asked: Asked) -> Iterator[Said]:
    """Replay all parked letters of a cause, the oldest first, a key's in their order."""
    after, ids = 0, [0]
    while ids:
        with database.transaction(engine) as tx:
            ids = dead_letters.parked_of(tx, cause, after, _AT_ONCE)
        for after in ids:
            yield replay(engine, after, asked)


def send_again(engine: Engine, letter_id: int, asked: Asked) -> Said:
    """Send a released command once more whose first message was lost, with its queue for instance.

    Both may arrive: it has one effect all the same.
    """
    with database.transaction(engine) as tx:
        letter = dead_letters.lock(tx, letter_id)
        if letter is None:
            return Said(letter_id, False, _UNKNOWN)
        if letter.state != State.RELEASED:
            return Said(letter_id, False, f"it is {letter.state}, not released: it is not on its way")
        resends.append(tx, letter)
        dead_letters.audit(
            tx, [Act(letter_id=letter_id, action=Action.SENT_AGAIN, who=asked.operator, why=asked.why)]
        )
    return Said(letter_id, True, "sent again")


def discard(engine: Engine, letter_id: int, operator: str, why: str) -> Said:
    """Give a parked letter up; it goes after the retention."""
    with database.transaction(engine) as tx:
        letter = dead_letters.lock(tx, letter_id)
        problem = _UNKNOWN if letter is None else _state_problem(letter)
        if problem is None:
            dead_letters.discard(tx, letter_id)
            act = Act(letter_id=letter_id, action=Action.DISCARDED, who=operator, why=why)
            dead_letters.audit(tx, [act])
    return Said(letter_id, problem is None, problem or "discarded")


_UNKNOWN = "there is no such dead letter"


def _why(asked: Asked) -> str:
    guard = "" if asked.expected_version is None else f"at version {asked.expected_version}"
    return ", ".join(part for part in (asked.why, guard) if part)


def _problem(letter: Letter) -> str | None:
    """Say why a letter can never be replayed, or not now."""
    problem = _state_problem(letter)
    if problem is not None:
        return problem
    if letter.cause == dead_letters.UNDELIVERABLE:
        return "it is an event that the broker refused, and no command: it can only be discarded"
    known = commands.BY_TYPE.get(letter.type)
    if known is not None and known.is_read:
        return "it is a read, and whoever asked is gone: it can only be discarded"
    return None


def _state_problem(letter: Letter) -> str | None:
    match State(letter.state):
        case State.PARKED:
            return None
        case State.RELEASED:
            return f"it is released by {letter.operator} already, and its result is under way"
        case State.HANDLED:
            return f"it was handled: {letter.outcome}"
        case State.DISCARDED:
            return "it was discarded"


def _release(tx: Transaction, letter: Letter, asked: Asked) -> str | None:
    """Release a letter that is parked; give the reason why not."""
    sent = _opened(letter, asked)
    if sent.identity is None:
        return "its routing key or its channel is none that a command can have: it can only be discarded"
    problem = _guard_problem(letter, replays.later(tx, letter), asked.expected_version)
    if problem is not None:
        return problem
    attempts.settle(tx, suspects.fingerprint(sent.delivery))
    is_released = replays.release(
        tx,
        letter,
        message_id=sent.identity[2],
        body_hash=sent.body_hash,
        caller=(letter.claims or {}).get("user"),
        operator=asked.operator,
        expected_version=asked.expected_version,
    )
    return None if is_released else "its message id stands for a command that was handled since: discard it"


def _opened(letter: Letter, asked: Asked) -> Envelope:
    """Read the message that will be sent, as the worker will."""
    guarded = msgspec.structs.replace(letter, expected_version=asked.expected_version)
    return envelope.open_envelope(resending.delivery(guarded), ())


def _guard_problem(letter: Letter, later: Later, expected_version: int | None) -> str | None:
    """Say what came after a letter, unless whoever asks knows it: by the version that the basket is at.

    A key without a basket, of a put for instance, has version 0: an old put would undo a newer one.
    """
    is_about_basket = letter.type.startswith(_OF_BASKETS)
    version = later.version if is_about_basket else 0
    now = f"the basket is at version {version}" if version else "there is no basket, which is version 0"
    if expected_version is not None:
        return None if expected_version == version else f"{now}, not {expected_version}"
    if not later.commands and not (is_about_basket and later.has_moved):
        return None
    what = {0: "the basket was changed", 1: "1 later command was handled"}.get(
        later.commands, f"{later.commands} later commands were handled"
    )
    return (
        f"{what} since it was parked, and {now}: discard it, or replay it with --expected-version {version}"
    )
