"""What one transaction knows: baskets (locked) and reference data, loaded once, changed in memory.

Later commands of a batch see what earlier ones did, reference puts included; at the end everything that
changed is written with one statement a kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from contracts.envelope import DEFAULT_CHANNEL
from worker.domain.callers import remembered
from worker.domain.reference import Catalog, Channel
from worker.routes import ROUTES, OnBasket, Put
from worker.store import baskets, reference
from worker.store.reference import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contracts.envelope import Envelope
    from worker.domain.basket import Basket
    from worker.domain.callers import Caller
    from worker.domain.decisions import Completed, Reference
    from worker.store.database import Transaction


class World:
    """The state that the commands of one batch are decided on."""

    def __init__(
        self, loaded: Mapping[baskets.Key, Basket], known: Mapping[reference.Key, Reference]
    ) -> None:
        self._loaded = loaded
        self._baskets = dict(loaded)
        self._reference = dict(known)
        self._reference.setdefault((DEFAULT_CHANNEL, Kind.CHANNEL, DEFAULT_CHANNEL), Channel())
        self._put: dict[reference.Key, Reference] = {}

    @classmethod
    def load(cls, tx: Transaction, envelopes: Iterable[Envelope]) -> World:
        """Lock the baskets of these commands, then read all reference data that deciding may need."""
        wanted = [envelope for envelope in envelopes if envelope.command is not None]
        loaded = baskets.lock(
            tx, {(one.channel, one.key) for one in wanted if isinstance(ROUTES[one.type], OnBasket)}
        )
        keys = {key for envelope in wanted for key in _keys_of_command(envelope)}
        keys.update(key for basket in loaded.values() for key in _keys_of_basket(basket))
        return cls(loaded, reference.load(tx, keys))

    def basket(self, envelope: Envelope) -> Basket | None:
        return self._baskets.get((envelope.channel, envelope.key))

    def channel(self, channel_id: str) -> Channel | None:
        found = self._reference.get((channel_id, Kind.CHANNEL, channel_id))
        return found if isinstance(found, Channel) else None

    def catalog(self, channel_id: str) -> Catalog:
        """Everything loaded for one channel; a lookup of anything else finds nothing."""
        return Catalog(
            products=_OfChannel(self._reference, channel_id, Kind.PRODUCT),
            shipping_methods=_OfChannel(self._reference, channel_id, Kind.SHIPPING_METHOD),
        )

    def apply(self, envelope: Envelope, completed: Completed, caller: Caller | None) -> None:
        """Take in what a command did."""
        if completed.basket is not None and caller is not None and not ROUTES[envelope.type].is_read:
            self._baskets[envelope.channel, envelope.key] = remembered(completed.basket, caller)
        route = ROUTES[envelope.type]
        if completed.reference is not None and isinstance(route, Put):
            key = (envelope.channel, route.kind, envelope.key)
            self._reference[key] = self._put[key] = completed.reference

    def save(self, tx: Transaction) -> None:
        """Write what changed."""
        changed = {
            key: basket for key, basket in self._baskets.items() if basket is not self._loaded.get(key)
        }
        baskets.save(
            tx,
            created=[basket for key, basket in changed.items() if key not in self._loaded],
            changed=[basket for key, basket in changed.items() if key in self._loaded],
        )
        reference.put(tx, self._put)


class _OfChannel(Mapping[str, Any]):
    """The entries of one kind and channel, by their ids, as they are now."""

    def __init__(self, entries: Mapping[reference.Key, Reference], channel_id: str, kind: Kind) -> None:
        self._entries, self._channel_id, self._kind = entries, channel_id, kind

    def __getitem__(self, id_: str) -> Any:
        return self._entries[self._channel_id, self._kind, id_]

    def __iter__(self) -> Iterator[str]:
        return (key[2] for key in self._entries if key[:2] == (self._channel_id, self._kind))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _keys_of_command(envelope: Envelope) -> Iterator[reference.Key]:
    yield envelope.channel, Kind.CHANNEL, envelope.channel
    route = ROUTES[envelope.type]
    if isinstance(route, OnBasket):
        for kind, id_ in route.lookups(envelope.command):
            yield envelope.channel, kind, id_


def _keys_of_basket(basket: Basket) -> Iterator[reference.Key]:
    for item in basket.content.items:
        yield basket.channel, Kind.PRODUCT, item.sku
    if basket.content.shipping_method_id:
        yield basket.channel, Kind.SHIPPING_METHOD, basket.content.shipping_method_id
