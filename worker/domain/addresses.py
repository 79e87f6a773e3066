"""Addresses: a full one is validated and set; a reference must resolve to one that exists."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

import msgspec
import pycountry

from contracts.commands import AddressInput
from contracts.errors import ErrorKey, Problem
from worker.domain.basket import Address

_COUNTRY_CODES = frozenset(country.alpha_2 for country in pycountry.countries)
_ID_BYTES = 18  # 24 characters in base 64, as long as the seed's ids
_DATA_FIELDS = tuple(name for name in Address.__struct_fields__ if name != "id")
_REQUIRED = {
    "first_name": "firstName",
    "last_name": "lastName",
    "address_line1": "addressLine1",
    "postal_code": "postalCode",
    "city": "city",
    "country_code": "countryCode",
}


def resolve(given: AddressInput, path: str) -> Address | list[Problem]:
    """Make an address of what was sent. Address data wins over an id in the same body."""
    data = {name: getattr(given, name).strip() for name in _DATA_FIELDS}
    if any(data.values()):
        return _full_address(data, path)
    reference = given.urn or given.id
    if reference:
        message = f"there is no address {reference!r} that the caller may use"
        return [Problem(code=ErrorKey.ADDRESS_NOT_FOUND, message=message, path=path)]
    return [_missing(_REQUIRED.values(), path)]


def _full_address(data: dict[str, str], path: str) -> Address | list[Problem]:
    problems = []
    missing = [shown for name, shown in _REQUIRED.items() if not data[name]]
    if missing:
        problems.append(_missing(missing, path))
    data["country_code"] = data["country_code"].upper()
    if data["country_code"] and data["country_code"] not in _COUNTRY_CODES:
        message = "countryCode is no ISO 3166-1 alpha-2 code"
        problems.append(Problem(code=ErrorKey.INVALID_ADDRESS, message=message, path=f"{path}.countryCode"))
    return problems or Address(id=_address_id(data), **data)


def _missing(names: Iterable[str], path: str) -> Problem:
    message = "missing in the address: " + ", ".join(names)
    return Problem(code=ErrorKey.ADDRESS_MISSING_FIELDS, message=message, path=path)


def _address_id(data: dict[str, str]) -> str:
    digest = hashlib.blake2b(msgspec.json.encode(data, order="sorted"), digest_size=_ID_BYTES)
    return base64.urlsafe_b64encode(digest.digest()).decode()
