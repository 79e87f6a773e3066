"""How the items of a basket travel: in shipping buckets, one for each method and address.

A channel with single shipment has one bucket with the basket's method and address; one with multiple
shipments goes by the items, and the basket's address is the default of items without their own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from worker.domain.basket import Address

if TYPE_CHECKING:
    from worker.domain.basket import Content


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """Items that travel together, by their places in the basket; empty or None is what is not chosen yet."""

    places: tuple[int, ...]
    method_id: str
    ship_to: Address | None


def buckets(content: Content, *, is_multiple: bool) -> tuple[Bucket, ...]:
    """Sort the items into buckets, in the order of their first items; no items, no bucket."""
    if not content.items:
        return ()
    if not is_multiple:
        places = tuple(range(len(content.items)))
        return (Bucket(places=places, method_id=content.shipping_method_id, ship_to=content.ship_to),)
    together: dict[tuple[str, Address | None], list[int]] = defaultdict(list)
    for place, item in enumerate(content.items):
        together[item.shipping_method_id, item.ship_to or content.ship_to].append(place)
    return tuple(
        Bucket(places=tuple(places), method_id=method_id, ship_to=ship_to)
        for (method_id, ship_to), places in together.items()
    )


def method_ids(content: Content, *, is_multiple: bool) -> tuple[str, ...]:
    """Name the methods that are chosen, each once, also the common one of a basket without items."""
    chosen = (
        (item.shipping_method_id for item in content.items) if is_multiple else (content.shipping_method_id,)
    )
    return tuple(dict.fromkeys(filter(None, chosen)))
