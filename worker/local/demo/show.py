"""`basketry demo`: start a stack if none runs, play the story, print what happened, stop what was started.

Plain pika throughout: it does what any upstream service would do. Exits 1 when an answer or a total is not
what Intershop's example says.
"""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pika
from rich.console import Console
from rich.progress import Progress
from rich.syntax import Syntax
from rich.table import Table

from contracts.client import Answer, Client
from worker import tokens
from worker.local import roles, state
from worker.local.demo import story

_EVENTS_WITHIN_SECONDS = 10.0


def run(state_dir: Path) -> list[str]:
    """Play it all; give what was not as expected."""
    console = Console()
    with _stack(state_dir, console) as environment:
        broker_url = environment["BASKETRY_BROKER_URL"]
        bearers = _bearers(environment["BASKETRY_JWT_SECRET"])
        basket_id = f"basket-{uuid.uuid4().hex[:12]}"
        steps = [*story.puts(), *story.commands(basket_id)]
        with _Events(broker_url) as events:
            started = time.monotonic()
            answers = _play(steps, broker_url, bearers)
            took = time.monotonic() - started
            results = events.collect(len(steps) - 1)  # a read has a reply and no event
    _print_commands(console, steps, answers)
    _print_events(console, results)
    basket = json.loads(answers[-1].body, parse_float=Decimal, parse_int=Decimal)
    _print_basket(console, answers[-1].body, basket)
    console.print(
        f"{len(steps)} commands in {took:.2f} s, one after the other, each answered before the next."
    )
    wrong = [
        f"{step.title}: status {answer.status}, {step.status} was expected"
        for step, answer in zip(steps, answers, strict=True)
        if answer.status != step.status
    ]
    if len(results) != len(steps) - 1:
        wrong.append(f"{len(results)} result events came, {len(steps) - 1} were expected")
    return wrong + story.unexpected_totals(basket)


@contextmanager
def _stack(state_dir: Path, console: Console) -> Iterator[dict[str, str]]:
    """Use the stack that runs, or start one and end it afterwards; its data stay for the next time."""
    runs_already = state.holder(state_dir) is not None
    if not runs_already:
        console.rule("Starting PostgreSQL, RabbitMQ and a worker")
    subprocess.run(roles.basketry("up", "--detach", "--state-dir", str(state_dir)), check=True)
    try:
        yield state.environment(state_dir)
    finally:
        if not runs_already:
            subprocess.run(roles.basketry("down", "--state-dir", str(state_dir)), check=True)


def _bearers(secret: str) -> dict[bool, str]:
    """Tokens by whether they are the service's."""
    now, hour = datetime.now(UTC), timedelta(hours=1)
    return {
        True: tokens.issue(secret, {"sub": "catalogue", "roles": ["service"]}, now, hour),
        False: tokens.issue(secret, {"sub": story.USER}, now, hour),
    }


def _play(steps: list[story.Step], broker_url: str, bearers: dict[bool, str]) -> list[Answer]:
    answers = []
    with Progress(transient=True) as progress, Client(broker_url, channel=story.CHANNEL) as client:
        for step in progress.track(steps, description="Sending commands"):
            body = b"" if step.body is None else json.dumps(step.body).encode()
            answers.append(client.call(step.type, step.key, body, token=bearers[step.is_by_service]))
    return answers


class _Events:
    """Listens to the result events of the demonstration's channel, as any consumer would."""

    def __init__(self, broker_url: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(broker_url))
        self._channel = self._connection.channel()
        self._queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(self._queue, "basket.events", "#")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def collect(self, count: int) -> list[pika.BasicProperties]:
        """Wait until so many events have come; fewer when they take too long."""
        found: list[pika.BasicProperties] = []
        for _, properties, _ in self._channel.consume(
            self._queue, auto_ack=True, inactivity_timeout=_EVENTS_WITHIN_SECONDS
        ):
            if properties is None:
                break
            if properties.headers.get("channel") == story.CHANNEL:
                found.append(properties)
            if len(found) == count:
                break
        self._channel.cancel()
        return found


def _print_commands(console: Console, steps: list[story.Step], answers: list[Answer]) -> None:
    table = Table("step", "command", "key", "status", "error-key", title="Commands and their replies")
    for step, answer in zip(steps, answers, strict=True):
        table.add_row(step.title, step.type, step.key, str(answer.status), answer.error_key or "")
    console.print(table)
    refused = next(answer for answer in answers if answer.error_key)
    for problem in json.loads(refused.body)["errors"]:
        console.print(f"  {problem['code']} at {problem.get('path')}: {problem['message']}", highlight=False)


def _print_events(console: Console, results: list[pika.BasicProperties]) -> None:
    table = Table("event", "command", "key", "status", "version", title="Result events on basket.events")
    for properties in results:
        headers: dict[str, Any] = properties.headers or {}
        version = str(headers.get("version", ""))
        table.add_row(properties.type, headers["command"], headers["key"], str(headers["status"]), version)
    console.print(table)


def _print_basket(console: Console, body: bytes, basket: dict[str, Any]) -> None:
    console.print(Syntax(json.dumps(json.loads(body), indent=2), "json", background_color="default"))
    table = Table("total", "amount", "in Intershop's example", title="The basket's totals, USD")
    for name, expected in story.EXPECTED_TOTALS.items():
        table.add_row(name, str(basket["totals"][name]["value"]), str(expected))
    for name, expected in story.EXPECTED_TAXES.items():
        table.add_row(name, str(basket[name][0]["amount"]["value"]), str(expected))
    console.print(table)
