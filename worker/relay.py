"""The one way from the outbox to the broker.

A relay takes the lock of an outbox partition for one transaction, publishes all that is pending there in
sequence, marks it and commits. Killed between confirm and mark, the events go out again with the same ids;
so the first appearance of each is in order, whoever relays.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from contracts import topology
from worker import logs, resending
from worker.ops import relaying
from worker.publisher import Outcome, Outgoing, TooLarge, Unavailable
from worker.store import database, dead_letters, outbox, resends
from worker.store.dead_letters import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from worker.publisher import Publisher
    from worker.store.dead_letters import Letter
    from worker.store.outbox import Event
    from worker.store.resends import Command

_EVENTS_PER_TRANSACTION = 500
_COMMANDS_PER_TRANSACTION = 50  # each is confirmed before the next: below the 5 s that a partition is held
_BYTES_PER_TRANSACTION = 4 * 1024 * 1024
_SMALLEST_SHARE = 10

Key = tuple[str, str]  # channel, key

log = logs.get(__name__)


def relay(
    engine: database.Engine,
    publisher: Publisher,
    partitions: Collection[int],
    *,
    goes_on: Callable[[], bool] = lambda: True,
    note_sent: Callable[[Sequence[Event]], None] = lambda _: None,
) -> int:
    """Publish what is pending in those partitions that no other relay has; give the number of messages.

    Round by round, a transaction each, while there is more and `goes_on` says so; `note_sent` is told what
    has left. Raises publisher.Unavailable or database.TryAgain; what was not marked goes out again later.
    """
    of_events = [one for one in partitions if one != outbox.COMMANDS]
    relayed = _relay_events(engine, publisher, of_events, goes_on, note_sent)
    if outbox.COMMANDS in partitions and goes_on():
        relayed += _relay_commands(engine, publisher, goes_on)
    return relayed


def _relay_events(
    engine: database.Engine,
    publisher: Publisher,
    partitions: Collection[int],
    goes_on: Callable[[], bool],
    note_sent: Callable[[Sequence[Event]], None],
) -> int:
    relayed, held = 0, set[Key]()
    while partitions:
        share = max(_SMALLEST_SHARE, _EVENTS_PER_TRANSACTION // len(partitions))
        size = _BYTES_PER_TRANSACTION // len(partitions)
        with database.transaction(engine) as tx:
            events = outbox.pending(tx, outbox.lock(tx, partitions), share, held, size)
            gone = _publish(tx, publisher, events, held)
            waited = outbox.mark_published(tx, gone) if gone else Counter[float]()
        relaying.COMMIT_TO_CONFIRM.observe_all(waited.items())
        note_sent(gone)
        relayed += len(gone)
        counts, sizes = Counter[int](), Counter[int]()
        for event in events:
            counts[event.partition] += 1
            sizes[event.partition] += len(event.body)
        partitions = [number for number in counts if counts[number] >= share or sizes[number] >= size]
        if not goes_on():
            break
    return relayed


def _relay_commands(engine: database.Engine, publisher: Publisher, goes_on: Callable[[], bool]) -> int:
    """Send the commands of released letters, after all events: what keeps them back keeps no event back."""
    relayed, held, found = 0, set[Key](), _COMMANDS_PER_TRANSACTION
    while found and goes_on():
        with database.transaction(engine) as tx:
            is_ours = bool(outbox.lock(tx, [outbox.COMMANDS]))
            commands = (
                resends.pending(tx, _COMMANDS_PER_TRANSACTION, _BYTES_PER_TRANSACTION, held)
                if is_ours
                else []
            )
            sent = [command for command in commands if _send(tx, publisher, command, held)]
            resends.mark_sent(tx, sent)
        found, relayed = len(commands), relayed + len(sent)
    return relayed


def _send(tx: database.Transaction, publisher: Publisher, command: Command, held: set[Key]) -> bool:
    """Send one command; False when it stays, and with it the later ones of its key.

    Unlike an event it must have a queue: one that the broker returns would be lost.
    """
    letter = command.letter
    key, names = (letter.channel, letter.key), {"dead_letter": letter.id, "key": letter.key}
    if key in held:
        return False
    message = resending.delivery(letter)
    try:
        outcome = publisher.publish(
            [
                Outgoing(
                    exchange=topology.COMMANDS,
                    routing_key=message.key,
                    properties=dict(message.properties),
                    headers=dict(message.headers),
                    body=message.body,
                    is_mandatory=True,
                )
            ]
        )
    except TooLarge as error:
        return _take_back(tx, letter, str(error))
    except (Unavailable, database.TryAgain):
        raise
    except Exception as error:  # noqa: BLE001 - a message that AMQP cannot carry must not hold up the others
        publisher.close()  # which waits for the confirm of a message that it has not sent
        return _take_back(tx, letter, logs.where(error))
    if outcome.unrouted or outcome.nacked:
        held.add(key)
        log.warning("command.not_sent", why="its queue is full, or there is none", **names)
        return False
    return True


def _take_back(tx: database.Transaction, letter: Letter, why: str) -> bool:
    log.error("command.undeliverable", why=why, dead_letter=letter.id, key=letter.key)
    resends.take_back(tx, letter.id, f"not sent: {why}")
    return False


def _publish(
    tx: database.Transaction, publisher: Publisher, events: Sequence[Event], held: set[Key]
) -> list[Event]:
    """Publish events in order; give those that have left and may be marked.

    An event that the broker will never take is set aside and holds up no other. One that a full queue has
    refused stays, and so do the later ones of its key, though other queues may have them already: such
    keys are added to `held`.
    """
    try:
        outcome = publisher.publish([_outgoing(event) for event in events])
    except TooLarge as error:
        log.warning("relay.one_by_one", count=len(events), why=str(error))
        outcome = _publish_one_by_one(tx, publisher, events)
    if outcome.unrouted:
        log.debug("events.unrouted", count=outcome.unrouted, why="no queue is bound to them")
    if outcome.nacked:
        log.warning("events.refused", count=len(outcome.nacked), why="a queue that is bound to them is full")
    held.update((events[place].channel, events[place].key) for place in outcome.nacked)
    return _before_the_held(events, outcome.nacked)


def _before_the_held(events: Sequence[Event], nacked: Collection[int]) -> list[Event]:
    """Give the events of each key that come before its first one that was refused."""
    refused: set[Key] = set()
    gone = []
    for place, event in enumerate(events):
        key = (event.channel, event.key)
        if place in nacked:
            refused.add(key)
        if key not in refused:
            gone.append(event)
    return gone


def _publish_one_by_one(tx: database.Transaction, publisher: Publisher, events: Sequence[Event]) -> Outcome:
    unrouted, nacked = 0, set()
    for place, event in enumerate(events):
        try:
            outcome = publisher.publish([_outgoing(event)])
        except TooLarge as error:
            log.error("event.undeliverable", event_id=str(event.event_id), key=event.key, why=str(error))  # noqa: TRY400
            dead_letters.park(tx, [_letter(event, str(error))])
            continue
        unrouted += outcome.unrouted
        nacked |= {place} if outcome.nacked else set()
    return Outcome(unrouted=unrouted, nacked=frozenset(nacked))


def _letter(event: Event, why: str) -> DeadLetter:
    return DeadLetter(
        key=event.key,
        channel=event.channel,
        type=event.type,
        message_id=str(event.event_id),
        cause=dead_letters.UNDELIVERABLE,
        detail=why,
        claims=None,
        properties={},
        headers=event.headers,
        body=event.body.encode(),
        event_id=event.event_id,
    )


def _outgoing(event: Event) -> Outgoing:
    return Outgoing(
        exchange=topology.EVENTS,
        routing_key=event.type,
        properties={
            "type": event.type,
            "message_id": str(event.event_id),
            "correlation_id": event.correlation_id,
            "content_type": "application/json",
        },
        headers=event.headers,
        body=event.body.encode(),
        is_mandatory=True,
    )
