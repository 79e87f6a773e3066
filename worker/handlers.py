"""Deciding one command: the order in which it can be refused (contract, 1.2), then its function.

First what the envelope itself shows; then 401, channel, basket, ownership, version, each alone; then
everything that is wrong with the body at once. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

import msgspec
from msgspec import structs

from contracts.envelope import NO_CHANNEL
from contracts.errors import ErrorKey, Problem, in_order, is_before
from worker.domain import callers, gathering
from worker.domain.callers import Caller
from worker.domain.decisions import Asks, Completed, Context, Decision, Refused
from worker.domain.search.questions import Answer, Question
from worker.routes import ROUTES, Erase, OnBasket, OnOrder, OnOwner, Put

if TYPE_CHECKING:
    from contracts.envelope import Envelope
    from worker.domain.basket import Basket
    from worker.domain.reference import Channel
    from worker.world import World


Ask = Callable[[str, Question], Answer]  # channel


class SearchNeeded(Exception):  # noqa: N818 - it says what is the case
    """The command can only be decided with a search, which is not made here and now."""


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent a command. `user` is known even when the token has expired: repeats are compared by it."""

    caller: Caller | None
    user: str | None
    new_owner: Caller | None

    @property
    def known(self) -> tuple[Caller, ...]:
        """The caller and a new owner; nobody, when nobody is entitled to anything."""
        if self.caller is None:
            return ()
        return (self.caller,) if self.new_owner is None else (self.caller, self.new_owner)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """When a batch is decided (the database's now), where new ids come from, and who can be asked."""

    now: datetime
    new_id: Callable[[], str]
    new_order_number: Callable[[], str]
    ask: Ask | None  # None: nobody, here and now


def decide(envelope: Envelope, sender: Sender, world: World, moment: Moment, *, is_reused: bool) -> Decision:
    """Decide a command on the state of now. `is_reused`: its message id stands for another command."""
    if any(is_before(problem.code, ErrorKey.UNAUTHORIZED) for problem in envelope.problems):
        return Refused(problems=in_order(envelope.problems))
    caller, channel, route = sender.caller, world.channel(envelope.channel), ROUTES[envelope.type]
    if caller is None:
        return _refused(ErrorKey.UNAUTHORIZED, "a valid token is needed in the header authorization")
    if channel is None and not envelope.type.startswith("channel."):
        return _refused(ErrorKey.CHANNEL_NOT_FOUND, _unknown_channel(envelope.channel))
    found = list(envelope.problems)
    if is_reused:
        message = "this message_id was used for another command"
        found.append(Problem(code=ErrorKey.MESSAGE_ID_REUSED, message=message))
    if isinstance(route, Put):
        return _decide_put(envelope, caller, route, found)
    assert channel is not None  # noqa: S101 - only puts of channels go without
    context = _context(envelope, sender, caller, channel, world, moment)
    decision = _decide_on(envelope, route, world, context, moment)
    if isinstance(decision, Refused):
        if decision.is_final:
            return decision
        found.extend(decision.problems)
    return Refused(problems=in_order(found), basket=world.basket(envelope)) if found else decision


def _decide_on(
    envelope: Envelope,
    route: OnBasket | OnOrder | OnOwner | Erase,
    world: World,
    context: Context,
    moment: Moment,
) -> Decision:
    match route:
        case OnOrder():
            return route.decide(envelope.key, world.order(envelope), envelope.command, context)
        case OnOwner():
            return _decide_on_owner(envelope, route, context)
        case Erase():
            return _decide_erasure(context)
        case OnBasket():
            return _decide_on_basket(envelope, world.basket(envelope), route, context, moment.ask)
        case _:
            assert_never(route)


def _unknown_channel(channel_id: str) -> str:
    if channel_id == NO_CHANNEL:
        return "the header channel must be text: 1 to 200 printable ASCII characters without blanks"
    return f"there is no channel {channel_id[:200]!r}"


def _context(
    envelope: Envelope, sender: Sender, caller: Caller, channel: Channel, world: World, moment: Moment
) -> Context:
    new_owner = sender.new_owner
    return Context(
        caller=world.informed(envelope.channel, caller),
        key=envelope.key,
        channel_id=envelope.channel,
        channel=channel,
        catalog=world.catalog(envelope.channel),
        message_id=envelope.message_id,
        traceparent=envelope.traceparent,
        now=moment.now,
        new_id=moment.new_id,
        new_order_number=moment.new_order_number,
        recurrence=world.recurrence(envelope),
        orders=world.orders(envelope, caller),
        files=world.files(envelope),
        baskets=world.listed(envelope),
        new_owner=None if new_owner is None else world.informed(envelope.channel, new_owner),
    )


def _decide_on_owner(envelope: Envelope, route: OnOwner, context: Context) -> Decision:
    if envelope.key != context.caller.user and not context.caller.is_operator:
        return _refused(ErrorKey.FORBIDDEN, "the key must be the caller's own sub")
    return route.decide(envelope.command, context)


def _decide_erasure(context: Context) -> Decision:
    """Take the erasure on: it is done in steps, so that nobody waits for a person's many baskets."""
    problem = callers.reference_problem(context.caller)
    if problem is not None:
        return Refused(problems=(problem,), is_final=True)
    return Completed(status=204, is_erasure=True)


def _decide_put(envelope: Envelope, caller: Caller, route: Put, found: list[Problem]) -> Decision:
    problem = callers.reference_problem(caller)
    if problem is not None:
        return Refused(problems=(problem,))
    value = None if route.read is None else route.read(envelope.command)
    if isinstance(value, list):
        found.extend(value)
    return Refused(problems=in_order(found)) if found else Completed(status=204, reference=value)


def _decide_on_basket(
    envelope: Envelope, basket: Basket | None, route: OnBasket, context: Context, ask: Ask | None
) -> Decision:
    is_there = basket is not None and (basket.is_open or route.may_be_closed)
    if not is_there and not route.may_be_absent:
        if envelope.type == "basket.get" and envelope.key == context.caller.user:
            return Completed(status=204)
        return _refused(ErrorKey.BASKET_NOT_FOUND, f"there is no open basket {envelope.key!r}")
    if basket is not None and (route.is_read or route.is_for_operators):
        problem = callers.reading_problem(basket, context.caller)
    else:
        problem = callers.changing_problem(basket, context.caller)
    if problem is not None:
        return Refused(problems=(problem,), is_final=True)
    actual = basket.version if basket is not None else 0
    if envelope.expected_version not in (None, actual):
        message = f"the basket is at version {actual}, not at {envelope.expected_version}"
        return _refused(ErrorKey.VERSION_CONFLICT, message, basket)
    if ask is None and route.orders_it and basket is not None and gathering.is_needed(basket):
        raise SearchNeeded  # before its searches are read: a hundred long ones take seconds
    step = route.decide(basket, envelope.command, context)
    while isinstance(step, Asks):
        if ask is None:
            raise SearchNeeded
        answered = structs.replace(context, answer=ask(envelope.channel, step.question))
        step = route.decide(basket, envelope.command, answered)
    return step


def _refused(code: ErrorKey, message: str, basket: Basket | None = None) -> Refused:
    """Refuse for a reason that stands alone, whatever else is wrong."""
    return Refused(problems=(Problem(code=code, message=message),), basket=basket, is_final=True)
