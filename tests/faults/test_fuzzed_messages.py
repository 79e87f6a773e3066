"""Ten thousand raw messages, spoiled in every place that a message has: each is counted, nothing ends."""

import os
import time
from collections import Counter
from pathlib import Path

import pytest
from faults import fuzzed
from flow.odd_messages import RawText
from flow.test_odd_messages import fate_of
from outside.figures import Figures
from outside.flood import publish
from outside.listener import Listener
from outside.processes import WorkerProcess, scheduling
from outside.stage import Stage
from outside.wire import Message, Result

pytestmark = pytest.mark.faults

NUMBER = 10_000
SEED = int(os.environ.get("FUZZ_SEED", "8"))
AT_ONCE = 1000
RESULTS = ("command.completed", "command.rejected")


def test_of_ten_thousand_each_is_accepted_or_rejected_or_parked(
    stage: Stage, worker: WorkerProcess, events: Listener, folder: Path
) -> None:
    pid, began = worker.pid, time.monotonic()
    sent = list(fuzzed.messages(NUMBER, SEED))
    with scheduling(stage, "scheduler", folder) as scheduler:
        for start in range(0, NUMBER, AT_ONCE):
            publish(stage.broker_url, sent[start : start + AT_ONCE])
            events.until(lambda: len(results(events)) >= start, seconds=60)  # noqa: B023 - called at once
        assert events.until(lambda: len(results(events)) >= NUMBER, seconds=60), len(results(events))
        assert events.until(lambda: stage.rows("select 1 from outbox where published_at is null") == [])
        assert scheduler.is_alive
    assert (worker.is_alive, worker.pid) == (True, pid)
    said = results(events)
    parked = {str(id_) for (id_,) in stage.rows("select event_id from dead_letter")}
    fate = Counter(fate_of(event.type, is_parked=event.message_id in parked) for event in said)
    Figures(
        fault="8. 10,000 fuzzed raw messages",
        published=NUMBER,
        completed=fate["accepted"],
        rejected=fate["rejected"],
        parked=fate["parked"],
        duplicates=len(events.heard) - len(events.different()),
        took_seconds=time.monotonic() - began,
        note=f"seed {SEED}",
    ).show()
    assert sum(fate.values()) == NUMBER
    assert len(parked) == stage.count("dead_letter") == fate["parked"]
    assert min(fate["accepted"], fate["rejected"], fate["parked"]) > NUMBER / 100
    assert {event.status for event in said} <= {200, 201, 204, 400, 401, 403, 404, 409, 412, 413, 415, 422}
    assert_each_has_its_answer(sent, said)


def results(events: Listener) -> list[Result]:
    """Give what was said about commands; standing orders among the fuzzed have events of their own."""
    return [event for event in events.different() if event.type in RESULTS]


def assert_each_has_its_answer(sent: list[Message], said: list[Result]) -> None:
    """Each that can be read has one result, and it is its own."""
    answered = Counter((event.key, event.causation_id) for event in said)
    readable = [(message.key, message.message_id) for message in sent if is_readable(message)]
    assert len(set(readable)) == len(readable) > NUMBER / 2
    assert [one for one in readable if answered[one] != 1] == []


def is_readable(message: Message) -> bool:
    """Whether its key and its properties are such that an answer can name it."""
    headers = message.properties.headers or {}
    return (
        isinstance(message.key, str)
        and message.key.isascii()
        and message.key.isprintable()
        and not any(isinstance(value, bytes) for value in vars(message.properties).values())
        and not any(isinstance(text, RawText) for pair in headers.items() for text in pair)
        and isinstance(message.properties.message_id, str)
        and message.message_id.startswith("m-")
    )
