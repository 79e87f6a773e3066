"""`basketry history`: every command, answer, event and order of a basket, readable."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

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
    table = Table("at", "what", "who", "message id", "outcome", "version", "said")
    for one in told:
        table.add_row(*_row(one))
    Console().print(table)
    return bool(told)


def _row(told: Told) -> tuple[str, ...]:
    version = told.headers.get("version")
    return (
        iso(told.at),
        str(told.headers.get("command", told.type)) if told.kind == "result" else told.type,
        told.caller or "",
        told.message_id or "",
        _outcome(told),
        "" if version is None else str(version),
        _said(told),
    )


def _outcome(told: Told) -> str:
    if told.kind == "dead letter":
        return f"{told.body['state']}: {told.body['cause']}"
    waits = "" if told.is_published else ", not published yet"
    if told.kind == "result":
        return f"{told.headers.get('status')} {told.headers.get('error-key', '')}".strip() + waits
    return told.kind + waits


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
