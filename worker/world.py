"""What one transaction knows: baskets (locked) and reference data, loaded once, changed in memory.

Later commands of a batch see what earlier ones did, reference puts included; at the end everything that
changed is written with one statement a kind.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import TypeGuard, TypeVar, cast

from contracts.envelope import Envelope
from worker.domain import callers
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.decisions import Completed, Listed
from worker.domain.objects import DataObject, FilesPage
from worker.domain.ordering import Order
from worker.domain.recurrence import Recurrence
from worker.domain.reference import Catalog, Channel, Reference
from worker.loading import Loaded, files_of, list_of, page_of
from worker.routes import ROUTES, Put
from worker.store import baskets, erasure, orders, recurrences, reference
from worker.store import catalog as stored_catalog
from worker.store.database import Transaction
from worker.store.reference import Kind

_K = TypeVar("_K")
_V = TypeVar("_V")


class World:
    """The state that the commands of one batch are decided on."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._baskets = dict(loaded.baskets)
        self._recurrences = dict(loaded.recurrences)
        self._put: dict[reference.Key, Reference | None] = {}
        self._objects: dict[stored_catalog.Key, DataObject] = {}
        self._removed_objects: set[stored_catalog.Key] = set()
        # What was put hides what was loaded, None what was removed; only `_put` is ever written to.
        self._reference = ChainMap(self._put, cast("dict[reference.Key, Reference | None]", loaded.reference))
        self._catalogs: dict[str, Catalog] = {}
        self._skips: list[orders.Skipped] = []
        self._orders: list[Order] = []
        self._handovers: list[erasure.Handover] = []
        self._erasures: dict[baskets.Key, erasure.Erasure] = {}

    def basket(self, envelope: Envelope) -> Basket | None:
        return self._baskets.get((envelope.channel, envelope.key))

    def recurrence(self, envelope: Envelope) -> Recurrence | None:
        return self._recurrences.get((envelope.channel, envelope.key))

    def order(self, envelope: Envelope) -> Order | None:
        return self._loaded.orders.get((envelope.channel, envelope.key))

    def orders(self, envelope: Envelope, caller: Caller) -> tuple[Order, ...]:
        """Give the page of orders that a command asks for, as it was loaded."""
        page = page_of(envelope, caller)
        return self._loaded.pages[page] if page is not None else ()

    def files(self, envelope: Envelope) -> FilesPage | None:
        """Give the page of an order's files that a command asks for, as it was loaded."""
        wanted = files_of(envelope)
        return self._loaded.files[wanted] if wanted is not None else None

    def listed(self, envelope: Envelope) -> tuple[Listed, ...]:
        """Give the page of baskets that a command asks for, as it was loaded."""
        wanted = list_of(envelope)
        return self._loaded.lists[wanted] if wanted is not None else ()

    def channel(self, channel_id: str) -> Channel | None:
        return reference.channel(self._reference, channel_id)

    def catalog(self, channel_id: str) -> Catalog:
        """Give the reference data of a channel: a view, so it shows what is put later, too."""
        if channel_id not in self._catalogs:
            self._catalogs[channel_id] = reference.catalog(self._reference, channel_id)
        return self._catalogs[channel_id]

    def informed(self, channel_id: str, caller: Caller) -> Caller:
        """Give a caller as upstream systems know the user."""
        return callers.overridden(caller, self.catalog(channel_id).users.get(caller.user))

    def apply(self, envelope: Envelope, completed: Completed, caller: Caller | None) -> None:
        """Take in what a command did."""
        route, key = ROUTES[envelope.type], (envelope.channel, envelope.key)
        if completed.basket is not None and caller is not None and not route.is_read:
            before = self._baskets.get(key)
            if _is_handed_over(before, completed.basket):
                self._handovers.append((*key, before.owner))
            known = self.informed(envelope.channel, caller)
            self._baskets[key] = callers.remembered(completed.basket, known)
        if completed.recurrence is not None:
            self._recurrences[key] = completed.recurrence
        self._skips += [(*key, skip) for skip in completed.skips]
        if completed.order is not None:
            self._orders.append(completed.order)
        if isinstance(route, Put):
            self._take_in(route.kind, key, completed.reference)
        if completed.is_erasure:
            self._erasures[key] = erasure.Erasure(
                channel=envelope.channel,
                owner=envelope.key,
                causation_id=envelope.message_id,
                traceparent=envelope.traceparent,
            )

    @property
    def placed(self) -> set[tuple[str, str]]:
        """Name the orders that were placed: channel, id."""
        return {(order.channel, order.id) for order in self._orders}

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
        orders.append(tx, self._orders)
        orders.append_skips(tx, self._skips)
        reference.save(tx, self._put)
        stored_catalog.save(tx, self._objects, self._removed_objects)
        erasure.note_handovers(tx, self._handovers)
        erasure.ask(tx, list(self._erasures.values()))

    def _take_in(self, kind: Kind, key: stored_catalog.Key, entry: Reference | None) -> None:
        if isinstance(entry, DataObject):
            self._objects[key] = entry
        elif kind is Kind.DATA_OBJECT:
            # Put again later in the batch, it is another object all the same.
            self._objects.pop(key, None)
            self._removed_objects.add(key)
        else:
            channel_id, id_ = key
            self._put[channel_id, kind, id_] = entry


def _is_handed_over(before: Basket | None, after: Basket) -> TypeGuard[Basket]:
    """Whether a basket goes from one person to another; a guest who logs in stays the same person."""
    if before is None or not before.is_open or before.owner_is_anonymous:
        return False
    return before.owner != after.owner


def _changes(before: Mapping[_K, _V], after: Mapping[_K, _V]) -> dict[_K, _V]:
    return {key: value for key, value in after.items() if value is not before.get(key)}
