"""Reference data: one row per channel, kind and id; a put of the same content is none at all."""

from collections.abc import Callable
from decimal import Decimal

import values
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from worker.domain.decisions import Reference
from worker.domain.money import Money
from worker.domain.reference import Channel, Product, ShippingMethod
from worker.store import reference
from worker.store.reference import Kind

BOOK = Product(name="A book", price=Money("USD", Decimal("10.70")), tax_rate=Decimal(7))
CHANNEL_KEY = ("c", Kind.CHANNEL, "c")
BOOK_KEY = ("c", Kind.PRODUCT, "book")
METHOD_KEY = ("c", Kind.SHIPPING_METHOD, "book")
METHOD = ShippingMethod(name="By hand", price=Money("USD", Decimal(0)))


def test_every_kind_comes_back_by_its_own_key(tx: Connection) -> None:
    entries: dict[reference.Key, Reference] = {
        CHANNEL_KEY: Channel(currency="EUR"),
        BOOK_KEY: BOOK,
        METHOD_KEY: METHOD,
    }
    reference.save(tx, entries)
    reference.save(tx, {})
    absent = ("c", Kind.PRODUCT, "absent"), ("d", Kind.PRODUCT, "book")
    assert reference.load(tx, [*entries, *absent]) == entries
    assert reference.load(tx, []) == {}


@given(st.one_of(values.channels, values.products, values.methods))
def test_a_document_keeps_every_value_of_the_domain(
    session: Callable[[], Connection], value: Channel | Product | ShippingMethod
) -> None:
    kind = {Channel: Kind.CHANNEL, Product: Kind.PRODUCT, ShippingMethod: Kind.SHIPPING_METHOD}[type(value)]
    tx = session()
    key = ("c", kind, "any")
    reference.save(tx, {key: value})
    assert reference.load(tx, [key]) == {key: value}
    tx.rollback()
    tx.close()


def dates(tx: Connection) -> dict[str, bool]:
    rows = tx.execute(text("SELECT id, changed_at = now() AS is_now FROM reference WHERE channel = 'c'"))
    return {row.id: row.is_now for row in rows}


def test_a_put_of_the_same_content_leaves_the_date_and_another_content_does_not(tx: Connection) -> None:
    other_key = ("c", Kind.PRODUCT, "other")
    reference.save(tx, {BOOK_KEY: BOOK, other_key: BOOK})
    tx.execute(text("UPDATE reference SET changed_at = '2020-01-01T00:00:00Z' WHERE channel = 'c'"))
    dearer = Product(name="A book", price=Money("USD", Decimal("10.71")), tax_rate=Decimal(7))
    reference.save(tx, {BOOK_KEY: BOOK, other_key: dearer})
    assert dates(tx) == {"book": False, "other": True}
    assert reference.load(tx, [other_key]) == {other_key: dearer}


def test_a_put_replaces_the_whole_content(tx: Connection) -> None:
    reference.save(tx, {CHANNEL_KEY: Channel(currency="EUR", price_type="net")})
    reference.save(tx, {CHANNEL_KEY: Channel()})
    assert reference.load(tx, [CHANNEL_KEY]) == {CHANNEL_KEY: Channel()}
