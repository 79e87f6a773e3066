"""The content type says what the body is, and what its answer is written in."""

from typing import Any

import pytest

from contracts.commands import BasketUpdate
from contracts.envelope import Delivery, Envelope, open_envelope
from contracts.errors import in_order

BASKET = b"<Basket><department>Sales</department></Basket>"


def opened(content_type: Any, body: bytes = BASKET, type_: str = "basket.update") -> Envelope:
    properties = {"type": type_, "message_id": "m-1", "content_type": content_type}
    return open_envelope(Delivery(key="a-basket", body=body, properties=properties), ())


def keys(envelope: Envelope) -> list[str]:
    return [problem.code.value for problem in in_order(envelope.problems)]


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        ("application/xml", "application/xml"),
        ("text/xml", "text/xml"),
        ("TEXT/XML", "text/xml"),
        (" text/xml ", "text/xml"),
        ("text/xml;charset=utf-8", "text/xml"),
        ('application/xml; charset="UTF-8"', "application/xml"),
    ],
)
def test_xml_in_utf_8_is_taken_and_answered_as_what_it_was_sent(content_type: str, media_type: str) -> None:
    envelope = opened(content_type)
    assert envelope.problems == ()
    assert envelope.command == BasketUpdate(department="Sales")
    assert envelope.media_type == media_type


@pytest.mark.parametrize("content_type", [None, "", "application/json", "application/json; charset=utf-8"])
def test_json_is_answered_in_json(content_type: str | None) -> None:
    assert opened(content_type, b"{}").media_type == "application/json"
    assert keys(opened(content_type)) == ["command.malformed.error"]


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        ("text/xml; charset=latin-1", "text/xml"),
        ("application/xml; charset=utf-16", "application/xml"),
        ("text/xml;", "text/xml"),
        ("application/xhtml+xml", "application/json"),
        ("text/xml2", "application/json"),
        ("text/plain", "application/json"),
        ("xml", "application/json"),
        (b"text/xml", "application/json"),
        (["text/xml"], "application/json"),
        (5, "application/json"),
    ],
)
def test_any_other_content_type_is_unsupported_and_xml_is_answered_in_xml_all_the_same(
    content_type: Any, media_type: str
) -> None:
    envelope = opened(content_type)
    assert "command.unsupported_content_type.error" in keys(envelope)
    assert envelope.media_type == media_type
    assert not envelope.is_parked
    (message,) = [problem.message for problem in envelope.problems if problem.code.status == 415]
    assert all(name in message for name in ("application/json", "application/xml", "text/xml"))


@pytest.mark.parametrize(
    ("body", "type_", "key"),
    [
        (b"{}", "basket.update", "command.malformed.error"),
        (b"<Basket>", "basket.update", "command.malformed.error"),
        (b"", "basket.update", "command.malformed.error"),
        (b"<Basket/>", "basket.upd", "command.unknown_type.error"),
        (b" " * 262_145, "basket.create", "command.too_large.error"),
    ],
)
def test_what_cannot_be_read_is_answered_in_the_format_that_was_asked_for(
    body: bytes, type_: str, key: str
) -> None:
    envelope = opened("text/xml", body, type_)
    assert keys(envelope)[0] == key
    assert envelope.media_type == "text/xml"


def test_a_repeat_may_ask_for_another_format_when_its_body_is_the_same() -> None:
    """Only an empty body is the same in both; it is then answered in the format that the repeat names."""
    assert opened("text/xml", b"", "basket.create").body_hash == opened(None, b"", "basket.create").body_hash
    assert opened("text/xml").body_hash != opened(None, b'{"department":"Sales"}').body_hash
