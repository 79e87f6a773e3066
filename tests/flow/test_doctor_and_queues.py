"""What an operator is told of a house at work."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from outside.operator import examined, settings
from outside.processes import WorkerProcess, wait_for, working
from outside.stage import Stage, fresh
from outside.upstream import Upstream
from outside.wire import unique

from worker import cli
from worker.local.servers import Servers
from worker.operating.findings import Verdict
from worker.operating.looking import Observer

CHECKS = [
    "settings",
    "token keys",
    "protection",
    "database",
    "schema",
    "session settings",
    "durability",
    "connections",
    "vacuum",
    "clocks",
    "rights",
    "slots",
    "partitions",
    "outbox",
    "orders",
    "recurrences",
    "dead letters",
    "erasures",
    "broker",
    "alarm",
    "plugin",
    "topology",
    "arguments",
    "permissions",
    "consumers",
    "dead queue",
]
# What is so on a machine of one's own.
MAY_BE_WARNINGS = {"rights", "connections"}


@pytest.fixture(scope="module")
def stage(servers: Servers) -> Iterator[Stage]:
    """Give a house of its own: others leave dead letters, and recurrences that nobody orders."""
    with fresh(servers) as stage:
        yield stage


@pytest.fixture(scope="module")
def worker(stage: Stage, folder: Path) -> Iterator[WorkerProcess]:
    with working(stage, "worker", folder) as worker:
        yield worker


def test_of_a_house_at_work_nothing_is_wrong(stage: Stage, upstream: Upstream) -> None:
    upstream.ask("basket.create", unique("basket"))
    found = examined(stage)
    assert list(found) == CHECKS
    assert {name: one for name, one in found.items() if one.verdict is Verdict.WRONG} == {}
    assert {name for name, one in found.items() if one.verdict is Verdict.WARNING} <= MAY_BE_WARNINGS
    assert all(bool(one.remedy) is (one.verdict is not Verdict.OK) for one in found.values())


def test_commands_that_a_worker_takes_leave_every_queue_empty_and_consumed(
    stage: Stage, upstream: Upstream
) -> None:
    for _ in range(20):
        upstream.tell("basket.create", unique("basket"))
    observer = Observer(settings(stage))
    try:
        wait_for(lambda: all(line.ready == 0 for line in observer.look().queues))
        look = observer.look()
    finally:
        observer.close()
    assert [line.consumers for line in look.queues] == [1] * 8
    assert all("nobody consumes" not in line.wrong for line in look.queues)
    assert [[(slot.place, slot.is_fresh) for slot in line.slots] for line in look.queues] == [
        [("0/1", True)]
    ] * 8
    assert look.is_whole


def test_the_doctor_says_it_to_people_and_to_programs(stage: Stage, upstream: Upstream) -> None:
    run = CliRunner(env=stage.environment)
    shown = run.invoke(cli.main, ["doctor"])
    assert shown.exit_code == 0, shown.output
    assert "ok      schema           is this release's" in shown.output
    told: dict[str, Any] = json.loads(run.invoke(cli.main, ["doctor", "--json"]).stdout)
    assert [one["name"] for one in told["findings"]] == CHECKS
    assert told["verdict"] in {"ok", "warning"}
