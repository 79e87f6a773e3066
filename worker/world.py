"""What one transaction knows: baskets (locked) and reference data, loaded once, changed in memory.

Later commands of a batch see what earlier ones did, reference puts included; at the end everything that
changed is written with one statement a kind.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar, cast

import msgspec
from msgspec import UNSET

from contracts.envelope import Envelope
from worker.domain.basket import Basket
from worker.domain.callers import Caller, remembered
from worker.domain.decisions import Completed, Reference
from worker.domain.ordering import Order
from worker.domain.recurrence import Recurrence
from worker.domain.reference import Catalog, Channel
from worker.routes import ROUTES, OnBasket, OnOrder, Page, Put
from worker.store import baskets, orders, recurrences, reference
from worker.store.database import Transaction
from worker.store.reference import Kind

_K = TypeVar("_K")
_V = TypeVar("_V")


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What the database held when the batch began; the baskets are locked."""

    baskets: Mapping[baskets.Key, Basket]
    recurrences: Mapping[recurrences.Key, Recurrence]
    reference: Mapping[reference.Key, Reference]
    orders: Mapping[orders.Key, Order]
    pages: Mapping[tuple[str, str, Page], tuple[Order, ...]]


class World:
    """The state that the commands of one batch are decided on."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._baskets = dict(loaded.baskets)
        self._recurrences = dict(loaded.recurrences)
        self._put: dict[reference.Key, Reference] = {}
        # What was put hides what was loaded, and only `_put` is ever written to.
        self._reference = ChainMap(self._put, cast("dict[reference.Key, Reference]", loaded.reference))
        self._skips: list[orders.Skipped] = []

    @classmethod
    def load(cls, tx: Transaction, envelopes: Iterable[Envelope]) -> World:
        """Lock the baskets of these commands, then read all that deciding may need, a query a kind."""
        wanted = [envelope for envelope in envelopes if envelope.command is not None]
        on_baskets = [one for one in wanted if isinstance(ROUTES[one.type], OnBasket)]
        on_orders = [one for one in wanted if isinstance(ROUTES[one.type], OnOrder)]
        loaded = baskets.lock(tx, {(one.channel, one.key) for one in on_baskets})
        keys = {key for envelope in wanted for key in _keys_of_command(envelope)}
        keys.update(key for basket in loaded.values() for key in reference.keys_of(basket))
        pages = {page for one in on_baskets if (page := _page_of(one)) is not None}
        return cls(
            Loaded(
                baskets=loaded,
                recurrences=recurrences.load(
                    tx, {(one.channel, one.key) for one in on_baskets if _is_about_recurrence(one)}
                ),
                reference=reference.load(tx, keys),
                orders=orders.load(tx, {(one.channel, one.key) for one in on_orders}),
                pages={
                    (channel, id_, page): orders.page(tx, channel, id_, page.limit, page.before)
                    for channel, id_, page in pages
                },
            )
        )

    def basket(self, envelope: Envelope) -> Basket | None:
        return self._baskets.get((envelope.channel, envelope.key))

    def recurrence(self, envelope: Envelope) -> Recurrence | None:
        return self._recurrences.get((envelope.channel, envelope.key))

    def order(self, envelope: Envelope) -> Order | None:
        return self._loaded.orders.get((envelope.channel, envelope.key))

    def orders(self, envelope: Envelope) -> tuple[Order, ...]:
        """Give the page of orders that a command asks for; workers place none, so it is as loaded."""
        page = _page_of(envelope)
        return self._loaded.pages[page] if page is not None else ()

    def channel(self, channel_id: str) -> Channel | None:
        return reference.channel(self._reference, channel_id)

    def catalog(self, channel_id: str) -> Catalog:
        return reference.catalog(self._reference, channel_id)

    def apply(self, envelope: Envelope, completed: Completed, caller: Caller | None) -> None:
        """Take in what a command did."""
        route, key = ROUTES[envelope.type], (envelope.channel, envelope.key)
        if completed.basket is not None and caller is not None and not route.is_read:
            self._baskets[key] = remembered(completed.basket, caller)
        if completed.recurrence is not None:
            self._recurrences[key] = completed.recurrence
        self._skips += [(*key, skip) for skip in completed.skips]
        if completed.reference is not None and isinstance(route, Put):
            entry = (envelope.channel, route.kind, envelope.key)
            self._put[entry] = completed.reference

    def save(self, tx: Transaction) -> None:
        """Write what changed, with one statement a kind."""
        loaded = self._loaded
        changed = _changes(loaded.baskets, self._baskets)
        baskets.save(
            tx,
            created=[basket for key, basket in changed.items() if key not in loaded.baskets],
            changed=[basket for key, basket in changed.items() if key in loaded.baskets],
        )
        recurrences.save(tx, list(_changes(loaded.recurrences, self._recurrences).values()))
        orders.append_skips(tx, self._skips)
        reference.put(tx, self._put)


def _changes(before: Mapping[_K, _V], after: Mapping[_K, _V]) -> dict[_K, _V]:
    return {key: value for key, value in after.items() if value is not before.get(key)}


def _is_about_recurrence(envelope: Envelope) -> bool:
    sent = getattr(envelope.command, "recurrence", UNSET)
    return envelope.type.startswith("recurrence.") or sent is not UNSET


def _page_of(envelope: Envelope) -> tuple[str, str, Page] | None:
    route = ROUTES[envelope.type]
    if not isinstance(route, OnBasket) or route.page is None:
        return None
    return envelope.channel, envelope.key, route.page(envelope.command)


def _keys_of_command(envelope: Envelope) -> Iterator[reference.Key]:
    yield envelope.channel, Kind.CHANNEL, envelope.channel
    route = ROUTES[envelope.type]
    if isinstance(route, OnBasket):
        for kind, id_ in route.lookups(envelope.command):
            yield envelope.channel, kind, id_
