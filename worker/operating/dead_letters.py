"""Dead letters as an operator reads them: a table, one letter whole, or JSON for programs.

What is shown was sent by somebody else: nothing of it is taken for markup or moves the terminal's cursor.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from contracts.instants import iso
from worker import printing
from worker.store import database, dead_letters
from worker.store.dead_letters import Act, Letter, Listed

_COLUMNS = (
    "id",
    "state",
    "cause",
    "type",
    "channel",
    "key",
    "message id",
    "parked at",
    "attempts",
    "came to",
)


def print_list(
    engine: database.Engine, limit: int, state: str | None, cause: str | None, *, as_json: bool
) -> None:
    """Print letters, the newest first."""
    with database.transaction(engine) as tx:
        found = dead_letters.listed(tx, limit, state, cause)
    if as_json:
        _print_json([_row(one) for one in found])
        return
    printing.show(_COLUMNS, map(_cells, found))


def _cells(one: Listed) -> tuple[str, ...]:
    at = iso(one.parked_at.replace(microsecond=0))
    cells = (one.id, one.state, one.cause, one.type, one.channel, one.key, one.message_id or "", at)
    return tuple(plain(str(cell)) for cell in (*cells, one.attempts, one.outcome or ""))


def print_letter(engine: database.Engine, letter_id: int, *, as_json: bool) -> bool:
    """Print a letter with all that was kept of it and done with it; False when there is none."""
    with database.transaction(engine) as tx:
        letter = dead_letters.find(tx, letter_id)
        acts = dead_letters.acts(tx, letter_id)
    if letter is None:
        return False
    if as_json:
        _print_json({**_whole(letter), "audit": [_act(one) for one in acts]})
        return True
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    for line in _lines(letter, acts):
        console.print(line)
    return True


def plain(text: str) -> str:
    """Escape what is not to be seen; lines and tabs stay."""
    return "".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text)


def _row(one: Listed | Letter) -> dict[str, Any]:
    """Give what the contract shows of a letter in a list."""
    return {
        "id": one.id,
        "key": one.key,
        "channel": one.channel,
        "type": one.type,
        "message_id": one.message_id,
        "cause": one.cause,
        "parked_at": iso(one.parked_at),
        "attempts": one.attempts,
        "replays": one.replays,
        "state": one.state,
    }


def _whole(letter: Letter) -> dict[str, Any]:
    return {
        **_row(letter),
        "outcome": letter.outcome,
        "operator": letter.operator,
        "expected_version": letter.expected_version,
        "event_id": str(letter.event_id),
        "claims": letter.claims,
        "new_owner": letter.new_owner,
        "properties": letter.properties,
        "headers": letter.headers,
        **_body(letter.body),
        "detail": letter.detail,
    }


def _body(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def _act(one: Act) -> dict[str, Any]:
    return {"at": "" if one.at is None else iso(one.at), "who": one.who, "action": one.action, "why": one.why}


def _lines(letter: Letter, acts: list[Act]) -> Iterator[str]:
    for name, value in _whole(letter).items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if value is not None and name != "detail":
            yield f"{name}: {plain(shown)}"
    yield f"detail:\n{plain(letter.detail)}"
    for one in (_act(act) for act in acts):
        yield plain(
            "  ".join(part for part in (one["at"], one["action"], f"by {one['who']}", one["why"]) if part)
        )


def _print_json(document: object) -> None:
    print(json.dumps(document, indent=2))  # noqa: T201
