"""Addresses, stores, customers, cost centers and users that are put, and what is refused at which path."""

from typing import Any

import pytest
from msgspec import structs
from puts import malformed, put

from contracts.errors import ErrorKey
from worker.domain.basket import Address
from worker.domain.reference import CostCenter, Customer, KnownAddress, Store, User

ADDRESS = {
    "firstName": "Patricia",
    "lastName": "Miller",
    "addressLine1": "Berliner Str. 20",
    "postalCode": "14482",
    "city": "Potsdam",
    "countryCode": "de",
}


def test_an_address_is_complete_and_has_an_owner_and_its_roles() -> None:
    read = put("address", {"owner": "acme", "shipTo": True, "title": "", **ADDRESS})
    assert isinstance(read, KnownAddress)
    assert (read.owner, read.is_ship_to, read.is_invoice_to) == ("acme", True, False)
    assert (read.address.country_code, read.address.city, read.address.title) == ("DE", "Potsdam", "")
    neither = put("address", {"owner": "acme", **ADDRESS})
    assert (neither.is_ship_to, neither.is_invoice_to) == (False, False)


def test_a_store_has_a_complete_address() -> None:
    read = put("store", {"address": ADDRESS})
    assert isinstance(read, Store)
    assert isinstance(read.address, Address)
    assert read.address.last_name == "Miller"


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("address", ADDRESS, malformed("$.owner")),
        ("address", {"owner": "acme"}, [(ErrorKey.ADDRESS_MISSING_FIELDS, "$")]),
        ("address", {"owner": "acme", **ADDRESS, "city": " "}, [(ErrorKey.ADDRESS_MISSING_FIELDS, "$")]),
        (
            "address",
            {"owner": "a", **ADDRESS, "countryCode": "XX"},
            [(ErrorKey.INVALID_ADDRESS, "$.countryCode")],
        ),
        ("address", {"owner": "acme", **ADDRESS, "shipTo": "yes"}, malformed("$.shipTo")),
        ("address", {"owner": "acme", **ADDRESS, "fax": "1"}, [(ErrorKey.UNKNOWN_FIELD, "$.fax")]),
        ("store", {}, malformed("$.address")),
        ("store", {"address": {}}, [(ErrorKey.ADDRESS_MISSING_FIELDS, "$.address")]),
        (
            "store",
            {"address": {**ADDRESS, "countryCode": "XX"}},
            [(ErrorKey.INVALID_ADDRESS, "$.address.countryCode")],
        ),
        ("customer", {}, malformed("$.business")),
        ("customer", {"business": "yes"}, malformed("$.business")),
        ("cost-center", {}, malformed("$.customer")),
        ("cost-center", {"customer": ""}, malformed("$.customer")),
        ("cost-center", {"customer": "acme", "active": 1}, malformed("$.active")),
        ("user", {"groups": "g"}, malformed("$.groups")),
        ("user", {"groups": ["g", 5]}, malformed("$.groups[1]")),
        ("user", {"customer": ""}, malformed("$.customer")),
    ],
)
def test_what_is_missing_or_wrong_is_named(kind: str, body: dict[str, Any], expected: Any) -> None:
    assert put(kind, body) == expected


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("user", {}, User()),
        ("user", {"groups": []}, User(groups=())),
        ("user", {"groups": ["a", "b"], "customer": "acme"}, User(groups=("a", "b"), customer="acme")),
        ("customer", {"business": True}, Customer(is_business=True)),
        ("cost-center", {"customer": "acme"}, CostCenter(customer="acme")),
        ("cost-center", {"customer": "acme", "active": False}, CostCenter(customer="acme", is_active=False)),
    ],
)
def test_the_small_ones_are_taken_as_they_are_sent(kind: str, body: dict[str, Any], expected: Any) -> None:
    assert put(kind, body) == expected
    assert put(kind, {**body, "type": "whatever"}) == expected


def test_the_same_address_has_the_same_id_whoever_puts_it() -> None:
    hers, firms = (put("address", {"owner": owner, **ADDRESS}) for owner in ("patricia", "acme"))
    assert hers.address == firms.address == put("store", {"address": ADDRESS}).address
    assert structs.replace(hers, owner="acme") == firms
