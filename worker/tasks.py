"""The Celery task: a batch of deliveries in, an outcome out.

Done: everything is decided, committed and said, and may be acked; a refusal and a parked command are done
too. Try again: nothing was kept, and the batch is to be offered again. Apart: one of them would keep the
others waiting, and is to be handled by `apply_apart`, in a thread of `side_lanes`.

A database error that one command causes makes the batch run one by one, and costs that command alone. A
message that may have ended a worker is handled alone, and parked unread after too many attempts.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from contracts import envelope
from contracts.envelope import Delivery, Envelope
from worker import batch, ids, logs, publisher, relay, replying, routes, suspects
from worker.ops.commands import Committed
from worker.ops.signs import Signs
from worker.publisher import Publisher
from worker.store import database
from worker.suspects import Suspects
from worker.tokens import Keyring

if TYPE_CHECKING:
    from celery import Celery

NAME = "basketry.apply_commands"
_RELAYED_WITHIN_SECONDS = 0.5

_ENDED_ITS_WORKERS = "Its workers ended while it was handled: every attempt began, and none came to an end."
_CAME_BACK = "It came back to the broker more often than its queue allows, and was dead-lettered."
_EXPIRED = "It expired in its queue: its sender had limited how long it may wait (`expiration`)."

log = logs.get(__name__)


class Done(msgspec.Struct, frozen=True):
    """All deliveries may be acked."""


class TryAgain(msgspec.Struct, frozen=True):
    """Deliveries from `first` on are to be offered again; the ones before are done."""

    first: int
    why: str


class Apart(msgspec.Struct, frozen=True):
    """The delivery at `first` must search, or wait: it is to be handled apart. The ones before are done.

    `is_locked`: it only waits, for somebody who has its basket.
    """

    first: int
    is_locked: bool = False


class Saying(msgspec.Struct, frozen=True):
    """What is to be said of commands that are committed."""

    handled: batch.Handled
    envelopes: Sequence[Envelope]
    seconds: float  # that the transaction took


Outcome = Done | TryAgain | Apart


class Tools(msgspec.Struct, frozen=True):
    """What a worker process works with."""

    engine: database.Engine
    replying: Publisher
    relaying: Publisher  # apart: a queue of events in trouble costs nobody a reply
    keyring: Keyring
    suspects: Suspects
    reply_queue_prefixes: tuple[str, ...]
    is_stopping: Callable[[], bool]
    signs: Signs
    may_search: bool = False
    leave: Callable[[Saying], None] | None = None  # takes what is to be said, if that is another's


def register(app: Celery, tools: Tools) -> None:
    """Register the task; the consumer calls it once for every batch."""

    @app.task(name=NAME, shared=False)  # type: ignore[untyped-decorator]
    def apply_commands(deliveries: Sequence[Delivery]) -> Outcome:
        return _apply(tools, deliveries)


def apply_apart(tools: Tools, delivery: Delivery, leave: Callable[[Saying], None]) -> Done | TryAgain:
    """Apply a command that was set apart, in another thread than the others; leave what is to be said."""
    one = envelope.open_envelope(delivery, tools.reply_queue_prefixes)
    outcome = _apply_alone(structs.replace(tools, may_search=True, leave=leave), one)
    assert not isinstance(outcome, Apart)  # noqa: S101 - it may search
    return outcome


def _apply(tools: Tools, deliveries: Sequence[Delivery]) -> Outcome:
    """Apply what has arrived together; what may have ended a worker comes alone."""
    if suspects.is_suspect(deliveries[0]):
        return _apply_suspect(tools, deliveries[0])
    return _apply_arrived(tools, deliveries)


def _apply_suspect(tools: Tools, delivery: Delivery) -> Outcome:
    if delivery.is_given_up:
        return _park_unread(tools, delivery, _EXPIRED if delivery.has_expired else _CAME_BACK)
    try:
        attempt = tools.suspects.begin(delivery)
    except database.TryAgain as error:
        return TryAgain(0, str(error))
    outcome: Outcome
    if attempt > suspects.MAX_ATTEMPTS:
        outcome = _park_unread(tools, structs.replace(delivery, attempts=attempt - 1), _ENDED_ITS_WORKERS)
    else:
        # Searches included: nothing else is under way when it ends its worker once more.
        alone = structs.replace(tools, may_search=True)
        outcome = _apply_arrived(alone, [structs.replace(delivery, attempts=attempt)])
    if isinstance(outcome, Done):
        tools.suspects.settled(delivery)
    else:
        tools.suspects.survived(delivery)
    return outcome


def _park_unread(tools: Tools, delivery: Delivery, why: str) -> Done | TryAgain:
    unread = structs.replace(delivery, is_given_up=True)
    return _park(tools, envelope.open_envelope(unread, tools.reply_queue_prefixes), why)


def _apply_arrived(tools: Tools, deliveries: Sequence[Delivery]) -> Outcome:
    envelopes = [envelope.open_envelope(delivery, tools.reply_queue_prefixes) for delivery in deliveries]
    done = 0
    for batch_ in _cut(envelopes):
        if done and tools.is_stopping():
            return TryAgain(done, "the worker was asked to stop")
        outcome = _apply_batch(tools, batch_)
        if not isinstance(outcome, Done):
            return _behind(done, outcome)
        done += len(batch_)
    return Done()


def _behind(done: int, outcome: TryAgain | Apart) -> TryAgain | Apart:
    """Count the ones that were done before."""
    return structs.replace(outcome, first=done + outcome.first)


def _cut(envelopes: Sequence[Envelope]) -> Iterator[list[Envelope]]:
    """Cut what arrived together into transactions."""
    together: list[Envelope] = []
    for one in envelopes:
        if together and (
            routes.begins_anew(one.type, {earlier.type for earlier in together})
            or routes.hands_over(together[-1].command)
            or routes.searches(one.type)
        ):
            yield together
            together = []
        together.append(one)
    yield together


def _apply_batch(tools: Tools, envelopes: Sequence[Envelope]) -> Outcome:
    """Apply commands in one transaction, or in several when their answers are too much for one."""
    if routes.searches(envelopes[0].type) and not tools.may_search:
        return Apart(0)
    done, size = 0, len(envelopes)
    while done < len(envelopes):
        outcome = _apply_together(tools, envelopes[done : done + size])
        if isinstance(outcome, int):
            size = outcome
        elif not isinstance(outcome, Done):
            return _behind(done, outcome)
        else:
            done += size
    return Done()


def _apply_together(tools: Tools, envelopes: Sequence[Envelope]) -> Outcome | int:
    """Apply commands in one transaction; nothing is done when only so many of them fit into one."""
    try:
        _commit_and_say(tools, envelopes)
    except batch.TooMuch as error:
        return error.first
    except batch.SearchFirst as error:
        return error.first or Apart(0)
    except database.TryAgain as error:
        if not isinstance(error, (database.TooSlow, database.Lapsed, database.Locked)):
            return TryAgain(0, str(error))
        if isinstance(error, database.Locked) and len(envelopes) == 1 and not tools.may_search:
            return Apart(0, is_locked=True)
        log.warning("batch.split", size=len(envelopes), why=str(error))
    except Exception as error:  # noqa: BLE001 - what one command has caused, its neighbours must not suffer
        log.warning("batch.split", size=len(envelopes), why=logs.where(error))
    else:
        return Done()
    return _apply_one_by_one(tools, envelopes)


def _apply_one_by_one(tools: Tools, envelopes: Sequence[Envelope]) -> Outcome:
    for index, one in enumerate(envelopes):
        if tools.is_stopping():
            return TryAgain(index, "the worker was asked to stop")
        outcome = _apply_alone(tools, one)
        if not isinstance(outcome, Done):
            return _behind(index, outcome)
    return Done()


def _apply_alone(tools: Tools, one: Envelope) -> Outcome:
    try:
        _commit_and_say(tools, [one])
    except batch.SearchFirst:
        return Apart(0)
    except database.Locked as error:
        # As long as an order of data is searched for, its basket is locked: that is its commands' wait alone.
        return TryAgain(0, str(error)) if tools.may_search else Apart(0, is_locked=True)
    except (database.TooSlow, database.Lapsed) as error:
        return _again_or_park(tools, one, str(error))
    except database.TryAgain as error:
        return TryAgain(0, str(error))
    except Exception:  # noqa: BLE001 - this is the one; it is parked with its traceback
        return _park(tools, one, traceback.format_exc())
    return Done()


def _again_or_park(tools: Tools, one: Envelope, why: str) -> Done | TryAgain:
    """Have a command tried again that alone is too slow; a database that can count it is not what is slow."""
    try:
        attempt = tools.suspects.failed(one.delivery)
    except database.TryAgain as error:
        return TryAgain(0, str(error))
    if attempt < suspects.MAX_ATTEMPTS:
        return TryAgain(0, why)
    tried = structs.replace(one.delivery, attempts=attempt)
    outcome = _park(tools, structs.replace(one, delivery=tried), f"{why}, {attempt} times")
    if isinstance(outcome, Done):
        tools.suspects.settled(one.delivery)
    return outcome


def _park(tools: Tools, one: Envelope, failure: str) -> Done | TryAgain:
    """Keep a command among the dead letters, and answer it 500."""
    try:
        _commit_and_say(tools, [one], failure)
    except database.TryAgain as error:
        return TryAgain(0, str(error))
    except Exception as error:  # noqa: BLE001 - not even parking worked: hold it rather than lose it
        names = {"message_id": one.message_id, "key": one.key, "command": one.type}
        log.error("command.unparkable", why=logs.where(error), **names)  # noqa: TRY400
        return TryAgain(0, type(error).__name__)
    return Done()


def _commit_and_say(tools: Tools, envelopes: Sequence[Envelope], failure: str | None = None) -> None:
    """Apply commands in one transaction; then say what came of them, or leave that."""
    started_at = time.monotonic()
    with database.transaction(tools.engine) as tx:
        handled = batch.handle(tx, envelopes, tools.keyring, ids.new_id, failure, may_search=tools.may_search)
    saying = Saying(handled, envelopes, time.monotonic() - started_at)
    if tools.leave is None:
        say(tools, saying)
    else:
        tools.leave(saying)


def say(tools: Tools, saying: Saying) -> None:
    """Send the replies in order, then relay the events.

    What the broker does not take now is not lost: events wait in the outbox for the sweep, and an asker
    without a reply sends the command again under the same message id.
    """
    handled = saying.handled
    committed = Committed(saying.envelopes, handled.outcomes, saying.seconds)
    tools.signs.alive()
    replying.send(handled.replies, tools.replying)
    try:
        # What takes longer is a backlog, and the sweep's: the next batch must not wait for it.
        until = time.monotonic() + _RELAYED_WITHIN_SECONDS
        relay.relay(
            tools.engine,
            tools.relaying,
            handled.partitions,
            goes_on=lambda: time.monotonic() < until,
            note_sent=committed.note_sent,
        )
    except (publisher.Unavailable, database.TryAgain) as error:
        log.warning("relay.postponed", why=str(error))
