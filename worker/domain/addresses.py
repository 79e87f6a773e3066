"""Addresses: a full one is validated; a reference must name one that the caller may use in that role.

Of an address or store that is named, the basket keeps a copy and where it came from: an order is placed only
while that one is still there and still fits (contract, section 7).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
import pycountry

from contracts.body import AddressFields
from contracts.commands import AddressInput
from contracts.errors import ErrorKey, Problem
from worker.domain.basket import Address

if TYPE_CHECKING:
    from worker.domain.callers import Caller
    from worker.domain.decisions import Context
    from worker.domain.reference import Catalog, Channel

_COUNTRY_CODES = frozenset(country.alpha_2 for country in pycountry.countries)
_ID_BYTES = 18  # 24 characters in base 64, as long as the seed's ids
_DATA_FIELDS = tuple(name for name in Address.__struct_fields__ if name not in ("id", "origin"))
# An owner may hold colons, as the users of some logins do; an id that is to be named this way may not.
_URN = re.compile(r"urn:address:(customer|store):(.+):([^:]+)", re.IGNORECASE)
_REQUIRED = {
    "first_name": "firstName",
    "last_name": "lastName",
    "address_line1": "addressLine1",
    "postal_code": "postalCode",
    "city": "city",
    "country_code": "countryCode",
}


class Role(StrEnum):
    SHIP_TO = "ship-to"
    INVOICE_TO = "invoice-to"


class Named(msgspec.Struct, frozen=True):
    """What a reference names: an address, of `owner` when that is said, or a store, or either."""

    address_id: str = ""
    owner: str = ""
    store_ids: tuple[str, ...] = ()


def named(given: AddressInput) -> Named | None:
    """Read the reference in what was sent. None when it is none: address data wins over a reference."""
    if any(_data(given).values()):
        return None
    if not given.urn:
        return Named(address_id=given.id, store_ids=(given.id,)) if given.id else None
    match = _URN.fullmatch(given.urn)
    if match is None:
        return Named()
    kind, owner, id_ = match.groups()
    if kind.lower() == "customer":
        return Named(address_id=id_, owner=owner)
    return Named(store_ids=(id_, owner))


def resolve(given: AddressInput, path: str, role: Role, context: Context) -> Address | list[Problem]:
    """Make an address of what was sent."""
    reference = named(given)
    if reference is None:
        return full(given, path)
    found = _find(reference, context)
    if found is None:
        message = f"there is no address {given.urn or given.id!r} that the caller may use"
        return [Problem(code=ErrorKey.ADDRESS_NOT_FOUND, message=message, path=path)]
    problem = obstacle(found, role, context.channel, context.catalog, path)
    return [problem] if problem is not None else found


def full(given: AddressFields, path: str) -> Address | list[Problem]:
    """Make an address of its fields; its id is derived from them."""
    data = _data(given)
    problems = []
    missing = [shown for name, shown in _REQUIRED.items() if not data[name]]
    if missing:
        problems.append(_missing(missing, path))
    if data["country_code"].isascii():  # "ß" would become South Sudan
        data["country_code"] = data["country_code"].upper()
    if data["country_code"] and data["country_code"] not in _COUNTRY_CODES:
        message = "countryCode is no ISO 3166-1 alpha-2 code"
        problems.append(Problem(code=ErrorKey.INVALID_ADDRESS, message=message, path=f"{path}.countryCode"))
    return problems or Address(id=_address_id(data), origin="", **data)


def obstacle(
    address: Address, role: Role, channel: Channel, catalog: Catalog, path: str | None = None
) -> Problem | None:
    """Say why an address may not be used in a role now; None when it may. One sent in full always may."""
    if address.origin == "store":
        if role is Role.INVOICE_TO or not channel.pickup_in_store:
            message = "a store is no invoice-to address, and a ship-to address only with pickup in store"
            return Problem(code=ErrorKey.STORE_ADDRESSES_NOT_ALLOWED, message=message, path=path)
        is_there = address.id in catalog.stores
    elif address.origin == "address":
        known = catalog.addresses.get(address.id)
        is_there = known is not None
        if known is not None and not (known.is_ship_to if role is Role.SHIP_TO else known.is_invoice_to):
            message = f"the address {address.id!r} is not marked as {role} address"
            return Problem(code=ErrorKey.INVALID_ADDRESS, message=message, path=path)
    else:
        return None
    message = f"there is no address {address.id!r} any more"
    return None if is_there else Problem(code=ErrorKey.ADDRESS_NOT_FOUND, message=message, path=path)


def _find(reference: Named, context: Context) -> Address | None:
    known = context.catalog.addresses.get(reference.address_id)
    if known is not None and known.owner in _owners(context.caller) and reference.owner in ("", known.owner):
        return msgspec.structs.replace(known.address, id=reference.address_id, origin="address")
    for id_ in reference.store_ids:
        store = context.catalog.stores.get(id_)
        if store is not None:
            return msgspec.structs.replace(store.address, id=id_, origin="store")
    return None


def _owners(caller: Caller) -> tuple[str, ...]:
    return (caller.user, caller.customer) if caller.customer else (caller.user,)


def _data(given: AddressFields) -> dict[str, str]:
    return {name: getattr(given, name).strip() for name in _DATA_FIELDS}


def _missing(names: Iterable[str], path: str) -> Problem:
    message = "missing in the address: " + ", ".join(names)
    return Problem(code=ErrorKey.ADDRESS_MISSING_FIELDS, message=message, path=path)


def _address_id(data: dict[str, str]) -> str:
    digest = hashlib.blake2b(msgspec.json.encode(data, order="sorted"), digest_size=_ID_BYTES)
    return base64.urlsafe_b64encode(digest.digest()).decode()
