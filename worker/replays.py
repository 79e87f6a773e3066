"""Released commands in a batch: whoever delivers one first, it is handled once, under its letter's claims.

The guarantee is the row in the inbox and not the delivery. So a forger who publishes a released command, same
id and body, only does what the operator has asked for, and is told nothing: a reply goes to nobody but the
sender that the claims name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from contracts.errors import ErrorKey
from worker import logs
from worker.domain.callers import Caller
from worker.domain.decisions import Completed
from worker.handlers import Sender
from worker.results import storable
from worker.store import inbox, replays
from worker.store.dead_letters import State
from worker.store.inbox import Identity
from worker.store.replays import Settlement

if TYPE_CHECKING:
    from uuid import UUID

    from contracts.envelope import Envelope
    from worker.domain.decisions import Decision
    from worker.store.database import Transaction
    from worker.store.dead_letters import Letter
    from worker.store.inbox import Repeat

log = logs.get(__name__)


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A letter that this transaction has claimed; `caller` is by whom its message is known from now on."""

    identity: Identity
    letter: Letter
    sender: Sender
    body_hash: bytes
    caller: str | None

    @property
    def attempt(self) -> int:
        """Count the answer that it gets now: the one when it was parked was the first."""
        return self.letter.replays + 1

    @property
    def operator(self) -> str:
        return self.letter.operator or ""

    def guarded(self, envelope: Envelope) -> Envelope:
        """Give the command with the operator's guard, which its publisher's own repeat does not have."""
        if self.letter.expected_version is None:
            return envelope
        return msgspec.structs.replace(envelope, expected_version=self.letter.expected_version)


Releases = dict[Identity, Release]


def claim(tx: Transaction, known: dict[Identity, Repeat]) -> Releases:
    """Take the letters of released messages; look up anew in `known` what was handled elsewhere since."""
    released = [identity for identity, repeat in known.items() if repeat.is_released]
    letters = replays.claim(tx, released)
    known.update(inbox.find(tx, [identity for identity in released if identity not in letters]))
    return {identity: _release(identity, letter, known[identity]) for identity, letter in letters.items()}


def decider(envelope: Envelope, sender: Sender, releases: Mapping[Identity, Release]) -> Sender:
    """Say under whose claims a command is decided."""
    release = None if envelope.is_read or envelope.identity is None else releases.get(envelope.identity)
    return sender if release is None or release.body_hash != envelope.body_hash else release.sender


def settlement(
    release: Release,
    envelope: Envelope,
    decision: Decision,
    detail: str,
    event_id: UUID,
    *,
    is_defect: bool,
) -> Settlement:
    """Say what has come of a released letter: it is handled, or parked again.

    Parked again, too, when something came in between: the guard was the operator's, who decides anew.
    """
    letter, is_parked, said = release.letter, False, ""
    cause, why = letter.cause, letter.detail
    if isinstance(decision, Completed):
        said = str(decision.status)
    else:
        first = decision.problems[0]
        said = f"{first.code.status} {first.code}"
        if is_defect or envelope.is_parked:
            is_parked, cause, why = True, first.code.value, storable(detail or first.message)
        elif first.code is ErrorKey.VERSION_CONFLICT and letter.expected_version is not None:
            is_parked = True
    names = {"dead_letter": letter.id, "message_id": envelope.message_id, "key": envelope.key}
    log.info("command.replayed", outcome=said, is_parked=is_parked, operator=release.operator, **names)
    return Settlement(
        letter_id=letter.id,
        identity=release.identity,
        event_id=event_id,
        caller=release.caller,
        state=State.PARKED if is_parked else State.HANDLED,
        cause=cause,
        detail=why,
        outcome=said,
        operator=release.operator,
    )


def _release(identity: Identity, letter: Letter, repeat: Repeat) -> Release:
    caller = _caller(letter.claims, letter.id)
    sender = Sender(
        caller=caller,
        user=caller.user if caller is not None else None,
        new_owner=_caller(letter.new_owner, letter.id),
    )
    known_as = repeat.caller if sender.user is None else sender.user
    return Release(
        identity=identity, letter=letter, sender=sender, body_hash=repeat.body_hash, caller=known_as
    )


def _caller(claims: dict[str, Any] | None, letter_id: int) -> Caller | None:
    """Read stored claims; with ones that this release cannot read the command is refused with 401."""
    if claims is None:
        return None
    try:
        return msgspec.convert(claims, Caller)
    except msgspec.ValidationError as error:
        log.warning("claims.unreadable", dead_letter=letter_id, why=str(error))
        return None
