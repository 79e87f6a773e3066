"""One batch, one transaction: admit, lock, decide in order, write.

Nothing leaves the process here: the caller sends the replies and relays the events after the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from contracts.envelope import Envelope
from worker import loading, replays, results
from worker.asking import Asker
from worker.handlers import Moment, SearchNeeded, Sender
from worker.ledger import Ledger, Reply, event_id_without_entry
from worker.ops.commands import Outcome
from worker.store import database, dead_letters, inbox, orders, outbox
from worker.store import replays as stored_replays
from worker.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from worker.store.database import Transaction
    from worker.tokens import Keyring


# A worker's memory is what it reads and what it writes at once: 200 baskets of 500 items would be 180 MB.
_MAX_ANSWER_BYTES = 4 * 1024 * 1024


class TooMuch(Exception):  # noqa: N818 - it says what is the case
    """The answers of a batch are more than a transaction should hold; nothing was kept. `first` fit."""

    def __init__(self, first: int) -> None:
        super().__init__(first)
        self.first = first


class SearchFirst(Exception):  # noqa: N818 - it says what is the case
    """A command of a batch must search, which is done apart; nothing was kept. `first` come before it."""

    def __init__(self, first: int) -> None:
        super().__init__(first)
        self.first = first


class Handled(msgspec.Struct, frozen=True):
    """What is to be sent once the transaction is committed, and what became of each command."""

    replies: tuple[Reply, ...]
    partitions: frozenset[int]
    outcomes: tuple[Outcome, ...]


def handle(
    tx: Transaction,
    envelopes: Sequence[Envelope],
    keyring: Keyring,
    new_id: Callable[[], str],
    failure: str | None = None,
    *,
    may_search: bool,
) -> Handled:
    """Apply commands in order within an open transaction.

    Raises TooMuch, and SearchFirst unless it `may_search`. With `failure`, the reason why the database would
    not take them, they are parked instead and answered 500.
    """
    now = database.now(tx)
    senders = [_sender(envelope, keyring, now) for envelope in envelopes]
    entries = _entries(envelopes, senders)
    admitted = inbox.admit(tx, list(entries.values()))
    repeated = [identity for identity in entries if identity not in admitted]
    known = inbox.find(tx, repeated)
    if len(known) != len(repeated):
        raise database.TryAgain("a repeat's first delivery was removed from the inbox at this moment")
    releases = replays.claim(tx, known)
    pairs = list(zip(envelopes, senders, strict=True))
    refused = outbox.find(tx, list(_without_entry(pairs, {**entries, **known})))
    asked = [(one, replays.decider(one, sender, releases).known) for one, sender in pairs]
    world = World(loading.load(tx, asked if failure is None else ()))
    numbers = iter(orders.numbers(tx, sum(one.type == "basket.checkout" for one in envelopes)))
    asker = Asker(tx)
    ask = asker.ask if may_search else None
    moment = Moment(now=now, new_id=new_id, new_order_number=numbers.__next__, ask=ask)
    ledger = Ledger(world, entries, known, refused, releases, moment, failure)
    _enter(ledger, pairs)
    asker.forget_unplaced(world.placed)
    world.save(tx)
    return _written(tx, ledger)


def _written(tx: Transaction, ledger: Ledger) -> Handled:
    """Write what the commands came to."""
    outbox.append(tx, ledger.events)
    dead_letters.park(tx, ledger.letters)
    inbox.mark_parked(tx, ledger.parked)
    stored_replays.settle(tx, ledger.settled)
    partitions = frozenset(event.partition for event in ledger.events)
    return Handled(tuple(ledger.replies), partitions, tuple(ledger.outcomes))


def _enter(ledger: Ledger, pairs: Sequence[tuple[Envelope, Sender]]) -> None:
    """Enter commands in order, as many as a transaction should hold and none that must search apart."""
    for number, (envelope, sender) in enumerate(pairs):
        try:
            ledger.enter(envelope, sender)
        except SearchNeeded:
            raise SearchFirst(number) from None
        if ledger.answer_bytes > _MAX_ANSWER_BYTES and number:
            raise TooMuch(number)


def _sender(envelope: Envelope, keyring: Keyring, now: datetime) -> Sender:
    verdict = keyring.verify(envelope.token, envelope.sent_at, now)
    handed_over_to = getattr(envelope.command, "new_owner_authentication_token", None)
    if envelope.delivery.is_given_up:
        # Its body is not read; but the token in it is about to be redacted, and a replay needs what it says.
        handed_over_to = results.only_token(envelope.delivery.body)
    new_owner = keyring.verify(handed_over_to, envelope.sent_at, now).caller if handed_over_to else None
    return Sender(caller=verdict.caller, user=verdict.user, new_owner=new_owner)


def _entries(envelopes: Sequence[Envelope], senders: Sequence[Sender]) -> dict[inbox.Identity, inbox.Entry]:
    """Make an inbox entry for the first message under each identity; a read leaves nothing behind."""
    entries: dict[inbox.Identity, inbox.Entry] = {}
    for envelope, sender in zip(envelopes, senders, strict=True):
        identity = envelope.identity
        if identity is not None and not envelope.is_read and identity not in entries:
            entries[identity] = inbox.Entry(
                identity=identity, body_hash=envelope.body_hash, caller=sender.user, event_id=uuid4()
            )
    return entries


def _without_entry(
    pairs: Sequence[tuple[Envelope, Sender]], theirs: Mapping[inbox.Identity, inbox.Entry | inbox.Repeat]
) -> Iterator[tuple[str, str, UUID]]:
    """Name the results of messages that have no inbox row of their own: they may have been here before."""
    for envelope, sender in pairs:
        if envelope.is_read or envelope.message_id is None:
            continue
        row = theirs[envelope.identity] if envelope.identity is not None else None
        if row is None or (row.body_hash, row.caller) != (envelope.body_hash, sender.user):
            event_id = event_id_without_entry(envelope, sender)
            yield results.storable(envelope.channel), results.storable(envelope.key), event_id
