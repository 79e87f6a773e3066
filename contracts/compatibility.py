"""What a newer contract breaks: two AsyncAPI documents of ours compared, the released one first.

A publisher is broken when what it sends is not taken any more: a command or a field is gone, a field is newly
required, a type, a list of values or a limit is tighter. A consumer is broken when it reads what it was not
promised: an event, an answer or a field is gone, a field may now be absent, a value is of another type or not
of its closed list. Both are one question: does the reader take all that the writer may write? Commands are
read by the new service, events by the old consumer. What is new and optional breaks nobody.

The exchanges that others publish to and bind to are part of it; the service's own queues and what lies
between (`x-topology`) are not: nobody else declares them, and that a publish may be nacked was always so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]

_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_ALL_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")


def breaks(released: Node, current: Node) -> list[str]:
    """List what the current document breaks, a sentence each; empty when it is compatible."""
    return [
        *_gone(released, current),
        *_changed_answers(released, current),
        *_changed_errors(released, current),
        *_changed_messages(released, current),
    ]


def _gone(released: Node, current: Node) -> Iterator[str]:
    for part in ("channels", "operations"):
        for name in released[part].keys() - current[part].keys():
            yield f"{part}: {name} is gone"
    for name in released["channels"].keys() & current["channels"].keys():
        before, now = released["channels"][name], current["channels"][name]
        for part, what in (("address", "address"), ("bindings", "exchange")):
            if before.get(part) != now.get(part):
                yield f"channels: {name} has another {what}"


def _changed_answers(released: Node, current: Node) -> Iterator[str]:
    for name in released["operations"].keys() & current["operations"].keys():
        before, now = released["operations"][name], current["operations"][name]
        if before["action"] != now["action"]:
            yield f"operations: {name} is now one to {now['action']}"
        answered = {message["$ref"] for message in now.get("reply", {}).get("messages", ())}
        for message in before.get("reply", {}).get("messages", ()):
            if message["$ref"] not in answered:
                yield f"{name} is no more answered with {message['$ref'].rpartition('/')[2]}"
        for status in before.get("x-success-status", ()):
            if status not in now.get("x-success-status", ()):
                yield f"{name} is no more answered with {status}"


def _changed_errors(released: Node, current: Node) -> Iterator[str]:
    statuses = {error["key"]: error["status"] for error in current["components"]["x-error-keys"]}
    for error in released["components"]["x-error-keys"]:
        key, before = error["key"], error["status"]
        if key not in statuses:
            yield f"the error key {key} is gone"
        elif statuses[key] != before:
            yield f"the status of {key} was {before} and is {statuses[key]}"


def _changed_messages(released: Node, current: Node) -> Iterator[str]:
    sent_to_us = {
        message["$ref"].rpartition("/")[2]
        for operation in released["operations"].values()
        if operation["action"] == "receive"
        for message in operation["messages"]
    }
    for name, before in released["components"]["messages"].items():
        now = current["components"]["messages"].get(name)
        if now is None:
            yield f"the message {name} is gone"
            continue
        for part in ("payload", "headers", "x-amqp-properties"):
            if part not in before and part not in now:
                continue
            place = f"{name} {part}"
            if part not in before or part not in now:
                yield f"{place}: it had {'none' if part in now else 'one'} before"
            elif name in sent_to_us:
                yield from Reading(written=released, read=current).refused(before[part], now[part], place)
            else:
                reading = Reading(written=current, read=released, is_promise=True)
                yield from reading.refused(now[part], before[part], place)


class Reading:
    """Whether schemas of one document take all that schemas of another let somebody write.

    `is_promise`: the reader also counts on fields that it knows as optional ones.
    """

    def __init__(self, *, written: Node, read: Node, is_promise: bool = False) -> None:
        self._written, self._read, self._is_promise = written, read, is_promise

    def refused(self, writes: Node, reads: Node, place: str) -> Iterator[str]:
        """Say what may be written and is not taken."""
        writes, reads = _resolve(writes, self._written), _resolve(reads, self._read)
        if "anyOf" in writes or "anyOf" in reads:
            yield from self._options(writes, reads, place)
            return
        types = _types(writes) - _types(reads)
        if types:
            yield f"{place}: {', '.join(sorted(types))} is not taken"
            return
        yield from _values(writes, reads, place)
        yield from _limits(writes, reads, place)
        yield from self._fields(writes, reads, place)
        if "items" in reads:
            yield from self.refused(writes.get("items", {}), reads["items"], f"{place}[]")

    def _options(self, writes: Node, reads: Node, place: str) -> Iterator[str]:
        taken = reads.get("anyOf", [reads])
        for option in writes.get("anyOf", [writes]):
            found = [list(self.refused(option, one, place)) for one in taken]
            if all(found):
                yield from min(found, key=len)

    def _fields(self, writes: Node, reads: Node, place: str) -> Iterator[str]:
        written, known = writes.get("properties", {}), reads.get("properties", {})
        for name in sorted(set(reads.get("required", ())) - set(writes.get("required", ()))):
            yield f"{place}.{name}: it is required and may be absent"
        for name in written:
            if name in known:
                yield from self.refused(written[name], known[name], f"{place}.{name}")
            elif reads.get("additionalProperties") is False:
                yield f"{place}.{name}: there is no such field"
        if self._is_promise:
            yield from (f"{place}.{name}: it is gone" for name in known if name not in written)
        if reads.get("additionalProperties") is False and writes.get("additionalProperties") is not False:
            yield f"{place}: other fields are not taken"
        if isinstance(reads.get("additionalProperties"), dict):
            others = writes.get("additionalProperties", {})
            if isinstance(others, dict):
                yield from self.refused(others, reads["additionalProperties"], f"{place}.*")


def _resolve(schema: Node, document: Node) -> Node:
    """Follow references; what stands beside one (a default, a description) breaks nobody."""
    while "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def _types(schema: Node) -> set[str]:
    given = schema.get("type", _ALL_TYPES)
    if "type" not in schema and "const" in schema and isinstance(schema["const"], int):
        given = "integer"
    types = {given} if isinstance(given, str) else set(given)
    return types | {"integer"} if "number" in types else types


def _values(writes: Node, reads: Node, place: str) -> Iterator[str]:
    """Compare closed lists. An open one (`x-extensible-enum`) is any text to its reader."""
    taken, written = _closed(reads), _closed(writes)
    if taken is not None and written is None:
        yield f"{place}: only {', '.join(map(repr, taken))} is taken"
    for value in written or ():
        if taken is not None and value not in taken:
            yield f"{place}: {value!r} is not taken"


def _closed(schema: Node) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    listed: list[Any] | None = schema.get("enum")
    return listed


def _limits(writes: Node, reads: Node, place: str) -> Iterator[str]:
    for limit in _UPPER:
        if limit in reads and writes.get(limit, float("inf")) > reads[limit]:
            yield f"{place}: {limit} is {reads[limit]}, and more may come"
    for limit in _LOWER:
        if limit in reads and writes.get(limit, float("-inf")) < reads[limit]:
            yield f"{place}: {limit} is {reads[limit]}, and less may come"
    if "pattern" in reads and writes.get("pattern") != reads["pattern"]:
        yield f"{place}: the pattern is another"
