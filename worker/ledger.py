"""The results of a batch, in the order of its commands.

A repeat is answered as it was before, unless it is released: then it is handled once more, as if it were new.
An exception that one command causes is answered 500 and parks that command alone: the state is untouched by
it, because deciding makes new values.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING
from uuid import UUID, uuid4, uuid5

import msgspec

from contracts.errors import ErrorKey, Problem
from worker import handlers, logs, notices, replays, results
from worker.domain.decisions import Completed, Refused
from worker.ops.commands import Outcome
from worker.resending import REPLAY_OF
from worker.store import database, inbox
from worker.store.dead_letters import State
from worker.store.outbox import Event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.envelope import Envelope
    from worker.domain.decisions import Decision
    from worker.handlers import Moment, Sender
    from worker.replays import Release, Releases
    from worker.store.dead_letters import DeadLetter
    from worker.store.replays import Settlement
    from worker.world import World

_NAMESPACE = UUID("6f1c2a0e-5a39-4ab8-9d63-6d5ef7a4a0c1")

log = logs.get(__name__)


class Reply(msgspec.Struct, frozen=True):
    """A result on its way to one queue, under the correlation id and in the format that its asker expects."""

    result: Event
    reply_to: str
    correlation_id: str | None
    media_type: str


class Ledger:
    """Enter commands in order; read off what is to be written and sent."""

    def __init__(
        self,
        world: World,
        entries: Mapping[inbox.Identity, inbox.Entry],
        known: dict[inbox.Identity, inbox.Repeat],
        refused: dict[UUID, Event],
        releases: Releases,
        moment: Moment,
        failure: str | None,
    ) -> None:
        self.replies: list[Reply] = []
        self.events: list[Event] = []
        self.letters: list[DeadLetter] = []
        self.parked: list[inbox.Identity] = []
        self.settled: list[Settlement] = []
        self.outcomes: list[Outcome] = []  # one for each command
        self.answer_bytes = 0
        self._world = world
        self._entries = entries
        self._known = known
        self._refused = refused
        self._releases = releases
        self._moment = moment
        self._failure = failure

    def enter(self, envelope: Envelope, sender: Sender) -> None:
        """Answer a repeat as before, or decide a command and note all that follows from it."""
        identity = None if envelope.is_read else envelope.identity
        repeat = self._known.get(identity) if identity is not None else None
        is_same = repeat is not None and repeat.body_hash == envelope.body_hash
        release = self._releases.pop(identity, None) if identity is not None and is_same else None
        if release is not None:
            result: Event | None = self._result(release.guarded(envelope), release.sender, identity, release)
            if sender.user != release.caller:
                return
        elif repeat is not None and is_same and repeat.caller == sender.user:
            result = self._repeated(repeat.answer)
        elif is_same and REPLAY_OF in envelope.delivery.headers:
            self.outcomes.append(Outcome.REPEATED)
            return  # sent twice by a relay: it was answered, and nobody waits for that answer here
        elif refused := self._refusal(envelope, sender, has_entry=identity is not None and repeat is None):
            result = self._repeated(refused)
        else:
            result = self._result(envelope, sender, identity, is_reused=repeat is not None)
        if envelope.delivery.is_given_up and self.outcomes[-1] is Outcome.REPEATED:
            return  # it is done, and its reply may be what has ended its workers
        if result is not None and envelope.reply_to is not None:
            reply = Reply(result, envelope.reply_to, envelope.correlation_id, envelope.media_type)
            self.replies.append(reply)

    def _refusal(self, envelope: Envelope, sender: Sender, *, has_entry: bool) -> Event | None:
        """Give what a message without an inbox row of its own was answered before."""
        if has_entry or envelope.is_read:
            return None
        return self._refused.get(event_id_without_entry(envelope, sender))

    def _repeated(self, answer: Event | None) -> Event | None:
        self.answer_bytes += answer.size if answer is not None else 0
        self.outcomes.append(Outcome.REPEATED)
        return answer

    def _result(
        self,
        envelope: Envelope,
        sender: Sender,
        identity: inbox.Identity | None,
        release: Release | None = None,
        *,
        is_reused: bool = False,
    ) -> Event:
        """Decide a command, and note its result with all that is said besides."""
        decision, detail = self._decision(envelope, sender, is_reused=is_reused)
        if identity is None or is_reused:
            event_id = event_id_without_entry(envelope, sender)
        else:
            event_id = self._entries[identity].event_id
        result = _event(event_id, envelope, decision, release)
        said = _notices(envelope, decision) if isinstance(decision, Completed) else []
        if any(event.size > results.MAX_EVENT_BYTES for event in (result, *said)):
            decision, said = _TOO_LARGE, []
            result = _event(event_id, envelope, decision, release)
        if isinstance(decision, Completed):
            self._world.apply(envelope, decision, sender.caller)
        is_parked = False
        if release is not None:
            is_defect = decision is _INTERNAL_ERROR
            settled = replays.settlement(release, envelope, decision, detail, event_id, is_defect=is_defect)
            self.settled.append(settled)
            is_parked = settled.state is State.PARKED
        elif isinstance(decision, Refused):
            is_parked = self._note_refusal(envelope, sender, decision, detail, event_id)
            if is_parked and identity is not None and not is_reused:
                self.parked.append(identity)
        self.outcomes.append(_outcome(decision, is_parked=is_parked))
        self._remember(envelope, None if is_reused else identity, result, release)
        if not envelope.is_read:
            self.events += [result, *said]
        self.answer_bytes += sum(event.size for event in (result, *said))
        return result

    def _remember(
        self, envelope: Envelope, identity: inbox.Identity | None, result: Event, release: Release | None
    ) -> None:
        """Answer repeats within this batch, too; `identity` is None without an inbox row of its own."""
        if identity is not None:
            caller = self._entries[identity].caller if release is None else release.caller
            self._known[identity] = inbox.Repeat(body_hash=envelope.body_hash, caller=caller, answer=result)
        elif not envelope.is_read:
            self._refused[result.event_id] = result

    def _decision(self, envelope: Envelope, sender: Sender, *, is_reused: bool) -> tuple[Decision, str]:
        """Decide; whatever goes wrong is a refusal with 500, and the traceback for the dead letter."""
        if self._failure is not None:
            return _INTERNAL_ERROR, self._failure
        try:
            return handlers.decide(envelope, sender, self._world, self._moment, is_reused=is_reused), ""
        except (handlers.SearchNeeded, database.TryAgain):  # no defect, and nothing that this command is told
            raise
        except Exception:  # noqa: BLE001 - a defect of ours must cost this command alone
            return _INTERNAL_ERROR, traceback.format_exc()

    def _note_refusal(
        self, envelope: Envelope, sender: Sender, decision: Refused, detail: str, event_id: UUID
    ) -> bool:
        """Log a refusal, and keep the command if nobody may be waiting for it; True when it is kept."""
        first = decision.problems[0]
        names = {"message_id": envelope.message_id, "key": envelope.key, "command": envelope.type}
        if not envelope.is_parked and decision is not _INTERNAL_ERROR:
            log.info("command.refused", error=first.code, **names)
            return False
        log.error("command.parked", error=first.code, **names)
        self.letters.append(
            results.letter(
                envelope, sender.caller, sender.new_owner, first.code, detail or first.message, event_id
            )
        )
        return True


def _event(event_id: UUID, envelope: Envelope, decision: Decision, release: Release | None) -> Event:
    if release is None:
        return results.event(event_id, envelope, decision)
    return results.event(event_id, envelope, decision, attempt=release.attempt, operator=release.operator)


def _outcome(decision: Decision, *, is_parked: bool) -> Outcome:
    if isinstance(decision, Completed):
        return Outcome.COMPLETED
    return Outcome.PARKED if is_parked else Outcome.REJECTED


def _notices(envelope: Envelope, completed: Completed) -> list[Event]:
    version = 0 if completed.basket is None else completed.basket.version
    cause = {"causation_id": envelope.message_id, "traceparent": envelope.traceparent}
    return [
        notices.event(envelope.channel, envelope.key, version, said, **cause) for said in completed.notices
    ]


_TOO_LARGE = Refused(
    problems=(
        Problem(code=ErrorKey.LIMIT_EXCEEDED, message="the answer would be larger than the broker takes"),
    )
)

_INTERNAL_ERROR = Refused(
    problems=(
        Problem(code=ErrorKey.INTERNAL_ERROR, message="the command failed on our side and is kept for us"),
    )
)


def event_id_without_entry(envelope: Envelope, sender: Sender) -> UUID:
    """Give the same id to the result of the same refused message, so that a repeat is known by it.

    Such a message has no inbox row of its own: its message id is taken, or its key is unusable.
    """
    if envelope.message_id is None:
        return uuid4()
    parts = (envelope.channel, envelope.key, envelope.message_id, envelope.body_hash.hex(), sender.user or "")
    return uuid5(_NAMESPACE, "\0".join(parts))
