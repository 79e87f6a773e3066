"""Baskets whose commands are numbered, and the invariants that every race and every fault must keep.

Each command has one effect and one event; a basket's events are in the order of its commands, at least by the
first appearance of each; its version has no gap.
"""

from collections.abc import Sequence

from outside.listener import Listener
from outside.stage import Stage
from outside.wire import Message, command, unique

Parts = Sequence[Sequence[Message]]


def numbered(baskets: int, commands: int, *, publishers: int = 1) -> list[list[Message]]:
    """Make the commands of some baskets, one list per publisher, the baskets of each taking turns."""
    names = [unique("basket") for _ in range(baskets)]
    return [
        [numbered_command(name, number) for number in range(commands) for name in names[part::publishers]]
        for part in range(publishers)
    ]


def numbered_command(basket: str, number: int) -> Message:
    """Make the command that leaves the basket at version `number` + 1."""
    if number == 0:
        return command("basket.create", basket, channel="default")
    return command("basket.update", basket, {"department": f"D{number}"}, channel="default")


def assert_each_once_and_in_order(events: Listener, stage: Stage, parts: Parts) -> None:
    """Check everything that was said, and the baskets themselves, against what was sent."""
    sent: dict[str, list[str]] = {}
    for message in (message for part in parts for message in part):
        sent.setdefault(message.key, []).append(message.message_id)
    said = events.by_key()
    assert set(said) == set(sent)
    for basket, message_ids in sent.items():
        assert [event.causation_id for event in said[basket]] == message_ids
        assert [event.version for event in said[basket]] == list(range(1, len(message_ids) + 1))
        shown = [event.json.get("department") for event in said[basket]]
        assert shown == [None, *(f"D{number}" for number in range(1, len(message_ids)))]
    kept = stage.rows("select id, version from basket where id = any(%s)", list(sent))
    assert dict(kept) == {basket: len(message_ids) for basket, message_ids in sent.items()}
    assert stage.count("dead_letter") == 0


def assert_repeats_are_identical(events: Listener) -> int:
    """Check that an event that was heard again is the same; give the number of repeats."""
    first = {event.message_id: event for event in events.different()}
    assert all(event.said == first[event.message_id].said for event in events.heard)
    return len(events.heard) - len(first)
