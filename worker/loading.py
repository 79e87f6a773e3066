"""What the commands of a batch need to know, read with one query a kind; the baskets are locked first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
from msgspec import UNSET

from contracts import commands
from contracts.envelope import Envelope
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.decisions import Listed
from worker.domain.objects import FilesPage
from worker.domain.ordering import Order
from worker.domain.recurrence import Recurrence
from worker.domain.reference import Reference
from worker.lookups import WantedOrders
from worker.routes import ROUTES, OnBasket, OnOrder, Put
from worker.store import baskets, ordered_data, orders, recurrences, reference
from worker.store.database import Transaction
from worker.store.reference import Kind

PageKey = tuple[str, str, WantedOrders]  # channel, basket id, page
FilesKey = tuple[str, str, str, int]  # channel, order id, after, limit
ListKey = tuple[str, str, int, str]  # channel, owner, limit, after
Asked = tuple[Envelope, Sequence[Caller]]  # a command, its caller, and a new owner if there is one


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What the database held when the batch began; the baskets are locked."""

    baskets: Mapping[baskets.Key, Basket] = {}
    recurrences: Mapping[recurrences.Key, Recurrence] = {}
    reference: Mapping[reference.Key, Reference] = {}
    orders: Mapping[orders.Key, Order] = {}
    pages: Mapping[PageKey, tuple[Order, ...]] = {}
    files: Mapping[FilesKey, FilesPage | None] = {}
    lists: Mapping[ListKey, tuple[Listed, ...]] = {}


def load(tx: Transaction, asked: Collection[Asked]) -> Loaded:
    """Lock the baskets of these commands, then read all that deciding may need."""
    wanted = [(one, who) for one, who in asked if one.command is not None]
    on_baskets = [one for one, _ in wanted if isinstance(ROUTES[one.type], OnBasket)]
    locked = baskets.lock(tx, {(one.channel, one.key) for one in on_baskets})
    about = {(one.channel, one.key) for one in on_baskets if _is_about_recurrence(one)}
    keys = {key for one, who in wanted for key in _keys_of_command(one, who)}
    keys.update(key for basket in locked.values() for key in reference.keys_of(basket))
    for one in on_baskets:
        if _orders_it(one) and (basket := locked.get((one.channel, one.key))) is not None:
            keys.update(reference.keys_to_order(basket))
    return Loaded(
        baskets=locked,
        recurrences=recurrences.load(tx, about),
        reference=reference.load(tx, keys),
        orders=orders.load(
            tx, {(one.channel, one.key) for one, _ in wanted if isinstance(ROUTES[one.type], OnOrder)}
        ),
        pages={
            page: orders.page(tx, page[0], page[1], page[2].limit, page[2].before, page[2].owner)
            for page in {page_of(one, who[0]) for one, who in wanted if who}
            if page is not None
        },
        files={page: _files(tx, page) for page in {files_of(one) for one, _ in wanted} if page is not None},
        lists={
            wanted: baskets.listed(tx, *wanted)
            for wanted in {list_of(one) for one, _ in wanted}
            if wanted is not None
        },
    )


def page_of(envelope: Envelope, caller: Caller) -> PageKey | None:
    """Name the page of orders that a command asks for."""
    route = ROUTES[envelope.type]
    if not isinstance(route, OnBasket) or route.page is None:
        return None
    return envelope.channel, envelope.key, route.page(envelope.command, caller)


def _files(tx: Transaction, page: FilesKey) -> FilesPage | None:
    try:
        return ordered_data.page(tx, *page)
    except ValueError:  # a place that is none
        return None


def files_of(envelope: Envelope) -> FilesKey | None:
    """Name the page of an order's files that a command asks for."""
    route = ROUTES[envelope.type]
    if not isinstance(route, OnOrder) or route.files is None:
        return None
    page = route.files(envelope.command)
    return envelope.channel, envelope.key, page.after, page.limit


def list_of(envelope: Envelope) -> ListKey | None:
    """Name the page of baskets that a command asks for, with one more, to know whether there is more."""
    command = envelope.command
    if not isinstance(command, commands.BasketList):
        return None
    return envelope.channel, envelope.key, command.limit + 1, command.after or ""


def _is_about_recurrence(envelope: Envelope) -> bool:
    sent = getattr(envelope.command, "recurrence", UNSET)
    ends_it = envelope.type in ("basket.checkout", "basket.empty")
    return ends_it or envelope.type.startswith("recurrence.") or sent is not UNSET


def _orders_it(envelope: Envelope) -> bool:
    route = ROUTES[envelope.type]
    return isinstance(route, OnBasket) and route.orders_it


def _keys_of_command(envelope: Envelope, who: Sequence[Caller]) -> Iterator[reference.Key]:
    channel, route = envelope.channel, ROUTES[envelope.type]
    yield channel, Kind.CHANNEL, channel
    if isinstance(route, OnBasket):
        for caller in who:
            # A basket remembers its owner's customer: an order in this batch asks for it.
            yield channel, Kind.USER, caller.user
            if caller.customer:
                yield channel, Kind.CUSTOMER, caller.customer
        for kind, id_ in route.lookups(envelope.command):
            yield channel, kind, id_
    elif isinstance(route, Put) and route.read is not None and route.kind in reference.NAMING:
        # What an entry names is read with it, for the commands behind it in this batch.
        value = route.read(envelope.command)
        if not isinstance(value, list):
            yield from reference.keys_of_entry(channel, value)
