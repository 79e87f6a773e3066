"""Everything around the body: what is taken, what is a problem, and that no message ever raises."""

from datetime import UTC, datetime
from typing import Any

import pytest
import wild

from contracts import commands
from contracts.envelope import MAX_BODY_BYTES, Delivery, Envelope, open_envelope
from contracts.errors import in_order

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PREFIXES = ("basket.replies.", "shop.")


def opened(
    type_: Any = "basket.update",
    body: bytes = b"{}",
    key: str = "a-basket",
    *,
    headers: Any = None,
    **changed: Any,
) -> Envelope:
    """Open a good message with some properties changed; None takes one away."""
    properties = {"type": type_, "message_id": "m-1", **changed}
    return open_envelope(
        Delivery(
            key=key,
            body=body,
            properties={name: value for name, value in properties.items() if value is not None},
            headers=headers or {},
        ),
        PREFIXES,
    )


def keys(envelope: Envelope) -> list[str]:
    return [problem.code.value for problem in in_order(envelope.problems)]


def test_a_bare_message_is_a_command_of_the_default_channel() -> None:
    envelope = opened()
    assert envelope.problems == ()
    assert envelope.command == commands.BasketUpdate()
    assert (envelope.type, envelope.key, envelope.channel) == ("basket.update", "a-basket", "default")
    assert (envelope.message_id, envelope.correlation_id) == ("m-1", "m-1")
    assert (envelope.reply_to, envelope.sent_at, envelope.token) == (None, None, None)
    assert (envelope.expected_version, envelope.traceparent) == (None, None)
    assert envelope.identity == ("default", "a-basket", "m-1")
    assert not envelope.is_parked


def test_a_full_message_is_read_as_it_is() -> None:
    envelope = opened(
        content_type="application/json",
        correlation_id="c-1",
        reply_to="basket.replies.shop-7",
        timestamp=1_772_366_400,
        headers={
            "authorization": "Bearer a.b.c",
            "channel": "b2c",
            "expected-version": 7,
            "traceparent": TRACE,
            "anything": "else",
        },
    )
    assert envelope.problems == ()
    assert (envelope.correlation_id, envelope.reply_to) == ("c-1", "basket.replies.shop-7")
    assert envelope.sent_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert (envelope.token, envelope.channel) == ("a.b.c", "b2c")
    assert (envelope.expected_version, envelope.traceparent) == (7, TRACE)


@pytest.mark.parametrize("key", ["a", "~!@#$%^&*()", "urn:address:1/2", "x" * 200])
def test_a_routing_key_is_up_to_two_hundred_printable_characters(key: str) -> None:
    assert opened(key=key).problems == ()
    assert opened(key=key).identity == ("default", key, "m-1")


@pytest.mark.parametrize("key", ["", " ", "a b", "a\n", "\ta", "x" * 201, "ä", "a\x7f", "a\0", "\ud800"])
def test_any_other_routing_key_is_refused_and_no_identity(key: str) -> None:
    envelope = opened(key=key)
    assert keys(envelope) == ["basket.basket_id_required.error"]
    assert envelope.identity is None
    assert not envelope.is_parked


@pytest.mark.parametrize("message_id", ["m", "ä 1", "x" * 255])
def test_a_message_id_is_any_text_of_up_to_255_characters(message_id: str) -> None:
    assert opened(message_id=message_id).message_id == message_id


@pytest.mark.parametrize("message_id", [None, "", "x" * 256, 5, b"m", ["m"], "nul\0", "half\ud800"])
def test_without_a_usable_message_id_a_message_is_refused_and_parked(message_id: Any) -> None:
    envelope = opened(message_id=message_id, correlation_id="c")
    assert keys(envelope) == ["command.message_id_required.error"]
    assert (envelope.message_id, envelope.identity, envelope.correlation_id) == (None, None, "c")
    assert envelope.is_parked


@pytest.mark.parametrize(
    "type_", [None, "", "basket.upd", "BASKET.UPDATE", " basket.update", 5, b"basket.update"]
)
def test_an_unknown_type_is_refused_and_parked(type_: Any) -> None:
    envelope = opened(type_)
    assert keys(envelope) == ["command.unknown_type.error"]
    assert envelope.is_parked
    assert envelope.command is None


def test_a_body_that_does_not_parse_is_refused_and_not_parked() -> None:
    envelope = opened(body=b"{")
    assert keys(envelope) == ["command.malformed.error"]
    assert not envelope.is_parked


def test_a_message_whose_properties_cannot_be_read_is_parked() -> None:
    delivery = Delivery(key="a", body=b"{}", is_unreadable=True)
    envelope = open_envelope(delivery, PREFIXES)
    assert "command.malformed.error" in keys(envelope)
    assert envelope.is_parked


@pytest.mark.parametrize(
    "content_type",
    [
        *(None, "", "application/json", "APPLICATION/JSON", "application/json;charset=utf-8"),
        *("application/json; charset=UTF-8", 'application/json; charset="utf-8"', " application/json "),
        "application/json ; charset=utf-8",
    ],
)
def test_json_in_utf_8_is_taken_and_meant_when_nothing_is_said(content_type: str | None) -> None:
    assert opened(content_type=content_type).problems == ()


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", "json", "application/json; charset=latin-1", "application/jsonx", "text/json"),
        *("application/x-python-serialize", 5, b"application/json", ["application/json"]),
    ],
)
def test_any_other_content_type_is_unsupported_and_not_parked(content_type: Any) -> None:
    envelope = opened(content_type=content_type)
    assert keys(envelope) == ["command.unsupported_content_type.error"]
    assert not envelope.is_parked


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf8", "identity", ""])
def test_plain_text_may_say_so(encoding: str) -> None:
    assert opened(content_encoding=encoding).problems == ()


@pytest.mark.parametrize("encoding", ["gzip", "base64", "binary", "latin-1", 5])
def test_an_encoding_that_cannot_be_read_is_unsupported_and_parked(encoding: Any) -> None:
    envelope = opened(content_encoding=encoding)
    assert keys(envelope) == ["command.unsupported_content_type.error"]
    assert envelope.is_parked


def test_a_compressed_body_is_unsupported_and_parked() -> None:
    envelope = opened(headers={"compression": "application/x-gzip"})
    assert keys(envelope) == ["command.unsupported_content_type.error"]
    assert envelope.is_parked


def test_a_body_has_at_most_256_kibibytes() -> None:
    room = MAX_BODY_BYTES - len(b'{"name":""}')
    assert MAX_BODY_BYTES == 262_144
    assert opened(body=b'{"name":"' + b"x" * room + b'"}').problems == ()
    assert keys(opened(body=b'{"name":"' + b"x" * (room + 1) + b'"}')) == ["command.too_large.error"]


ANSWERED_AT = [
    "amq.rabbitmq.reply-to",
    "amq.rabbitmq.reply-to.g1h2",
    "amq.gen-X",
    "basket.replies.a",
    "shop.1",
]


@pytest.mark.parametrize("reply_to", ANSWERED_AT)
def test_a_reply_goes_to_a_queue_that_is_the_senders(reply_to: str) -> None:
    envelope = opened("basket.get", b"", reply_to=reply_to)
    assert envelope.problems == ()
    assert envelope.reply_to == reply_to
    assert envelope.is_read


@pytest.mark.parametrize(
    "reply_to",
    [
        *("basket.commands.00", "basket.commands.dead", "theirs", "basket.replies", "xbasket.replies.a"),
        *("Basket.replies.a", "amq.direct", "amq.genX", "shop", 5, b"shop.1", "shop.\0", "shop.\ud800"),
    ],
)
@pytest.mark.parametrize("type_", ["basket.get", "basket.update"])
def test_a_reply_into_somebodys_queue_is_refused_as_an_event(type_: str, reply_to: Any) -> None:
    envelope = opened(type_, reply_to=reply_to)
    assert keys(envelope) == ["command.reply_to_forbidden.error"]
    assert envelope.reply_to is None
    assert not envelope.is_read


def test_a_read_without_a_reply_queue_is_refused_as_an_event() -> None:
    envelope = opened("basket.get", b"")
    assert keys(envelope) == ["command.reply_to_required.error"]
    assert not envelope.is_read
    assert opened("basket.update").problems == ()


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer a.b.c", "a.b.c"),
        ("bearer a.b.c", "a.b.c"),
        ("Bearer  a.b.c ", "a.b.c"),
        ("a.b.c", None),
        ("Basic YTpi", None),
        ("Bearer ä", None),
        (None, None),
        (b"Bearer a.b.c", None),
        (["Bearer a"], None),
        (5, None),
    ],
)
def test_the_token_is_a_bearers(header: Any, token: str | None) -> None:
    assert opened(headers={"authorization": header}).token == token


@pytest.mark.parametrize("channel", ["b2c", "a/b", "x" * 200, "~"])
def test_a_channel_is_named_in_the_header(channel: str) -> None:
    assert opened(headers={"channel": channel}).channel == channel


@pytest.mark.parametrize("channel", ["", "a b", "x" * 201, "x" * 100_000, "ä", 5, b"b2c", ["b2c"], "nul\0"])
def test_what_cannot_be_a_channel_is_none_that_anybody_has_put(channel: Any) -> None:
    envelope = opened(headers={"channel": channel})
    assert envelope.channel != "default"
    assert envelope.identity is None
    assert len(envelope.channel) <= 200
    assert wild.is_storable(envelope.channel)


def test_for_a_put_of_a_channel_it_is_the_routing_key() -> None:
    envelope = opened("channel.put", key="new", headers={"channel": "old"})
    assert (envelope.channel, envelope.identity) == ("new", ("new", "new", "m-1"))


@pytest.mark.parametrize("version", [0, 1, 7, -1, 2**62])
def test_an_expected_version_is_an_integer(version: int) -> None:
    assert opened(headers={"expected-version": version}).expected_version == version


@pytest.mark.parametrize("version", ["7", 7.0, True, b"7", [7], ""])
def test_any_other_expected_version_is_malformed(version: Any) -> None:
    envelope = opened(headers={"expected-version": version})
    assert keys(envelope) == ["command.malformed.error"]
    assert envelope.expected_version is None


@pytest.mark.parametrize("traceparent", [TRACE[:-1], TRACE.upper(), TRACE + "\n", "", 5, b"x", [TRACE]])
def test_a_broken_trace_context_is_dropped_and_no_problem(traceparent: Any) -> None:
    envelope = opened(headers={"traceparent": traceparent})
    assert (envelope.traceparent, envelope.problems) == (None, ())


@pytest.mark.parametrize("timestamp", [-1, 253_402_300_800, 2**64 - 1, 1_772_366_400_000, "now", 1.5, b"1"])
def test_a_timestamp_that_is_none_is_as_if_it_were_absent(timestamp: Any) -> None:
    assert opened(timestamp=timestamp).sent_at is None


def test_type_and_body_make_the_hash_that_a_repeat_must_have() -> None:
    first = opened()
    assert opened(correlation_id="other", headers={"traceparent": TRACE}).body_hash == first.body_hash
    assert opened(body=b"{ }").body_hash != first.body_hash
    assert opened("basket.create").body_hash != first.body_hash
