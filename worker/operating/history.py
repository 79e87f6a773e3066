"""`basketry history`: every command, answer, event and order of a basket, readable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from rich.console import Console

from contracts.instants import iso
from worker.store import database, history
from worker.store.history import Told


def show(database_url: str, channel: str, basket_id: str, limit: int, *, as_json: bool) -> bool:
    """Print what is kept about a basket, oldest first; False when nothing is."""
    engine = database.engine(database_url, "basketry history")
    with database.transaction(engine) as tx:
        told = history.of_basket(tx, channel, basket_id, limit)
    engine.dispose()
    if as_json:
        print(json.dumps([msgspec.to_builtins(one) for one in told], indent=2))  # noqa: T201
        return bool(told)
    # Lines and no table: every id is whole at any width, and `grep` finds it.
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for one in told:
        for line in _lines(one):
            console.print(line)
    return bool(told)


def _lines(told: Told) -> Iterator[str]:
    """Tell one thing: when, what and its outcome; below it whose it was and what it said."""
    what = str(told.headers.get("command", told.type)) if told.kind == "result" else told.type
    version = told.headers.get("version")
    parts = [iso(told.at.replace(microsecond=0)), what, _outcome(told)]
    yield "  ".join(parts + ([] if version is None else [f"version {version}"]))
    by = f"by {told.caller}" if told.caller else ""
    message = f"message {told.message_id}" if told.message_id else ""
    below = ", ".join(part for part in (by, message) if part)
    yield from (f"    {line}" for line in (below, _said(told)) if line)


def _outcome(told: Told) -> str:
    if told.kind == "dead letter":
        came = f", replayed: {told.body['outcome']}" if told.body["outcome"] else ""
        return f"{told.body['state']}: {told.body['cause']}{came}"
    waits = "" if told.is_published else ", not published yet"
    if told.kind == "result":
        status = f"{told.headers.get('status')} {told.headers.get('error-key', '')}".strip()
        return status + _again(told) + waits
    return told.kind + waits


def _again(told: Told) -> str:
    attempt = told.headers.get("attempt")
    return f", attempt {attempt} for {told.headers.get('operator')}" if attempt else ""


def _said(told: Told) -> str:
    """Say the gist of a body: what was wrong, what was ordered, what it costs."""
    body = told.body
    if not isinstance(body, dict):
        return ""
    if "errors" in body:
        return "; ".join(f"{one.get('path', '')} {one['message']}".strip() for one in body["errors"])
    parts = [_order(body) if "number" in body else "", _total(body), _reason(body)]
    return ", ".join(part for part in parts if part)


def _order(body: dict[str, Any]) -> str:
    recurring = body.get("recurring")
    due = f", occurrence {recurring['occurrence']} due {recurring['dueAt']}" if recurring else ""
    return f"order {body['number']}{due}"


def _total(body: dict[str, Any]) -> str:
    total = body.get("totals", {}).get("basketTotal")
    return f"{total['value']} {total['currencyMnemonic']}" if total else ""


def _reason(body: dict[str, Any]) -> str:
    reason = body.get("reason")
    return reason["message"] if isinstance(reason, dict) else reason or ""
