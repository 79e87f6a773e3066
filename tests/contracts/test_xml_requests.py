"""Every well-formed XML request of the Intershop document is taken as it is; the broken ones say where."""

import json
from typing import Any

import intershop
import pytest

from contracts import codec_json, codec_xml
from contracts.commands import BasketUpdate
from contracts.errors import ErrorKey

MILLER = {
    "type": "Address",
    "addressName": "Patricia Miller, Berliner Str. 20, Potsdam",
    "city": "Potsdam",
    "country": "Germany",
    "countryCode": "DE",
    "email": "patricia@test.intershop.de",
    "firstName": "Patricia",
    "id": "kS4KABvHkwcAAAFCdL4J6CtB",
    "lastName": "Miller",
    "phoneMobile": "004917623412341",
    "phoneHome": "049364112677",
    "postalCode": "14482",
    "mainDivision": "BER",
    "title": "Mrs.",
}
TOKEN = (
    "standard@PBEWithMD5AndTripleDES:TCgGG/e9XL0=|Peb5Ipb5W/R+nq0Yk7GiKpf6FiKeC7yAAx9eCd6UP8N3VyGfKs/6XA=="
)

# The same in JSON, as the document writes JSON.
TWINS: dict[str, dict[str, Any]] = {
    "ship-to": {
        "commonShipToAddress": {
            **MILLER,
            "phoneBusiness": "004915163412341",
            "addressLine1": "Berliner Str.",
            "addressLine2": "20",
            "addressLine3": "Downtown",
        }
    },
    "ship-to-by-id": {"commonShipToAddress": {"type": "Address", "id": "5DIKDACqvgwAAAFCptVTzDKI"}},
    "invoice-to": {
        "invoiceToAddress": {
            **MILLER,
            "phoneBusiness": "",
            "addressLine1": "Berliner Str. 20",
            "addressLine2": "20",
            "addressLine3": "Downtown",
        }
    },
    "shipping-method": {
        "commonShippingMethod": {"type": "ShippingMethodRO", "name": "5-Business Day", "id": "STD_5DAY"}
    },
    "promotion": {"promotions": [{"type": "PromotionLink", "code": "INTERSHOP"}]},
    "department": {"department": "Sales"},
    "external-order-reference": {"externalOrderReferenceID": "30000008899"},
    "taxation-id": {"taxationID": "9181081508155"},
    "new-owner": {"newOwnerAuthenticationToken": TOKEN},
    "recurrence-removal": {"recurrence": {"interval": "P0D"}},
    "cost-center": {"costCenterID": "511288"},
}


def test_the_document_has_eleven_requests_and_two_that_are_no_xml() -> None:
    assert intershop.xml_names("requests") == sorted(TWINS)
    assert len(TWINS) == 11
    assert intershop.xml_names("malformed") == [
        "request-invoice-to-by-id",
        "request-recurrence",
        "response-recurrence",
    ]


@pytest.mark.parametrize("name", sorted(TWINS))
def test_a_request_in_xml_is_the_command_that_its_json_twin_is(name: str) -> None:
    twin = {"name": "basket", "type": "Basket", **TWINS[name]}
    expected, _ = codec_json.decode(json.dumps(twin).encode(), BasketUpdate)
    command, problems = codec_xml.decode(intershop.xml(f"requests/{name}"), BasketUpdate)
    assert problems == []
    assert expected is not None
    assert command == expected


def test_a_blank_in_an_end_tag_is_well_formed() -> None:
    assert b"</commonShipToAddress >" in intershop.xml("requests/ship-to")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("request-invoice-to-by-id", "line 3, column 26"),  # invoiceToAddresstype="Address", at the =
        ("request-recurrence", "line 3, column 44"),  # repetitions=42, at the 4
        ("response-recurrence", "line 5, column 106"),  # repetitions=42 again
    ],
)
def test_what_is_no_xml_is_refused_with_its_line_and_column(name: str, place: str) -> None:
    command, (problem,) = codec_xml.decode(intershop.xml(f"malformed/{name}"), BasketUpdate)
    assert command is None
    assert (problem.code, problem.path) == (ErrorKey.MALFORMED, "$")
    assert f", {place}: not well-formed" in problem.message


def test_the_recurrence_of_the_document_is_taken_with_its_quotes() -> None:
    repaired = intershop.xml("malformed/request-recurrence").replace(b"=42", b'="42"')
    repaired = repaired.replace(b"=false", b'="false"')
    twin = json.loads(intershop.body("recurrence"))
    expected, _ = codec_json.decode(
        json.dumps({"name": "basket", "type": "Basket", **twin}).encode(), BasketUpdate
    )
    assert codec_xml.decode(repaired, BasketUpdate) == (expected, [])
