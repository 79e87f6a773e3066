"""Reference data: entries are removed, channels are listed, and what an entry names is read with it."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
import values
from msgspec import structs
from sqlalchemy import Connection, text

from worker.domain.basket import Address, Basket, Item
from worker.domain.money import Money
from worker.domain.reference import (
    Channel,
    CostCenter,
    Customer,
    KnownAddress,
    Product,
    Promotion,
    Quote,
    QuoteItem,
    Reference,
    Store,
    Target,
    User,
)
from worker.store import reference
from worker.store.reference import Kind

BOOK = Product(name="A book", price=Money("USD", Decimal("10.70")), tax_rate=Decimal(7))
ACME = Customer(is_business=True)
HOME = Address(id="h", first_name="Patricia")
QUOTE = Quote(
    customer="acme",
    state="open",
    valid_to=datetime(2030, 1, 1, tzinfo=UTC),
    items=tuple(QuoteItem(sku=sku, quantity=1, price=Money("USD", Decimal(1))) for sku in ("book", "pen")),
)
EVERY_KIND: dict[Kind, Reference] = {
    Kind.CHANNEL: Channel(basket_lifetime="P7D"),
    Kind.PRODUCT: BOOK,
    Kind.PROMOTION: Promotion(
        target=Target.ITEM, percentage=Decimal("12.5"), valid_to=datetime(2030, 1, 1, tzinfo=UTC)
    ),
    Kind.USER: User(groups=("A", "B"), customer="acme"),
    Kind.CUSTOMER: ACME,
    Kind.ADDRESS: KnownAddress(owner="pat", is_ship_to=True, address=HOME),
    Kind.STORE: Store(address=HOME),
    Kind.COST_CENTER: CostCenter(customer="acme", is_active=False),
    Kind.QUOTE: QUOTE,
}


def key(kind: Kind, id_: str, channel: str = "c") -> reference.Key:
    return channel, kind, id_


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_comes_back_as_it_was_and_goes_alone(tx: Connection, kind: Kind) -> None:
    mine = key(kind, "same")
    others = {key(other, "same"): entry for other, entry in EVERY_KIND.items() if other is not kind}
    reference.save(tx, {mine: EVERY_KIND[kind], **others, key(kind, "same", "d"): EVERY_KIND[kind]})
    assert reference.load(tx, [mine])[mine] == EVERY_KIND[kind]
    reference.save(tx, {mine: None})
    assert mine not in reference.load(tx, [mine, *others])
    assert all(reference.load(tx, [one])[one] == entry for one, entry in others.items())
    assert reference.load(tx, [key(kind, "same", "d")])[key(kind, "same", "d")] == EVERY_KIND[kind]


def test_puts_and_removals_are_written_together_and_removals_of_nothing_are_nothing(tx: Connection) -> None:
    book, pen, never = (key(Kind.PRODUCT, name) for name in ("book", "pen", "never"))
    reference.save(tx, {book: BOOK, pen: BOOK})
    dearer = structs.replace(BOOK, price=Money("USD", Decimal(99)))
    reference.save(tx, {book: None, pen: dearer, never: None})
    assert dict(reference.load(tx, [book, pen, never])) == {pen: dearer}
    reference.save(tx, {book: None, pen: None, never: None})
    assert dict(reference.load(tx, [book, pen, never])) == {}


def test_all_channels_are_listed_and_of_one_that_cannot_be_read_the_name_alone(tx: Connection) -> None:
    tx.execute(text("DELETE FROM reference"))
    settings = {name: Channel(basket_lifetime=f"P{number}D") for number, name in enumerate("abc", start=1)}
    reference.save(tx, {key(Kind.CHANNEL, name, name): channel for name, channel in settings.items()})
    reference.save(tx, {key(Kind.PRODUCT, "a", "a"): BOOK, key(Kind.CHANNEL, "odd", "a"): Channel()})
    assert reference.channels(tx) == settings
    tx.execute(text("UPDATE reference SET document = '{\"price_type\": \"free\"}' WHERE id = 'b'"))
    assert reference.channels(tx) == {**settings, "b": None}
    reference.save(tx, {key(Kind.CHANNEL, "a", "a"): None})
    assert reference.channels(tx) == {"b": None, "c": settings["c"]}


def test_a_user_brings_the_customer_along_and_a_quote_its_products(tx: Connection) -> None:
    named: dict[reference.Key, Reference] = {
        key(Kind.CUSTOMER, "acme"): ACME,
        key(Kind.PRODUCT, "book"): BOOK,
        key(Kind.PRODUCT, "pen"): BOOK,
    }
    user, quote = key(Kind.USER, "pat"), key(Kind.QUOTE, "q")
    reference.save(tx, {**named, user: EVERY_KIND[Kind.USER], quote: QUOTE, key(Kind.PRODUCT, "ink"): BOOK})
    assert set(reference.load(tx, [user])) == {user, key(Kind.CUSTOMER, "acme")}
    assert set(reference.load(tx, [quote])) == {quote, key(Kind.PRODUCT, "book"), key(Kind.PRODUCT, "pen")}
    assert set(reference.load(tx, [user, quote])) == {user, quote, *named}


@pytest.mark.parametrize("document", ["[]", "null", '{"customer": 7}', '{"items": 7}'])
def test_an_entry_that_cannot_be_read_is_found_out_by_who_needs_it(tx: Connection, document: str) -> None:
    user, quote, book = key(Kind.USER, "pat"), key(Kind.QUOTE, "q"), key(Kind.PRODUCT, "book")
    reference.save(tx, {user: EVERY_KIND[Kind.USER], quote: QUOTE, book: BOOK})
    tx.execute(
        text("UPDATE reference SET document = CAST(:d AS jsonb) WHERE id IN ('pat', 'q')"), {"d": document}
    )
    loaded = reference.load(tx, [user, quote, book])
    assert loaded[book] == BOOK
    with pytest.raises(msgspec.DecodeError):
        loaded[quote]


def test_a_removed_entry_is_not_in_the_catalog_of_its_transaction() -> None:
    entries: dict[reference.Key, Reference | None] = {
        key(Kind.STORE, "gone"): None,
        key(Kind.STORE, "there"): EVERY_KIND[Kind.STORE],
    }
    stores = reference.catalog(entries, "c").stores
    assert stores.get("gone") is None
    assert ("there" in stores, "gone" in stores) == (True, False)
    assert list(stores) == ["there"]
    assert len(stores) == 1


def test_a_channel_that_is_removed_is_none_and_the_default_one_has_its_defaults() -> None:
    entries: dict[reference.Key, Reference | None] = {
        key(Kind.CHANNEL, "c"): None,
        key(Kind.CHANNEL, "default", "default"): None,
    }
    assert reference.channel(entries, "c") is None
    assert reference.channel(entries, "default") == Channel()
    assert reference.channel({}, "default") == Channel()


def basket() -> Basket:
    known = Address(id="home", origin="address")
    items = (
        Item(id="1", sku="book", quantity=1, position=1, quote_id="q"),
        Item(
            id="2",
            sku="pen",
            quantity=1,
            position=2,
            shipping_method_id="post",
            ship_to=Address(id="s", origin="store"),
        ),
    )
    made = values.basket("b", channel="c", owner="pat")
    content = structs.replace(
        made.content,
        items=items,
        ship_to=Address(id="typed"),
        invoice_to=known,
        shipping_method_id="ground",
        promotions=("SPRING",),
        cost_center_id="511288",
    )
    return structs.replace(made, content=content, customer="acme")


def test_what_pricing_and_ordering_take_is_named() -> None:
    assert set(reference.keys_of(basket())) == {
        key(Kind.PRODUCT, "book"),
        key(Kind.PRODUCT, "pen"),
        key(Kind.SHIPPING_METHOD, "post"),
        key(Kind.SHIPPING_METHOD, "ground"),
        key(Kind.PROMOTION, "SPRING"),
    }
    assert set(reference.keys_to_order(basket())) == {
        key(Kind.ADDRESS, "home"),
        key(Kind.STORE, "s"),
        key(Kind.COST_CENTER, "511288"),
        key(Kind.USER, "pat"),
        key(Kind.CUSTOMER, "acme"),
        key(Kind.QUOTE, "q"),
    }
    assert list(reference.keys_to_order(values.basket("empty"))) == []


def test_a_repeated_removal_waits_for_the_first_and_finds_nothing(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    mine = (unique(), Kind.PRODUCT, "book")
    first, second = session(), session()
    reference.save(first, {mine: BOOK})
    first.commit()
    reference.save(first, {mine: None})
    assert reference.load(second, [mine]) == {mine: BOOK}, "until it is committed"
    first.commit()
    reference.save(second, {mine: None})
    assert reference.load(second, [mine]) == {}
    second.commit()
