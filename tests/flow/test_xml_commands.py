"""A command in XML is answered in XML, whatever comes of it; the event of the same command is JSON."""

import json

import pytest
from outside.listener import Listener
from outside.shop import BENQ
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command, unique

XML_TYPES = ["application/xml", "text/xml"]
CREATE = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Basket name="basket" type="Basket"/>'
SALES = b"<Basket><department>Sales &amp; Co.</department></Basket>"
ONE_BENQ = (
    b"<BasketItemAdd><elements><Element sku='%b'><quantity value='1'/></Element></elements></BasketItemAdd>"
)


@pytest.mark.parametrize("content_type", XML_TYPES)
def test_a_basket_is_created_in_xml_and_its_event_is_json(
    upstream: Upstream, events: Listener, content_type: str
) -> None:
    message = upstream.expecting(
        command("basket.create", unique("basket"), CREATE, content_type=content_type)
    )
    reply = upstream.ask_for(message)
    event = events.answer(message)
    assert (reply.status, reply.content_type) == (201, content_type)
    assert (reply.xml.tag, reply.xml.get("name"), reply.xml.get("type")) == ("Basket", "basket", "Basket")
    assert (reply.xml.findtext("id"), reply.xml.findtext("owner")) == (message.key, "patricia")
    assert event.content_type == "application/json"
    assert event.json["id"] == message.key
    assert (reply.type, reply.headers, reply.message_id) == (event.type, event.headers, event.message_id)


def test_a_whole_conversation_may_be_in_xml(upstream: Upstream) -> None:
    basket, in_xml = unique("basket"), {"content_type": "text/xml"}
    upstream.ask("basket.create", basket, CREATE, **in_xml)
    added = upstream.ask("basket.item.add", basket, ONE_BENQ % BENQ.encode(), **in_xml)
    assert (added.status, added.xml.findtext("totals/itemTotal/value")) == (201, "210.28")
    updated = upstream.ask("basket.update", basket, SALES, **in_xml)
    assert updated.xml.findtext("department") == "Sales & Co."
    shown = upstream.ask("basket.get", basket, **in_xml)
    assert shown.body == updated.body
    assert upstream.ask("basket.get", basket).json["department"] == "Sales & Co."
    orders = upstream.ask("basket.orders", basket, b"<BasketOrders limit='5'/>", **in_xml)
    assert (orders.status, orders.xml.tag, len(orders.xml.findall("orders/*"))) == (200, "OrderPage", 0)


@pytest.mark.parametrize("content_type", XML_TYPES)
def test_a_repeat_in_xml_is_answered_with_the_same_bytes(
    upstream: Upstream, stage: Stage, content_type: str
) -> None:
    message = command("basket.create", unique("basket"), CREATE, content_type=content_type)
    first = upstream.ask_for(message)
    upstream.ask("basket.update", message.key, {"department": "Legal"})
    again = upstream.ask_for(message)
    assert again.said == first.said
    assert again.content_type == content_type
    assert stage.rows("select count(*) from outbox where key = %s", message.key) == [(2,)]


def test_a_repeat_in_json_of_a_command_in_xml_is_another_command(upstream: Upstream) -> None:
    basket, id_ = unique("basket"), unique("m")
    assert (
        upstream.ask("basket.create", basket, CREATE, message_id=id_, content_type="text/xml").status == 201
    )
    reused = upstream.ask("basket.create", basket, {}, message_id=id_)
    assert (reused.status, reused.content_type) == (409, "application/json")
    assert reused.codes == ["command.message_id_reused.error"]
    reused = upstream.ask("basket.create", basket, b"<Basket/>", message_id=id_, content_type="text/xml")
    assert (reused.status, reused.content_type) == (409, "text/xml")


def test_a_repeat_without_a_body_is_answered_in_the_format_it_names(upstream: Upstream) -> None:
    basket, id_ = unique("basket"), unique("m")
    replies = [
        upstream.ask("basket.create", basket, message_id=id_, content_type=content_type)
        for content_type in ("text/xml", "application/json", "application/xml")
    ]
    assert [reply.content_type for reply in replies] == ["text/xml", "application/json", "application/xml"]
    assert replies[0].body == replies[2].body
    assert replies[1].json["id"] == replies[0].xml.findtext("id") == basket


@pytest.mark.parametrize(
    ("type_", "body", "content_type", "key", "place"),
    [
        ("basket.update", SALES, "text/xml", "basket.basket_not_found.error", None),
        (
            "basket.update",
            b"<Basket>\n<a b=1/></Basket>",
            "text/xml",
            "command.malformed.error",
            "line 2, column 6",
        ),
        ("basket.update", b"<Baskets/>", "application/xml", "command.malformed.error", "line 1, column 1"),
        ("basket.update", b"{}", "application/xml", "command.malformed.error", "line 1, column 1"),
        ("basket.unheard_of", CREATE, "text/xml", "command.unknown_type.error", None),
        (
            "basket.create",
            CREATE,
            "text/xml; charset=latin-1",
            "command.unsupported_content_type.error",
            None,
        ),
        ("basket.create", b" " * 300_000, "text/xml", "command.too_large.error", None),
    ],
)
def test_a_refusal_is_written_in_xml_too(
    upstream: Upstream,
    events: Listener,
    type_: str,
    body: bytes,
    content_type: str,
    key: str,
    place: str | None,
) -> None:
    message = upstream.expecting(command(type_, unique("basket"), body, content_type=content_type))
    reply = upstream.ask_for(message)
    assert (reply.error_key, reply.content_type) == (key, content_type.partition(";")[0])
    assert reply.xml.tag == "Errors"
    codes = [error.findtext("code") for error in reply.xml.findall("errors/Error")]
    assert codes[0] == key
    if place is not None:
        assert f", {place}: " in str(reply.xml.findtext("errors/Error/message"))
    event = events.answer(message)
    assert event.content_type == "application/json"
    assert event.codes == codes == [error["code"] for error in json.loads(event.body)["errors"]]


def test_an_empty_answer_stays_empty(upstream: Upstream) -> None:
    """A get of the caller's own basket, where there is none, is answered 204."""
    caller = unique("caller")
    reply = upstream.ask("basket.get", caller, caller=caller, content_type="text/xml")
    assert (reply.status, reply.body, reply.content_type) == (204, b"", "text/xml")


def test_formats_may_be_mixed_in_one_batch(upstream: Upstream) -> None:
    basket = unique("basket")
    commands = [command("basket.create", basket)]
    for number in range(20):
        commands += [
            command("basket.update", basket, {"department": f"J{number}"}),
            command("basket.update", basket, SALES, content_type="text/xml"),
        ]
    replies = upstream.ask_all(commands)
    assert [reply.version for reply in replies] == list(range(1, 42))
    assert {reply.content_type for reply in replies[1::2]} == {"application/json"}
    assert {reply.xml.findtext("department") for reply in replies[2::2]} == {"Sales & Co."}
