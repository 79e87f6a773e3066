"""`basketry demo`: start a stack if none runs, play the stories, print what happened, stop what was started.

It does what any upstream service would do, over AMQP and with nothing else. What is not as Intershop's
example or the contract says comes back as sentences.
"""

from __future__ import annotations

import json
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from contracts.client import Answer, Client
from worker import tokens
from worker.local import commands, state
from worker.local.demo import datasets, standing_order, story
from worker.local.demo.events import Event, Events

_INSTANCES = {"worker": 1, "scheduler": 1}


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """Where the stories are played; `bearers` are tokens by whether they are the service's."""

    client: Client
    user: str
    bearers: dict[bool, str]
    events: Events
    console: Console

    def play(self, steps: list[story.Step]) -> list[Answer]:
        """Send commands one after the other, each after the answer to the one before."""
        answers = []
        with Progress(transient=True, console=self.console, disable=not self.console.is_terminal) as progress:
            for step in progress.track(steps, description="Sending commands"):
                key = step.key or self.user
                body = b"" if step.body is None else json.dumps(step.body).encode()
                self.events.follow(key)
                answers.append(self.client.call(step.type, key, body, token=self.bearers[step.is_by_service]))
        return answers


def run(state_dir: Path) -> list[str]:
    """Play it all; give what was not as expected."""
    console = Console()
    with _stack(state_dir, console) as environment:
        with _stage(environment, story.CHANNEL, story.USER, console) as stage:
            console.rule("A basket, with Intershop's own requests")
            basket_id = _unheard_of("basket")
            wrong = _show_basket(stage, basket_id)
            console.rule("A standing order")
            wrong += standing_order.show(stage, basket_id)
        # A user of this run: what was ordered early from a basket is not ordered again the same day.
        with _stage(environment, datasets.CHANNEL, _unheard_of(story.USER), console) as stage:
            console.rule("A basket of datasets, with REGARDS' own data")
            return wrong + datasets.show(stage)


@contextmanager
def _stage(environment: dict[str, str], channel: str, user: str, console: Console) -> Iterator[Stage]:
    """Be an upstream service of one sales channel."""
    broker_url = environment["BASKETRY_BROKER_URL"]
    bearers = _bearers(environment["BASKETRY_JWT_SECRET"], user)
    with Events(broker_url, channel) as events, Client(broker_url, channel=channel) as client:
        yield Stage(client=client, user=user, bearers=bearers, events=events, console=console)


@contextmanager
def _stack(state_dir: Path, console: Console) -> Iterator[dict[str, str]]:
    """Use the stack that runs, or start one and end it afterwards; its data stay for the next time."""
    runs_already = state.holder(state_dir) is not None
    if not runs_already:
        console.rule("Starting PostgreSQL, RabbitMQ, a worker and a scheduler")
        _end_with_us(state_dir)
    commands.bring_up(state_dir, _INSTANCES)
    try:
        yield state.environment(state_dir)
    finally:
        if not runs_already:
            commands.take_down(state_dir)


def _end_with_us(state_dir: Path) -> None:
    """Have whatever interrupts us end the stack as well: Ctrl-C, or whoever closes the terminal.

    It may come at any line, even at the first one of what was to end the stack. So that is asked for before
    anything is interrupted.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        if (supervisor := state.holder(state_dir)) is not None:
            supervisor.send(signal.SIGTERM)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) in {signal.SIG_DFL, signal.default_int_handler}:
            signal.signal(number, interrupt)


def _unheard_of(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:12]}"


def _bearers(secret: str, user: str) -> dict[bool, str]:
    now, hour = datetime.now(UTC), timedelta(hours=1)
    return {
        True: tokens.issue(secret, {"sub": "catalogue", "roles": ["service"]}, now, hour),
        False: tokens.issue(secret, {"sub": user}, now, hour),
    }


def _show_basket(stage: Stage, basket_id: str) -> list[str]:
    steps = [*story.puts(), *story.commands(basket_id)]
    started = time.monotonic()
    answers = stage.play(steps)
    took = time.monotonic() - started
    results = stage.events.wait_for(
        lambda found: sum(event.is_result for event in found) == len(steps) - 1  # a read has no event
    )
    _print_commands(stage.console, steps, answers)
    _print_results(stage.console, results)
    basket = json.loads(answers[-1].body, parse_float=Decimal, parse_int=Decimal)
    stage.console.print_json(data=json.loads(answers[-1].body))
    _print_totals(stage.console, basket)
    stage.console.print(f"{len(steps)} commands in {took:.2f} s, each answered before the next was sent.")
    wrong = story.unexpected_answers(steps, answers)
    if len(results) != len(steps) - 1:
        wrong.append(f"{len(results)} result events came, {len(steps) - 1} were expected")
    return wrong or story.unexpected_totals(basket)


def _print_commands(console: Console, steps: list[story.Step], answers: list[Answer]) -> None:
    table = Table("step", "command", "key", "status", "error-key", title="Commands and their replies")
    for step, answer in zip(steps, answers, strict=True):
        table.add_row(step.title, step.type, step.key, str(answer.status), answer.error_key or "")
    console.print(table)
    for answer in answers:
        for problem in json.loads(answer.body)["errors"] if answer.error_key else ():
            where = problem.get("path", "the message")
            console.print(f"  {problem['code']} at {where}: {problem['message']}", highlight=False)


def _print_results(console: Console, results: list[Event]) -> None:
    table = Table("event", "command", "key", "status", "version", title="Result events on basket.events")
    for event in results:
        version = str(event.headers.get("version", ""))
        command, key = event.headers["command"], event.headers["key"]
        table.add_row(event.type, command, key, str(event.headers["status"]), version)
    console.print(table)


def _print_totals(console: Console, basket: dict[str, Any]) -> None:
    table = Table("total", "amount", "in Intershop's example", title="The basket's totals, USD")
    for name, expected in story.EXPECTED_TOTALS.items():
        table.add_row(name, f"{basket['totals'][name]['value']:.2f}", str(expected))
    for name, expected in story.EXPECTED_TAXES.items():
        table.add_row(name, f"{basket[name][0]['amount']['value']:.2f}", str(expected))
    console.print(table)
