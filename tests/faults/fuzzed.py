"""Raw messages that nobody should send, as many as are wanted, the same for the same seed.

A fifth are the odd ones of the flow tier; the others are good commands, spoiled: a value of the body
replaced, dropped or added, bytes of it changed or cut, another encoding, wild properties and headers. All of
them are messages that the broker takes.
"""

import decimal
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pika
from flow.odd_messages import KINDS, RawProperties
from flow.test_wild_bodies import GOOD
from outside.claims import OPERATOR, SERVICE, bearer
from outside.wire import Message, command, unique

from contracts import commands
from tests.contracts.wild import LETTERS

XML_REQUESTS = sorted((Path(__file__).parents[1] / "fixtures/intershop/xml/requests").glob("*.xml"))
ENCODINGS = ("utf-16", "utf-32", "utf-7", "latin-1", "cp500", "utf-8-sig")
NUMBERS = (0, -1, 1.5, 1e308, 2**31, 2**63, 2**64, 10**400, -(10**400), float("nan"), float("-inf"))
TEXT_PROPERTIES = (
    "type",
    "message_id",
    "correlation_id",
    "content_type",
    "content_encoding",
    "app_id",
    "cluster_id",
)
HEADERS = (
    "authorization",
    "channel",
    "expected-version",
    "traceparent",
    "x-death",
    "x-delivery-count",
    "task",
)
# Types of AMQP fields, each with the number of bytes of its value.
FIELDS = {
    b"t": 1,
    b"b": 1,
    b"B": 1,
    b"s": 2,
    b"u": 2,
    b"I": 4,
    b"i": 4,
    b"l": 8,
    b"f": 4,
    b"d": 8,
    b"D": 5,
    b"T": 8,
}

Spoiling = Callable[[random.Random, Message], Message]


def messages(number: int, seed: int) -> Iterator[Message]:
    """Give so many messages; each has a message id of its own, if it has any."""
    rng = random.Random(seed)
    for place, kind in enumerate(islice(cycle(KINDS), number)):
        yield kind(rng) if place % 5 == 0 else _spoiled(rng)


def _spoiled(rng: random.Random) -> Message:
    message = _good(rng)
    for spoil in rng.choices(SPOILINGS, k=rng.choice((1, 1, 2, 3))):
        message = spoil(rng, message)
    return message


def _good(rng: random.Random) -> Message:
    """Make a command that may well be taken, of somebody who may send it, or not."""
    type_ = rng.choice(sorted(commands.BY_TYPE))
    claims = rng.choice(({}, SERVICE, SERVICE, OPERATOR, {"anonymous": True}))
    headers = {"authorization": bearer("wild", **claims)}
    key = unique(type_.partition(".")[0])
    if rng.random() < 0.2:
        body = rng.choice(XML_REQUESTS).read_bytes()
        return command("basket.update", key, body, channel=None, headers=headers, content_type="text/xml")
    return command(type_, key, GOOD.get(type_, {}), channel=None, headers=headers)


def another_tree(rng: random.Random, message: Message) -> Message:
    """Spoil the JSON body in a place or two."""
    try:
        tree = json.loads(message.body or b"{}")
    except ValueError:
        return cut(rng, message)
    for _ in range(rng.randint(1, 2)):
        tree = _changed(tree, rng)
    return replace(message, body=json.dumps(tree).encode())


def flipped(rng: random.Random, message: Message) -> Message:
    body = bytearray(message.body or b"{}")
    for _ in range(rng.randint(1, 8)):
        body[rng.randrange(len(body))] = rng.randrange(256)
    return replace(message, body=bytes(body))


def cut(rng: random.Random, message: Message) -> Message:
    start, end = sorted(rng.randrange(len(message.body) + 1) for _ in range(2))
    return replace(message, body=message.body[start:end])


def repeated(rng: random.Random, message: Message) -> Message:
    start, end = sorted(rng.randrange(len(message.body) + 1) for _ in range(2))
    times = rng.choice((2, 2, 50))
    return replace(message, body=message.body[:start] + message.body[start:end] * times + message.body[end:])


def random_bytes(rng: random.Random, message: Message) -> Message:
    return replace(message, body=rng.randbytes(rng.choice((0, 1, 7, 300, 5000))))


def encoded(rng: random.Random, message: Message) -> Message:
    encoding = rng.choice(ENCODINGS)
    body = message.body.decode(errors="replace").encode(encoding, "replace")
    named = {"content_encoding": encoding} if rng.random() < 0.5 else {}
    return _with(replace(message, body=body), named)


def another_property(rng: random.Random, message: Message) -> Message:
    given: dict[str, Any] = {
        name: rng.choice((_text(rng), rng.randbytes(rng.randint(1, 60)), "x" * 255))
        for name in rng.sample(TEXT_PROPERTIES, 2)
    }
    if isinstance(given.get("message_id"), str):
        given["message_id"] += unique("")
        given["message_id"] = given["message_id"][-60:]
    if rng.random() < 0.3:
        given["timestamp"] = rng.randrange(2**64)
    if rng.random() < 0.2:
        given.update(priority=rng.randrange(256), delivery_mode=rng.choice((1, 2)), expiration="600000")
    return _with(message, given)


def another_header(rng: random.Random, message: Message) -> Message:
    headers = dict(message.properties.headers or {})
    headers |= {rng.choice((*HEADERS, _text(rng)[:40])): _field(rng, 3) for _ in range(rng.randint(1, 3))}
    return _with(message, {"headers": headers})


def raw_field(rng: random.Random, message: Message) -> Message:
    """Replace everything but the body by one header whose value is any bytes of a type."""
    type_ = rng.choice(sorted(FIELDS))
    value = rng.randbytes(FIELDS[type_])
    if type_ in (b"f", b"d"):  # finite ones: the broker itself breaks on others
        value = bytes([value[0] & 0xBF]) + value[1:]
    return replace(message, properties=RawProperties(type_ + value))


def another_key(rng: random.Random, message: Message) -> Message:
    keys = (_text(rng), rng.randbytes(rng.randint(1, 200)), "x" * rng.randint(190, 255), "")
    return replace(message, key=rng.choice(keys))


def as_it_is(_: random.Random, message: Message) -> Message:
    return message


SPOILINGS: list[Spoiling] = [
    *(another_tree,) * 6,
    *(flipped, cut, repeated, random_bytes, encoded),
    *(another_property,) * 2,
    *(another_header,) * 2,
    *(raw_field, another_key),
    *(as_it_is,) * 3,
]


def _with(message: Message, given: dict[str, Any]) -> Message:
    if isinstance(message.properties, RawProperties):
        return message
    return replace(message, properties=pika.BasicProperties(**{**vars(message.properties), **given}))


def _text(rng: random.Random) -> str:
    letters = LETTERS.replace("\ud800", "").replace("\udfff", "")  # these have no bytes on this wire
    return "".join(rng.choices(letters, k=rng.randint(0, 20)))


def _value(rng: random.Random, depth: int = 3) -> Any:
    """Give any JSON."""
    kinds: list[Callable[[], Any]] = [
        lambda: None,
        lambda: rng.random() < 0.5,
        lambda: rng.choice(NUMBERS),
        lambda: rng.uniform(-1e9, 1e9),
        lambda: "".join(rng.choices(LETTERS, k=rng.randint(0, 30))),
    ]
    if depth:
        kinds.append(lambda: [_value(rng, depth - 1) for _ in range(rng.randint(0, 4))])
        kinds.append(lambda: {_text(rng): _value(rng, depth - 1) for _ in range(rng.randint(0, 4))})
    return rng.choice(kinds)()


def _field(rng: random.Random, depth: int) -> Any:
    """Give any value that a client library can write into an AMQP table."""
    kinds: list[Callable[[], Any]] = [
        lambda: None,
        lambda: rng.random() < 0.5,
        lambda: rng.randrange(-(2**63), 2**63),
        lambda: _text(rng),
        lambda: rng.randbytes(rng.randint(0, 40)),
        lambda: decimal.Decimal(rng.randrange(10**6)) / 100,
        lambda: datetime.fromtimestamp(rng.randrange(2**32), UTC),
    ]
    if depth:
        kinds.append(lambda: [_field(rng, depth - 1) for _ in range(rng.randint(0, 3))])
        kinds.append(lambda: {_text(rng): _field(rng, depth - 1) for _ in range(rng.randint(0, 3))})
    return rng.choice(kinds)()


def _changed(tree: Any, rng: random.Random) -> Any:
    """Change a tree in one place, somewhere: another value, one missing, one too many."""
    if not isinstance(tree, (dict, list)):
        return _value(rng)
    members = list(tree.items() if isinstance(tree, dict) else enumerate(tree))
    inside = [name for name, item in members if isinstance(item, (dict, list)) and item]
    if inside and rng.random() < 0.7:
        name = rng.choice(inside)
        return _put(tree, name, _changed(tree[name], rng))
    if not members or rng.random() < 0.3:
        return _one_more(tree, rng)
    name = rng.choice(members)[0]
    if rng.random() < 0.3:
        kept = [(other, item) for other, item in members if other != name]
        return dict(kept) if isinstance(tree, dict) else [item for _, item in kept]
    return _put(tree, name, _value(rng))


def _put(tree: Any, name: Any, item: Any) -> Any:
    changed = tree.copy()
    changed[name] = item
    return changed


def _one_more(tree: Any, rng: random.Random) -> Any:
    if isinstance(tree, dict):
        return {**tree, _text(rng): _value(rng)}
    return [*tree, _value(rng)]
