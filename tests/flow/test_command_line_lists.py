"""What an operator reads on the command line of a basket that was made over the wire."""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from outside.listener import Listener
from outside.shop import BENQ, PROBOOK, open_shop
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import SHOP, unique

from worker import cli


@pytest.fixture
def said(upstream: Upstream, events: Listener) -> str:
    """A basket that was created, refused something, filled, and ordered."""
    key = unique("basket")
    upstream.ask("basket.create", key, message_id="first")
    upstream.ask("basket.item.add", key, {"elements": [{"sku": "no-such", "quantity": {"value": 1}}]})
    elements = [{"sku": sku, "quantity": {"value": 1}} for sku in (PROBOOK, BENQ)]
    upstream.ask("basket.item.add", key, {"elements": elements})
    assert upstream.ask("basket.checkout", key).status == 201
    assert events.until(lambda: len(events.by_key().get(key, [])) == 5)
    return key


def run(stage: Stage, *arguments: str) -> Result:
    return CliRunner(env={**stage.environment, "COLUMNS": "300"}).invoke(cli.main, arguments)


def listed(stage: Stage, *arguments: str) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = json.loads(run(stage, *arguments, "--json").stdout)
    return shown


def on_a_terminal(stage: Stage, width: int, *arguments: str) -> str:
    """Give what somebody sees in a terminal of so many columns, without colours."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "worker.cli", *arguments]
    environment = {**os.environ, **stage.environment, "COLUMNS": str(width), "TERM": "xterm"}
    with os.fdopen(theirs, "wb") as terminal:
        subprocess.run(command, stdout=terminal, stderr=terminal, env=environment, timeout=60, check=True)
    seen = b""
    with os.fdopen(ours, "rb", buffering=0) as screen, suppress(OSError):  # at the end a terminal has hung up
        while chunk := screen.read(65_536):  # what was written at once may be handed on in parts
            seen += chunk
    return re.sub(r"\x1b\[[0-9;]*m", "", seen.decode())


def test_the_history_tells_commands_answers_events_and_orders_in_order(stage: Stage, said: str) -> None:
    told = listed(stage, "history", said, "--channel", SHOP)
    assert [(one["kind"], one["headers"].get("command", one["type"])) for one in told] == [
        ("result", "basket.create"),
        ("result", "basket.item.add"),
        ("result", "basket.item.add"),
        ("result", "basket.checkout"),
        ("event", "order.placed"),
    ]
    assert [one["headers"].get("status") for one in told] == [201, 404, 201, 201, None]
    assert (told[0]["message_id"], told[0]["caller"]) == ("first", "patricia")
    assert told[4]["body"]["totals"]["basketTotal"]["value"] == 1209.28


def test_the_history_is_readable(stage: Stage, said: str) -> None:
    shown = run(stage, "history", said, "--channel", SHOP)
    assert shown.exit_code == 0, shown.output
    assert "404 product.not_found.error" in shown.output
    assert "1209.28 USD" in shown.output
    assert "$.elements[0].sku there is no product 'no-such'" in shown.output


def test_an_order_is_told_after_its_event_was_forgotten(stage: Stage, said: str) -> None:
    stage.rows("delete from outbox where key = %s", said)
    (told,) = listed(stage, "history", said, "--channel", SHOP)
    assert (told["kind"], told["body"]["basketId"]) == ("order", said)


def test_a_parked_command_is_told(stage: Stage, upstream: Upstream) -> None:
    key = unique("basket")
    upstream.ask("basket.shake", key, message_id="odd")
    told = [one for one in listed(stage, "history", key, "--channel", SHOP) if one["kind"] == "dead letter"]
    assert [(one["type"], one["message_id"], one["body"]["cause"]) for one in told] == [
        ("basket.shake", "odd", "command.unknown_type.error")
    ]


def test_of_an_unknown_basket_there_is_no_history(stage: Stage) -> None:
    key = unique("basket")
    shown = run(stage, "history", key, "--channel", SHOP)
    assert shown.exit_code == 1
    assert shown.stderr == f"Error: nothing is known of a basket '{key}' in the channel '{SHOP}'\n"


def test_orders_are_listed_newest_first(stage: Stage, said: str) -> None:
    (order,) = listed(stage, "orders", "--basket", said)
    assert (order["basketId"], order["owner"]) == (said, "patricia")
    assert said in run(stage, "orders", "--basket", said).output


@pytest.mark.parametrize(
    "arguments",
    [
        ("migrate",),
        ("orders",),
        ("recurrences",),
        ("history", "none"),
        ("dead-letters", "list"),
    ],
)
def test_what_only_looks_into_the_database_needs_to_know_no_more(
    stage: Stage, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    known = {"BASKETRY_DATABASE_URL": stage.database_url}
    unknown = dict.fromkeys(("BASKETRY_BROKER_URL", "BASKETRY_JWT_SECRET", "BASKETRY_JWKS_FILE"))
    shown = CliRunner(env={**unknown, **known}).invoke(cli.main, [*arguments, "--state-dir", str(tmp_path)])
    assert "is not set" not in shown.output
    assert shown.exit_code == (arguments[0] == "history")


@pytest.mark.parametrize("width", [60, 200])
def test_on_a_terminal_an_order_is_never_cut_nor_folded(stage: Stage, said: str, width: int) -> None:
    shown = on_a_terminal(stage, width, "orders", "--basket", said)
    assert said in shown
    assert SHOP in shown
    assert "1209.28 USD" in shown
    assert max(map(len, shown.splitlines())) <= width


def test_recurrences_are_listed(stage: Stage, upstream: Upstream) -> None:
    channel, key = unique("shop"), unique("basket")
    open_shop(upstream, channel, recurringOrdersEnabled=True)
    upstream.ask("basket.create", key, channel=channel)
    body = {"recurrence": {"startDate": "2030-01-31T12:00:00Z", "interval": "P1M"}}
    assert upstream.ask("basket.update", key, body, channel=channel).status == 200
    found = [one for one in listed(stage, "recurrences", "--limit", "1000") if one["basketId"] == key]
    assert [(one["state"], one["nextOrderDate"]) for one in found] == [("active", "2030-01-31T12:00:00Z")]
    assert channel in run(stage, "recurrences", "--limit", "1000").output


@pytest.mark.parametrize("name", ["[/x]", "[bold]x"])
def test_an_id_that_looks_like_markup_is_listed_as_it_is(stage: Stage, upstream: Upstream, name: str) -> None:
    key = unique(name)
    upstream.ask("basket.create", key)
    upstream.ask("basket.item.add", key, {"elements": [{"sku": PROBOOK, "quantity": {"value": 1}}]})
    assert upstream.ask("basket.checkout", key).status == 201
    shown = run(stage, "orders", "--basket", key)
    assert shown.exit_code == 0, shown.output
    assert key in shown.output
