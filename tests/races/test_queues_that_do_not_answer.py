"""A queue that a worker cannot consume: what it is given of the others does not come back for ever."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, numbered
from outside.processes import WorkerProcess, wait_for, working
from outside.stage import Management, Stage
from outside.wire import unique

pytestmark = pytest.mark.slow

REFUSED = "basket.commands.07"
PASSWORD = "of-the-tests"


@contextmanager
def who_may_not_read_one_queue(stage: Stage) -> Iterator[str]:
    """Give the address of a user for whom one command queue is closed."""
    management = Management.of(stage.servers)
    if management is None:
        pytest.skip("the server is not ours to configure")
    name = unique("worker")
    management.call("PUT", f"users/{name}", {"password": PASSWORD, "tags": ""})
    rights = {"configure": ".*", "write": ".*", "read": r"^(?!basket\.commands\.07$).*"}
    management.call("PUT", f"permissions/{stage.vhost}/{name}", rights)
    try:
        parts = urlsplit(stage.broker_url)
        address = parts.netloc.rpartition("@")[2]
        yield parts._replace(netloc=f"{name}:{PASSWORD}@{address}").geturl()
    finally:
        management.call("DELETE", f"users/{name}")


def test_what_comes_meanwhile_is_given_back_more_and_more_seldom(stage: Stage, folder: Path) -> None:
    (part,) = numbered(60, 5)
    with Listener(stage.broker_url) as events:
        with working(stage, "declares", folder):
            pass
        publish(stage.broker_url, part)
        with who_may_not_read_one_queue(stage) as url:
            worker = WorkerProcess(stage, "refused", folder, BASKETRY_BROKER_URL=url)
            try:
                wait_for(lambda: len(pauses(worker)) == 6)
                assert pauses(worker)[-1] > 1.0
                assert REFUSED in worker.log
            finally:
                worker.dismiss()
        with working(stage, "allowed", folder):
            events.until_heard(len(part), seconds=60)
            assert_each_once_and_in_order(events, stage, [part])


def pauses(worker: WorkerProcess) -> list[float]:
    postponed = (line for line in worker.log.splitlines() if "subscription.postponed" in line)
    return [float(re.findall(r'"pause_seconds": ([\d.]+)', line)[0]) for line in postponed]
