"""Messages as random as a wire allows: none raises, and what is read of them can be stored and answered."""

import json
from typing import Any

import msgspec
import wild
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import codec_json
from contracts.envelope import Delivery, Envelope, open_envelope
from contracts.errors import Errors, in_order

PREFIXES = ("basket.replies.",)
PROPERTIES = [
    *("type", "message_id", "correlation_id", "reply_to", "timestamp", "content_type", "content_encoding"),
    *("delivery_mode", "priority", "expiration", "user_id", "app_id", "cluster_id"),
]

properties = st.dictionaries(
    st.sampled_from(PROPERTIES) | wild.texts,
    st.sampled_from(["basket.update", "basket.get", "channel.put", "application/json", "m-1"])
    | wild.header_values,
    max_size=7,
)
headers = st.dictionaries(
    st.sampled_from(["authorization", "channel", "expected-version", "traceparent", "compression"])
    | wild.texts,
    wild.header_values,
    max_size=6,
)


@settings(max_examples=300)
@given(
    wild.texts, st.binary(max_size=50) | wild.json_values.map(json.dumps).map(str.encode), properties, headers
)
def test_no_message_raises_and_all_that_is_read_of_it_can_be_stored(
    key: str, body: bytes, given_properties: dict[str, Any], given_headers: dict[str, Any]
) -> None:
    delivery = Delivery(key=key, body=body, properties=given_properties, headers=given_headers)
    envelope = open_envelope(delivery, PREFIXES)
    kept = [
        getattr(envelope, name) for name in Envelope.__struct_fields__ if name not in ("delivery", "token")
    ]
    assert all(map(wild.is_storable, wild.all_texts(kept)))
    assert len(envelope.channel) <= 200
    assert len(envelope.body_hash) == 32
    assert envelope.command is not None or envelope.problems
    answer = codec_json.encode(Errors(errors=in_order(envelope.problems)))
    assert msgspec.json.decode(answer)
    if envelope.identity is not None:
        assert all(1 <= len(part) <= 255 for part in envelope.identity)
