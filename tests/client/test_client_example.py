"""The example in the contract's README is run as it stands."""

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from outside.claims import token
from outside.connecting import connect
from outside.processes import WorkerProcess, wait_for
from outside.stage import Stage
from pika.exceptions import ChannelClosedByBroker

import contracts
from contracts.client import Client

README = Path(contracts.__file__).parent / "README.md"
QUEUE = "billing.results"


@pytest.fixture
def _sigterm_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def is_listened_to(broker_url: str) -> bool:
    with connect(broker_url) as connection:
        try:
            return bool(connection.channel().queue_declare(QUEUE, passive=True).method.consumer_count)
        except ChannelClosedByBroker:
            return False


@pytest.mark.usefixtures("_sigterm_as_before")
def test_the_example_says_what_it_promises(stage: Stage, worker: WorkerProcess) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    printed: list[tuple[object, ...]] = []
    refused, heard = (
        (400, "command.malformed.error", ["$.department"]),
        ("command.completed", "basket-7", 2, 200),
    )

    def from_outside() -> None:
        wait_for(lambda: is_listened_to(stage.broker_url))
        with Client(stage.broker_url, token=token()) as client:
            client.publish("basket.update", "basket-7", {"department": "Sales"})
        wait_for(lambda: heard in printed)
        os.kill(os.getpid(), signal.SIGTERM)

    names = {
        "broker_url": stage.broker_url,
        "login": token(),
        "print": lambda *said: printed.append(said),
    }
    with ThreadPoolExecutor(max_workers=1) as thread:
        ended = thread.submit(from_outside)
        exec(compile(example, str(README), "exec"), names)
        ended.result()
    # A reply leaves before its event: that of the refused call may come when somebody listens already.
    assert [said for said in printed if said[0] != "command.rejected"] == [refused, heard]
