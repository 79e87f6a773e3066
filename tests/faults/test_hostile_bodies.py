"""Bodies made to use up a worker: refused one by one, in bounded memory, measured from outside."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from outside.figures import Figures
from outside.flood import publish
from outside.listener import Listener
from outside.outages import ours
from outside.processes import WorkerProcess
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Message, Result, command, unique
from pika.exceptions import ChannelClosedByBroker

MIB = 2**20
MORE_MEMORY_MIB = 64  # than it had, at any instant, whatever is sent to it
LARGEST_TAKEN = 256 * 1024
LARGE = 10 * MIB
RABBITMQS_OWN_LIMIT = "application:set_env(rabbit, max_message_size, 134217728)."
OUR_LIMIT = "application:set_env(rabbit, max_message_size, 1048576)."


def laughs(levels: int) -> bytes:
    entities = b"".join(
        b'<!ENTITY l%d "%s">' % (level, b"&l%d;" % (level - 1) * 10 if level else b"ha")
        for level in range(levels)
    )
    return (
        b"<!DOCTYPE Basket [" + entities + b"]><Basket><department>&l%d;</department></Basket>" % (levels - 1)
    )


def filled(start: bytes, piece: bytes, end: bytes = b"", size: int = LARGEST_TAKEN) -> bytes:
    """Repeat a piece until the body is as large as one may be."""
    return start + piece * ((size - len(start) - len(end)) // len(piece)) + end


BOMBS = {
    "a billion laughs": laughs(10),
    "quadratic blow-up": filled(
        b'<!DOCTYPE Basket [<!ENTITY a "' + b"x" * 100_000 + b'">]><Basket>', b"&a;", b"</Basket>"
    ),
    "a file": b'<!DOCTYPE Basket [<!ENTITY a SYSTEM "file:///dev/zero">]><Basket>&a;</Basket>',
    "an address": b'<!DOCTYPE Basket [<!ENTITY % a SYSTEM "http://127.0.0.1:9/"> %a;]><Basket/>',
    "deep XML": filled(b"<Basket>", b"<a>"),
    "wide XML": filled(b"<Basket>", b"<a/>", b"</Basket>"),
    "attributes": filled(b"<Basket", b' a="1"', b"/>"),
    "names": b"<Basket " + b" ".join(b'a%d=""' % number for number in range(20_000)) + b"/>",
}
DEPTHS = {
    "deep lists": filled(b"", b"["),
    "deep objects": filled(b"", b'{"a":'),
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "deep inside": filled(b'{"promotions":', b"["),
    "wide": filled(b'{"promotions":[', b"{},", b"{}]}"),
    "unknown fields": json.dumps({f"f{number}": number for number in range(12_000)}).encode(),
    "the same field": filled(b"{", b'"department":"x",', b'"department":"x"}'),
    "digits": filled(b'{"recurrence":{"repetitions":', b"9", b"}}"),
    "escapes": filled(b'{"department":"', b"\\u0041", b'"}'),
    "blanks": filled(b"", b" ", b"{}"),
}
TIMES = 15
IN_A_BURST = 100


pytestmark = pytest.mark.faults


@contextmanager
def measured(worker: WorkerProcess, what: str, sent: int) -> Iterator[list[Result]]:
    """Check that a worker's memory keeps its bounds at every instant of the block; takes what was said."""
    (Path("/proc") / str(worker.pid) / "clear_refs").write_text("5", encoding="ascii")  # forget the last peak
    before, began = peak_mib(worker), time.monotonic()
    said: list[Result] = []
    yield said
    peak = peak_mib(worker)
    Figures(
        fault=f"9. {what}",
        published=sent,
        rejected=len({event.message_id for event in said}),
        took_seconds=time.monotonic() - began,
        note=f"VmHWM {peak} MiB, {before} MiB before",
    ).show()
    assert peak < before + MORE_MEMORY_MIB
    assert worker.is_alive


def peak_mib(worker: WorkerProcess) -> int:
    status = (Path("/proc") / str(worker.pid) / "status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) // 1024


def update(body: bytes, content_type: str) -> Message:
    return command("basket.update", unique("hostile"), body, content_type=content_type, channel=None)


def refusals(said: list[Result]) -> set[tuple[int, str | None]]:
    return {(event.status, event.error_key) for event in said}


def test_xml_bombs_and_deep_nesting_are_refused_in_bounded_memory(
    stage: Stage, worker: WorkerProcess, events: Listener
) -> None:
    bodies = [(body, "text/xml") for body in BOMBS.values()] + [(body, "") for body in DEPTHS.values()]
    assert max(len(body) for body, _ in bodies) <= LARGEST_TAKEN
    messages = [update(*one) for _ in range(TIMES) for one in bodies]
    with measured(worker, "XML bombs and deep nesting", len(messages)) as said:
        for start in range(0, len(messages), IN_A_BURST):
            publish(stage.broker_url, messages[start : start + IN_A_BURST])
        said.extend(events.until_heard(len(messages), seconds=60))
    assert refusals(said) == {(400, "command.malformed.error"), (404, "basket.basket_not_found.error")}
    read = [event for event in said if event.status == 404]
    assert len(read) == 2 * TIMES, "only blanks and unknown fields are so far in order"
    assert events.until(lambda: len(events.heard) == len(messages))


def test_bodies_above_the_limit_are_refused_unread(
    stage: Stage, worker: WorkerProcess, events: Listener
) -> None:
    """As large as the broker takes them, more than the worker's whole prefetch."""
    messages = [update(filled(b"<Basket>", b"<a>", size=MIB), "text/xml") for _ in range(500)]
    with measured(worker, "bodies of 1 MiB, the most the broker takes", len(messages)) as said:
        for start in range(0, len(messages), IN_A_BURST):
            publish(stage.broker_url, messages[start : start + IN_A_BURST])
        said.extend(events.until_heard(len(messages), seconds=60))
    assert refusals(said) == {(413, "command.too_large.error")}


def test_the_broker_itself_refuses_ten_megabytes(stage: Stage, worker: WorkerProcess) -> None:
    with Upstream(stage.broker_url) as upstream:
        with pytest.raises(ChannelClosedByBroker, match="larger than configured max size"):
            upstream.send(update(b"x" * LARGE, "text/xml"))
        assert worker.is_alive


def test_on_a_broker_that_takes_ten_megabytes_they_are_refused_in_bounded_memory(
    stage: Stage, worker: WorkerProcess, events: Listener
) -> None:
    rabbitmq = ours(stage.servers.rabbitmq)
    messages = [update(b"x" * LARGE, "text/xml") for _ in range(30)]
    rabbitmq.rabbitmqctl("eval", RABBITMQS_OWN_LIMIT)
    try:
        with measured(worker, "bodies of 10 MB, on a broker that takes them", len(messages)) as said:
            publish(stage.broker_url, messages)
            said.extend(events.until_heard(len(messages), seconds=60))
    finally:
        rabbitmq.rabbitmqctl("eval", OUR_LIMIT)
    assert refusals(said) == {(413, "command.too_large.error")}
