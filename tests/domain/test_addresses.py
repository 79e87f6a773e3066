"""Addresses by reference: whose they are, what they may be used for, and stores."""

import pytest
import shop
from msgspec import structs

from contracts.commands import AddressInput, BasketUpdate
from contracts.errors import ErrorKey
from worker.domain import addresses, updating
from worker.domain.addresses import Role
from worker.domain.basket import Address
from worker.domain.callers import Caller
from worker.domain.decisions import Context
from worker.domain.reference import Channel, KnownAddress, Store

BUYER = Caller(user="patricia", customer="acme")
POTSDAM = Address(id="", first_name="Patricia", city="Potsdam", country_code="DE")
PICKUP = Channel(pickup_in_store=True)


def known(owner: str, *, ship_to: bool = True, invoice_to: bool = True) -> KnownAddress:
    return KnownAddress(owner=owner, is_ship_to=ship_to, is_invoice_to=invoice_to, address=POTSDAM)


BOOK = {
    "hers": known("patricia"),
    "firms": known("acme"),
    "roberts": known("robert"),
    "others": known("beta"),
    "ship": known("patricia", invoice_to=False),
    "invoice": known("patricia", ship_to=False),
    "neither": known("patricia", ship_to=False, invoice_to=False),
    "both-names": known("patricia"),
}
STORES = {
    name: Store(address=structs.replace(POTSDAM, city="Jena")) for name in ("jena", "both-names", "robert")
}


def given(caller: Caller = BUYER, channel: Channel = PICKUP) -> Context:
    return shop.context(caller=caller, channel=channel, addresses=BOOK, stores=STORES)


def resolved(
    reference: AddressInput, role: Role = Role.SHIP_TO, context: Context | None = None
) -> Address | list[tuple[ErrorKey, str | None]]:
    """Give the address that is found, or key and path of each problem."""
    found = addresses.resolve(reference, "$.a", role, context or given())
    if isinstance(found, Address):
        return found
    return [(problem.code, problem.path) for problem in found]


NOT_FOUND = [(ErrorKey.ADDRESS_NOT_FOUND, "$.a")]


@pytest.mark.parametrize(
    ("reference", "id_"),
    [
        (AddressInput(urn="urn:address:customer:patricia:hers"), "hers"),
        (AddressInput(urn="urn:address:customer:acme:firms"), "firms"),
        (AddressInput(id="hers"), "hers"),
        (AddressInput(id="firms"), "firms"),
        (AddressInput(urn="urn:address:customer:patricia:hers", id="firms"), "hers"),
        (AddressInput(urn="", id="firms"), "firms"),
    ],
)
@pytest.mark.parametrize("role", list(Role))
def test_an_address_of_the_caller_or_of_the_callers_customer_is_copied(
    reference: AddressInput, id_: str, role: Role
) -> None:
    assert resolved(reference, role) == structs.replace(POTSDAM, id=id_, origin="address")


@pytest.mark.parametrize(
    "reference",
    [
        AddressInput(urn="urn:address:customer:patricia:unknown"),
        AddressInput(urn="urn:address:customer:patricia:firms"),  # it is not hers but her customer's
        AddressInput(urn="urn:address:customer:robert:roberts"),
        AddressInput(urn="urn:address:customer:patricia:roberts"),
        AddressInput(urn="urn:address:customer:beta:others"),
        AddressInput(urn="urn:address:customer:acme:jena"),
        AddressInput(urn="urn:address:store:jena"),
        AddressInput(urn="urn:address:store:x:hers"),
        AddressInput(urn="urn:address:user:patricia:hers"),
        AddressInput(urn="urn:address:customer::hers"),
        AddressInput(urn="hers"),
        AddressInput(urn="urn:address:customer:patricia:unknown", id="hers"),
        AddressInput(id="roberts"),
        AddressInput(id="others"),
        AddressInput(id="HERS"),
        AddressInput(id="patricia"),
    ],
)
@pytest.mark.parametrize("role", list(Role))
def test_a_reference_to_nothing_that_the_caller_may_use_is_not_found(
    reference: AddressInput, role: Role
) -> None:
    assert resolved(reference, role) == NOT_FOUND


def test_the_addresses_of_a_customer_are_for_those_who_buy_for_it() -> None:
    alone = given(Caller(user="patricia"))
    assert resolved(AddressInput(id="firms"), Role.SHIP_TO, alone) == NOT_FOUND
    assert isinstance(resolved(AddressInput(id="hers"), Role.SHIP_TO, alone), Address)
    assert (
        resolved(AddressInput(id="hers"), Role.SHIP_TO, given(Caller(user="robert", customer="acme")))
        == NOT_FOUND
    )


@pytest.mark.parametrize(
    ("id_", "role", "is_eligible"),
    [
        ("ship", Role.SHIP_TO, True),
        ("ship", Role.INVOICE_TO, False),
        ("invoice", Role.SHIP_TO, False),
        ("invoice", Role.INVOICE_TO, True),
        ("neither", Role.SHIP_TO, False),
        ("neither", Role.INVOICE_TO, False),
    ],
)
def test_an_address_serves_in_the_role_it_is_marked_for(id_: str, role: Role, is_eligible: bool) -> None:
    found = resolved(AddressInput(id=id_), role)
    assert isinstance(found, Address) is is_eligible
    assert is_eligible or found == [(ErrorKey.INVALID_ADDRESS, "$.a")]


@pytest.mark.parametrize(
    "reference",
    [
        AddressInput(id="jena"),
        AddressInput(urn="urn:address:store:jena:1"),
        AddressInput(urn="urn:address:store:x:jena"),
        AddressInput(urn="URN:ADDRESS:Store:x:jena"),
    ],
)
def test_a_store_is_a_ship_to_address_while_pickup_is_on_and_never_an_invoice_to_address(
    reference: AddressInput,
) -> None:
    jena = structs.replace(POTSDAM, city="Jena", id="jena", origin="store")
    assert resolved(reference) == jena
    not_allowed = [(ErrorKey.STORE_ADDRESSES_NOT_ALLOWED, "$.a")]
    assert resolved(reference, Role.SHIP_TO, given(channel=Channel())) == not_allowed
    assert resolved(reference, Role.INVOICE_TO) == not_allowed
    assert resolved(reference, Role.INVOICE_TO, given(channel=Channel())) == not_allowed


def test_of_an_address_and_a_store_with_one_id_the_callers_address_is_meant() -> None:
    found = resolved(AddressInput(id="both-names"))
    assert isinstance(found, Address)
    assert found.origin == "address"
    of_another = resolved(AddressInput(id="both-names"), Role.SHIP_TO, given(Caller(user="robert")))
    assert isinstance(of_another, Address)
    assert of_another.origin == "store"


def test_address_data_win_over_an_id_and_a_urn_even_of_something_unusable() -> None:
    for reference in ({"id": "hers"}, {"id": "roberts"}, {"urn": "urn:address:customer:patricia:hers"}):
        found = resolved(shop.address(**reference))
        assert isinstance(found, Address)
        assert (found.last_name, found.origin) == ("Miller", "")
        assert found.id not in BOOK
    partly = resolved(AddressInput(id="hers", city="Jena"))
    assert partly == [(ErrorKey.ADDRESS_MISSING_FIELDS, "$.a")]


def test_empty_fields_beside_a_reference_are_no_address_data() -> None:
    found = resolved(AddressInput(id="hers", city="", title=" ", first_name=""))
    assert isinstance(found, Address)
    assert found.id == "hers"


def test_an_optional_field_that_is_empty_is_left_out_and_a_required_one_is_missing() -> None:
    assert resolved(shop.address(title="", phone_home="  ")) == resolved(shop.address())
    for name in shop.FULL_ADDRESS:
        assert resolved(shop.address(**{name: ""})) == [(ErrorKey.ADDRESS_MISSING_FIELDS, "$.a")]


@pytest.mark.parametrize("code", ["DE", "de", "De", " dE "])
def test_a_country_code_is_taken_in_any_case_and_kept_upper(code: str) -> None:
    found = resolved(shop.address(country_code=code))
    assert isinstance(found, Address)
    assert (found.country_code, found) == ("DE", resolved(shop.address()))


@pytest.mark.parametrize("code", ["XX", "UK", "DEU", "D", "276", "Germany"])
def test_a_country_code_that_does_not_exist_is_an_invalid_address(code: str) -> None:
    assert resolved(shop.address(country_code=code)) == [(ErrorKey.INVALID_ADDRESS, "$.a.countryCode")]


@pytest.mark.parametrize("code", ["ß", "ﬁ"])
def test_letters_that_become_a_country_code_in_upper_case_are_none(code: str) -> None:
    assert resolved(shop.address(country_code=code)) == [(ErrorKey.INVALID_ADDRESS, "$.a.countryCode")]


def test_a_basket_keeps_a_copy_when_the_address_changes() -> None:
    named = BasketUpdate(common_ship_to_address=AddressInput(id="hers"))
    basket = shop.done(updating.update(shop.seed_basket(), named, given()))
    moved = structs.replace(BOOK["hers"], address=structs.replace(POTSDAM, city="Berlin"))
    later = shop.context(caller=BUYER, addresses={"hers": moved})
    kept = shop.updated(basket, later, department="Sales")
    assert kept.content.ship_to is not None
    assert kept.content.ship_to.city == "Potsdam"
    again = shop.updated(kept, later, common_ship_to_address=AddressInput(id="hers"))
    assert again.content.ship_to is not None
    assert (again.content.ship_to.city, again.version) == ("Berlin", kept.version + 1)


def test_both_addresses_are_set_or_refused_at_their_own_paths() -> None:
    refused = updating.update(
        shop.seed_basket(),
        BasketUpdate(
            common_ship_to_address=AddressInput(id="invoice"), invoice_to_address=AddressInput(id="jena")
        ),
        given(),
    )
    assert shop.refusals(refused) == [
        (ErrorKey.INVALID_ADDRESS, "$.commonShipToAddress"),
        (ErrorKey.STORE_ADDRESSES_NOT_ALLOWED, "$.invoiceToAddress"),
    ]
