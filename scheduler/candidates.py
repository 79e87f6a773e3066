"""One due recurrence with its basket: what it needs to know, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from contracts.durations import parse_duration
from worker import notices
from worker.domain import gathering, noticing, orderable, ordering, reaching, scheduling
from worker.domain.basket import Basket
from worker.domain.noticing import Notice
from worker.domain.ordering import Order
from worker.domain.recurrence import Reason, Recurrence, Skip, State
from worker.domain.reference import Channel, Reference
from worker.domain.scheduling import Advance, Failure, Obstacle, Placement, Policy, Suspension, Upcoming
from worker.domain.search.questions import Answer, Gather, Gathered
from worker.store import recurrences, reference
from worker.store.outbox import Event
from worker.store.reference import Kind

_read_recurrence = msgspec.json.Decoder(Recurrence).decode
_read_basket = msgspec.json.Decoder(Basket).decode


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    recurrence: Recurrence
    basket: Basket

    @property
    def key(self) -> recurrences.Key:
        return self.basket.channel, self.basket.id

    def lookups(self) -> Iterator[reference.Key]:
        """Name the reference data that an order of this basket takes."""
        yield self.basket.channel, Kind.CHANNEL, self.basket.channel
        yield from reference.keys_of(self.basket)
        yield from reference.keys_to_order(self.basket)


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What is to happen; its orders still need numbers. `priced`: the basket at the prices of the order.

    `gathered` is what its one order takes of data.
    """

    candidate: Candidate
    advance: Advance
    priced: Basket
    gathered: Gathered | None = None

    @property
    def order_count(self) -> int:
        return sum(isinstance(happened, Placement) for happened in self.advance.happened)


class Dealt(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written: the recurrence as it goes on, and everything that happened."""

    recurrence: Recurrence
    orders: tuple[Order, ...]
    skips: tuple[Skip, ...]
    events: tuple[Event, ...]


def read(due: recurrences.Due) -> Candidate:
    """Decode a candidate; raises whatever is wrong with its documents."""
    return Candidate(recurrence=_read_recurrence(due.recurrence), basket=_read_basket(due.basket))


def decide(
    candidate: Candidate,
    entries: Mapping[reference.Key, Reference],
    now: datetime,
    most: int,
    answer: Answer | Reason | None = None,
) -> Decided:
    """Decide what to place, skip, fail or suspend of one recurrence, at most so many orders.

    `answer`: to what it has `asked`, or why that cannot be asked.
    """
    basket = candidate.basket
    known = reference.channel(entries, basket.channel)
    channel, catalog = known or Channel(), reference.catalog(entries, basket.channel)
    problem = next(iter(orderable.obstacles(basket, known, catalog, now)), None)
    obstacle: Obstacle | None = None
    if problem is not None:
        obstacle = Reason(code=problem.code, message=problem.message)
    elif isinstance(answer, Reason):
        obstacle = answer
    elif answer is not None:
        obstacle = reaching.obstacle(basket, candidate.recurrence.rule, answer)
    return Decided(
        candidate=candidate,
        advance=scheduling.advance(candidate.recurrence, now, _policy(channel), obstacle, most),
        priced=ordering.repriced(basket, channel, catalog, now) if obstacle is None else basket,
        gathered=answer if obstacle is None and isinstance(answer, Gathered) else None,
    )


def asked(
    candidate: Candidate, entries: Mapping[reference.Key, Reference], now: datetime, order_id: str
) -> Gather | Reason | None:
    """Say what is to be known of the data before a basket that holds some is decided; a Reason why not.

    None when no order is to be placed.
    """
    basket, recurrence = candidate.basket, candidate.recurrence
    happening = decide(candidate, entries, now, most=1).advance.happened
    placement = next((one for one in happening if isinstance(one, Placement)), None)
    if placement is None:
        return None
    groups = gathering.groups_of(basket, reference.catalog(entries, basket.channel))
    window = reaching.window(recurrence, placement.due_at, now)
    try:
        return gathering.question(basket, order_id, groups, window)
    except ValueError as error:
        return reaching.unreadable(error)


def carry_out(decided: Decided, now: datetime, numbers: Iterator[str], new_id: Callable[[], str]) -> Dealt:
    """Make the orders and events of what was decided."""
    advance, before, gathered = decided.advance, decided.candidate.recurrence, decided.gathered
    after = advance.recurrence
    orders: list[Order] = []
    said: list[Notice] = []
    if advance.is_resumed:
        said.append(noticing.of_recurrence("recurrence.resumed", advance.recurrence))
    for happened in advance.happened:
        match happened:
            case Placement():
                order = ordering.order(
                    decided.priced,
                    happened,
                    order_id=new_id() if gathered is None else gathered.order_id,
                    number=next(numbers),
                    placed_at=now,
                    gathered=gathered,
                )
                orders.append(order)
                after = reaching.extended(after, None if gathered is None else gathered.reach)
                said.append(noticing.of_order(order))
            case Skip():
                said.append(noticing.of_skip(before.basket_id, happened))
            case Failure():
                said.extend(noticing.of_failure(before.basket_id, happened))
            case Suspension():
                said.append(noticing.of_suspension(before.basket_id, before.generation, happened))
            case Upcoming():
                said.append(noticing.of_upcoming(before.basket_id, happened))
            case _:
                assert_never(happened)
    if advance.recurrence.state is State.EXPIRED and before.state is not State.EXPIRED:
        said.append(noticing.of_recurrence("recurrence.expired", advance.recurrence))
    return Dealt(
        recurrence=after,
        orders=tuple(orders),
        skips=tuple(one for one in advance.happened if isinstance(one, Skip)),
        events=tuple(_event(decided.candidate, notice) for notice in said),
    )


def _policy(channel: Channel) -> Policy:
    missed_after = parse_duration(channel.missed_after)
    return Policy(
        missed_after=missed_after or timedelta(0),
        catch_up_limit=channel.catch_up_limit,
        notice=timedelta(seconds=channel.notice_seconds),
    )


def _event(candidate: Candidate, said: Notice) -> Event:
    basket, recurrence = candidate.basket, candidate.recurrence
    return notices.event(
        basket.channel,
        basket.id,
        basket.version,
        said,
        causation_id=recurrence.causation_id,
        traceparent=recurrence.traceparent,
    )
