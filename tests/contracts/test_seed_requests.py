"""Every JSON request of the Intershop document is taken as it is."""

import json
from typing import Any

import intershop
import pytest
from msgspec import UNSET

from contracts import codec_json
from contracts.commands import (
    AddressInput,
    BasketUpdate,
    PromotionInput,
    ShippingMethodInput,
)

URN = "urn:address:customer:As8BcSwoiuFEEEAd3pp1Oye:Xf7AqMgoyuMAAAEs2sx0Uei"
ID = "Xf7AqMgoyuMAAAEs2sx0Uei"
TOKEN = (
    "standard@PBEWithMD5AndTripleDES:TCgGG/e9XL0=|Peb5Ipb5W/R+nq0Yk7GiKpf6FiKeC7yAAx9eCd6UP8N3VyGfKs/6XA=="
)

EXPECTED = {
    "ship-to": BasketUpdate(
        common_ship_to_address=AddressInput(
            title="Mrs.",
            first_name="Patricia",
            last_name="Miller",
            postal_code="14482",
            email="patricia@test.intershop.de",
            address_line1="Berliner Str. 20",
            main_division="Brandenburg",
            country="Germany",
            country_code="DE",
            city="Potsdam",
        )
    ),
    "ship-to-by-urn": BasketUpdate(common_ship_to_address=AddressInput(urn=URN)),
    "ship-to-by-id": BasketUpdate(common_ship_to_address=AddressInput(id=ID)),
    "invoice-to": BasketUpdate(
        invoice_to_address=AddressInput(
            type="Address",
            main_division="",
            country="Germany",
            city="Potsdam",
            address_line1="Berliner Str. 20",
            address_line2="",
            address_line3="",
            phone_mobile="",
            phone_home="049364112677",
            first_name="Patricia",
            last_name="Miller",
            title="Mrs.",
            country_code="DE",
            postal_code="14482",
            phone_business="",
            email="patricia@test.intershop.de",
            address_name="Patricia Miller, Berliner Str. 20, Potsdam",
        )
    ),
    "invoice-to-by-urn": BasketUpdate(invoice_to_address=AddressInput(urn=URN)),
    "invoice-to-by-id": BasketUpdate(invoice_to_address=AddressInput(id=ID)),
    "shipping-method": BasketUpdate(
        type="Basket",
        common_shipping_method=ShippingMethodInput(
            type="ShippingMethodRO", name="5-Business Day", id="STD_5DAY"
        ),
    ),
    "promotion": BasketUpdate(promotions=(PromotionInput(code="INTERSHOP"),)),
    "department": BasketUpdate(department="Sales"),
    "external-order-reference": BasketUpdate(external_order_reference_id="30000008899"),
    "taxation-id": BasketUpdate(taxation_id="0123456789"),
    "new-owner": BasketUpdate(new_owner_authentication_token=TOKEN),
    "cost-center": BasketUpdate(cost_center_id="511288"),
}


RECURRENCES = ["recurrence", "recurrence-removal"]


def test_the_document_has_fifteen_requests() -> None:
    assert intershop.requests() == sorted([*EXPECTED, *RECURRENCES])
    assert len(intershop.requests()) == 15


def holds(shown: Any, sent: Any) -> bool:
    """Whether all that was sent is shown; more may be, such as defaults."""
    if isinstance(sent, dict):
        return isinstance(shown, dict) and all(holds(shown.get(name), sent[name]) for name in sent)
    if isinstance(sent, list):
        return len(shown) == len(sent) and all(map(holds, shown, sent))
    return bool(shown == sent) and type(shown) is type(sent)


@pytest.mark.parametrize("name", [*EXPECTED, *RECURRENCES])
def test_nothing_of_a_request_is_lost(name: str) -> None:
    command, problems = codec_json.decode(intershop.body(name), BasketUpdate)
    assert problems == []
    assert holds(json.loads(codec_json.encode(command)), json.loads(intershop.body(name)))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_request_of_the_document_is_taken_as_it_is(name: str) -> None:
    command, problems = codec_json.decode(intershop.body(name), BasketUpdate)
    assert problems == []
    assert command == EXPECTED[name]


def test_what_is_not_sent_is_unset() -> None:
    command, _ = codec_json.decode(intershop.body("department"), BasketUpdate)
    assert command is not None
    sent = [name for name in BasketUpdate.__struct_fields__ if getattr(command, name) not in (UNSET, ())]
    assert sent == ["department"]
