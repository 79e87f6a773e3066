"""Answers in XML: the response examples of the Intershop document, every other view, and every text."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element

import intershop
import msgspec
import pytest
import views
import wild
from defusedxml.ElementTree import fromstring
from hypothesis import given

from contracts import answers, codec_json, codec_xml, events, orders
from contracts.errors import ErrorKey, Errors, Problem
from contracts.orders import RuleView
from contracts.representation import (
    BasketView,
    MoneyView,
    ProcessDatasetDescriptionView,
    RecurrenceView,
)

OURS = {"owner", "version"}  # fields that the document's baskets do not have
DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><'


def comparable(element: Element) -> Any:
    """Give name, attributes, text and children: numbers by value, children in any order."""
    text = (element.text or "").strip()
    children = Counter(comparable(child) for child in element if child.tag not in OURS)
    return element.tag, frozenset(element.items()), by_value(text), frozenset(children.items())


def by_value(text: str) -> object:
    try:
        return Decimal(text)
    except ArithmeticError:
        return text


def parsed(document: bytes) -> Element:
    assert document.startswith(DECLARATION)
    root = fromstring(document, forbid_dtd=True)
    assert isinstance(root, Element)
    return root


def basket(name: str) -> Any:
    """Read the view out of the document's JSON example; it has the same baskets in both formats."""
    return json.loads(intershop.body(f"response-{name}")) | {"owner": "patricia", "version": 3}


def as_view(shown: Any) -> BasketView:
    return msgspec.json.decode(json.dumps(shown), type=BasketView)


@pytest.mark.parametrize("name", ["single-shipment", "multiple-shipment"])
def test_a_basket_is_written_as_in_the_document(name: str) -> None:
    ours = parsed(codec_xml.encode(as_view(basket(name))))
    assert comparable(ours) == comparable(fromstring(intershop.xml(f"responses/{name}")))


def test_owner_and_version_are_elements_of_their_own() -> None:
    root = parsed(codec_xml.encode(as_view(basket("single-shipment"))))
    assert (root.findtext("owner"), root.findtext("version")) == ("patricia", "3")


def test_the_recurrence_is_written_as_in_the_document() -> None:
    recurrence = {
        "type": "Recurrence",
        "startDate": 1464775200000,
        "endDate": 1496311200000,
        "interval": "P3M",
        "repetitions": 42,
        "executeMissedOrders": False,
    }
    root = parsed(codec_xml.encode(as_view({**basket("single-shipment"), "recurrence": recurrence})))
    document = intershop.xml("malformed/response-recurrence")
    repaired = fromstring(document.replace(b"=42", b'="42"').replace(b"=false", b'="false"'))
    ours, theirs = root.find("recurrence"), repaired.find("recurrence")
    assert ours is not None
    assert theirs is not None
    assert dict(ours.attrib) == dict(theirs.attrib)
    assert len(list(ours)) == 0


@pytest.mark.parametrize(
    ("currency", "value", "shown"),
    [
        *(
            ("USD", "193.08", "193.08"),
            ("USD", "2.7", "2.70"),
            ("USD", "0", "0.00"),
            ("USD", "1E+3", "1000.00"),
        ),
        *(
            ("USD", "0.125", "0.125"),
            ("JPY", "100", "100.00"),
            ("KWD", "1.5", "1.500"),
            ("EUR", "-3", "-3.00"),
        ),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency_and_at_least_two(
    currency: str, value: str, shown: str
) -> None:
    money = parsed(codec_xml.encode(MoneyView(currency_mnemonic=currency, value=Decimal(value))))
    assert (money.findtext("currencyMnemonic"), money.findtext("value")) == (currency, shown)


def test_a_date_keeps_its_milliseconds_when_it_has_any() -> None:
    view = RecurrenceView(start_date=1464775200123, interval="P1M", execute_missed_orders=True)
    assert parsed(codec_xml.encode(view)).get("startDate") == "2016-06-01T10:00:00.123000Z"


def test_errors_are_a_list_of_code_message_and_path() -> None:
    problems = (
        Problem(code=ErrorKey.UNKNOWN_FIELD, message="there is no field 'x'", path="$.x"),
        Problem(code=ErrorKey.UNAUTHORIZED, message="<token>"),
    )
    assert codec_xml.encode(Errors(errors=problems)) == DECLARATION + (
        b"Errors><errors><Error><code>command.unknown_field.error</code>"
        b"<message>there is no field 'x'</message><path>$.x</path></Error>"
        b"<Error><code>command.unauthorized.error</code><message>&lt;token&gt;</message></Error></errors></Errors>"
    )


def test_a_status_of_a_recurrence_has_its_rule_in_attributes() -> None:
    status = orders.RecurrenceStatusView(
        state="active",
        generation=1,
        recurrence=RuleView(start_date="2026-03-01T10:00:00Z", interval="P1M", execute_missed_orders=True),
        order_count=0,
        last_orders=(),
    )
    assert codec_xml.encode(status) == DECLARATION + (
        b"RecurrenceStatus><state>active</state><generation>1</generation>"
        b'<recurrence startDate="2026-03-01T10:00:00Z" interval="P1M" executeMissedOrders="true">'
        b"</recurrence><orderCount>0</orderCount><lastOrders></lastOrders></RecurrenceStatus>"
    )


def test_parameters_of_a_process_have_their_names_in_attributes() -> None:
    description = ProcessDatasetDescriptionView(
        process_business_id="crop", parameters={"a <name>": "a & b", "margin": 2, "exact": True}
    )
    assert codec_xml.encode(description) == DECLARATION + (
        b"ProcessDatasetDescription><processBusinessId>crop</processBusinessId><parameters>"
        b'<Parameter name="a &lt;name&gt;">a &amp; b</Parameter><Parameter name="margin">2</Parameter>'
        b'<Parameter name="exact">true</Parameter></parameters></ProcessDatasetDescription>'
    )


def test_every_root_and_every_item_has_a_name() -> None:
    assert [
        view.__name__.removesuffix("View") for view in views.EVERY if view in answers.COMPLETED.values()
    ] == [*("BasketPage", "Basket", "OrderFilesPage", "OrderPage", "Order", "Preview", "RecurrenceStatus")]
    named = {
        "baskets": "BasketSummary",
        "orders": "OrderSummary",
        "files": "OrderFile",
        "lineItems": "OrderLine",
        "datasetSelections": "DatasetSelection",
        "datasetTasks": "DatasetTask",
    }
    for view in views.EVERY:
        root = parsed(codec_xml.encode(views.full(view)))
        for wrapper, item in named.items():
            found = root.find(wrapper)
            assert found is None or [child.tag for child in found] == [item]


@pytest.mark.parametrize("view", views.EVERY)
def test_every_view_is_well_formed_whatever_its_texts_are(view: type[msgspec.Struct]) -> None:
    @given(views.wild_ones(view))
    def check(value: msgspec.Struct) -> None:
        parsed(codec_xml.encode(value))

    check()


@given(wild.texts)
def test_a_text_arrives_as_it_was_but_for_what_xml_cannot_hold(text: str) -> None:
    expected = "".join("\ufffd" if letter in "\0\x1f\ud800\udfff\uffff" else letter for letter in text)
    problem = Problem(code=ErrorKey.MALFORMED, message=text, path="$")
    assert (parsed(codec_xml.encode(Errors(errors=(problem,)))).findtext(".//message") or "") == expected
    method = {"type": "ShippingMethodRO", "id": "a", "name": expected}
    shown = as_view({**basket("single-shipment"), "commonShippingMethod": method})
    common = parsed(codec_xml.encode(shown)).find("commonShippingMethod")
    assert common is not None
    assert common.get("name") == (common.findtext("name") or "") == expected


@pytest.mark.parametrize("view", [view for view in views.EVERY if view in answers.COMPLETED.values()])
def test_the_answer_to_a_command_is_converted_from_its_event(view: type[msgspec.Struct]) -> None:
    value = views.full(view)
    for command in (name for name, known in answers.COMPLETED.items() if known is view):
        body = codec_json.encode(value)
        assert answers.in_xml(events.COMPLETED, command, body) == codec_xml.encode(value)


def test_a_refusal_is_converted_whatever_the_command_was() -> None:
    errors = Errors(errors=(Problem(code=ErrorKey.UNKNOWN_TYPE, message="there is no command 'x'"),))
    for command in ("x", "", "basket.update"):
        assert answers.in_xml(events.REJECTED, command, codec_json.encode(errors)) == codec_xml.encode(errors)


def test_an_empty_answer_stays_empty_and_one_that_is_unknown_is_none() -> None:
    assert answers.in_xml(events.COMPLETED, "product.put", b"") == b""
    assert answers.in_xml(events.COMPLETED, "product.put", b"{}") is None
    assert answers.in_xml(events.COMPLETED, "no.more", b"{}") is None
    assert answers.in_xml(events.COMPLETED, "basket.get", b'{"id":1}') is None
    assert answers.in_xml(events.COMPLETED, "basket.get", b"{") is None
