"""Filling the database with reference data from lines: read, refused and written as the same puts over AMQP.

Nothing is answered and nothing published: a line is refused to whoever loads it. What a put may hold is
decided by the contract's codec and the domain alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from contracts.envelope import DEFAULT_CHANNEL, Delivery, open_envelope
from contracts.errors import ErrorKey, Problem, in_order
from worker.domain.objects import DataObject
from worker.domain.reference import Reference
from worker.routes import ROUTES, Put
from worker.store import catalog, database, reference
from worker.store.database import Engine, Transaction
from worker.store.reference import Kind

CHANNEL_PUT = "channel.put"
_UNSENT = "line"  # a message id: nothing is looked up by it


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line as it is written; the body is read later, as it would be in a message."""

    key: str
    body: msgspec.Raw
    type: str = "data-object.put"
    channel: str = ""


class Sent(msgspec.Struct, frozen=True):
    """A put on its way to who writes it; `number` is that of its line."""

    number: int
    type: str
    channel: str
    key: str
    body: bytes


class Rejected(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line that was not loaded, and everything that is wrong with it."""

    line: int
    errors: tuple[Problem, ...]
    type: str = ""
    channel: str = ""
    key: str = ""


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of lines: `touched` rows are new or changed, the others were as sent."""

    lines: int = 0
    touched: int = 0
    rejected: tuple[Rejected, ...] = ()

    def __add__(self, other: Filled) -> Filled:
        return Filled(
            lines=self.lines + other.lines,
            touched=self.touched + other.touched,
            rejected=self.rejected + other.rejected,
        )


class _Entry(msgspec.Struct, frozen=True):
    sent: Sent
    channel: str  # of a channel's settings their own, as with a message
    kind: Kind
    value: Reference


Persist = Callable[[Callable[[], Filled]], Filled]

_lines = msgspec.json.Decoder(Line)


def read_line(number: int, text: bytes, channel: str) -> Sent | Rejected:
    """Take a line apart; `channel` is that of lines that name none."""
    try:
        line = _lines.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"a line is {{key, body, type?, channel?}} in JSON: {error}"[:300]
        return Rejected(number, (Problem(code=ErrorKey.MALFORMED, message=message, path="$"),))
    return Sent(number, line.type, line.channel or channel or DEFAULT_CHANNEL, line.key, bytes(line.body))


def fill(source: Engine, sent: Sequence[Sent], persist: Persist) -> Filled:
    """Read puts and write those that are good, in one transaction if the database takes them all.

    `persist` is to call what it is given until that no longer raises TryAgain, or to give up with an
    exception of its own. Of several puts of one key the last one stays.
    """
    entries: list[_Entry] = []
    rejected = []
    for one in sent:
        read = _read(one)
        if isinstance(read, _Entry):
            entries.append(read)
        else:
            rejected.append(_rejected(one, read))
    filled = _write_in_parts(source, entries, persist)
    return filled + Filled(lines=len(rejected), rejected=tuple(rejected))


def _read(sent: Sent) -> _Entry | tuple[Problem, ...]:
    route = ROUTES.get(sent.type)
    envelope = open_envelope(
        Delivery(
            key=sent.key,
            body=sent.body,
            properties={"type": sent.type, "message_id": _UNSENT},
            headers={"channel": sent.channel},
        ),
        (),
    )
    problems = list(envelope.problems)
    value: Any = None
    if not isinstance(route, Put) or route.read is None:
        problems.append(Problem(code=ErrorKey.UNKNOWN_TYPE, message="only puts of reference data are loaded"))
    elif envelope.command is not None:
        value = route.read(envelope.command)
        problems += value if isinstance(value, list) else []
    if problems or not isinstance(route, Put):
        return in_order(problems)
    return _Entry(sent, envelope.channel, route.kind, value)


def _write_in_parts(source: Engine, entries: Sequence[_Entry], persist: Persist) -> Filled:
    """Write entries; when the database refuses the content of one, or takes too long, fewer at once."""
    if not entries:
        return Filled()
    try:
        return persist(lambda: _write_once(source, entries))
    except (database.StatementFailed, _TooManyError) as error:
        if len(entries) == 1:
            message = f"the database refuses it: {error}"
            problem = Problem(code=ErrorKey.INTERNAL_ERROR, message=message)
            return Filled(lines=1, rejected=(_rejected(entries[0].sent, (problem,)),))
        middle = len(entries) // 2
        first = _write_in_parts(source, entries[:middle], persist)
        return first + _write_in_parts(source, entries[middle:], persist)


class _TooManyError(Exception):
    """A statement was cut off that would take fewer rows, too."""


def _write_once(source: Engine, entries: Sequence[_Entry]) -> Filled:
    try:
        with database.transaction(source) as tx:
            return _write(tx, entries)
    except database.TooSlow as error:
        if len(entries) > 1:
            raise _TooManyError from error
        raise


def _write(tx: Transaction, entries: Sequence[_Entry]) -> Filled:
    channels = _known_channels(tx, entries)
    rejected = []
    put: dict[reference.Key, Reference | None] = {}
    objects: dict[catalog.Key, DataObject] = {}
    for entry in entries:
        if entry.kind is not Kind.CHANNEL and entry.channel not in channels:
            message = f"there is no channel {entry.sent.channel[:200]!r}"
            problem = Problem(code=ErrorKey.CHANNEL_NOT_FOUND, message=message)
            rejected.append(_rejected(entry.sent, (problem,)))
        elif isinstance(entry.value, DataObject):
            objects[entry.channel, entry.sent.key] = entry.value
        else:
            put[entry.channel, entry.kind, entry.sent.key] = entry.value
    touched = reference.save(tx, put) + catalog.save(tx, objects)
    return Filled(lines=len(entries), touched=touched, rejected=tuple(rejected))


def _known_channels(tx: Transaction, entries: Iterable[_Entry]) -> set[str]:
    named = {entry.channel for entry in entries}
    loaded = reference.load(tx, {(channel, Kind.CHANNEL, channel) for channel in named})
    return {channel for channel in named if reference.channel(loaded, channel) is not None}


def _rejected(sent: Sent, problems: tuple[Problem, ...]) -> Rejected:
    return Rejected(sent.number, problems, sent.type, sent.channel, sent.key)
