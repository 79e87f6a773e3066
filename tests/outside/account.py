"""The invariants of a house, each as a function that gives a sentence for everything that breaks it.

Its evidence: what was sent, what was heard, and the database as plain SQL shows it.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, zip_longest

from outside.expected import Expected
from outside.stage import Stage
from outside.wire import Result

Order = Mapping[str, Sequence[str]]  # the message ids of each key, as they were sent


def wrong_answers(
    order: Order, expected: Mapping[str, Expected], heard: Mapping[str, Sequence[Result]]
) -> Iterator[str]:
    """Each command has one answer, the expected one, in the order of its basket's commands."""
    for key, message_ids in order.items():
        due = [(one, expected[one].status, expected[one].version) for one in message_ids]
        said = [(event.causation_id, event.status, event.version) for event in heard.get(key, ())]
        for number, (one, other) in enumerate(zip_longest(due, said)):
            if one != other:
                yield f"{key}: its answer {number} of {len(due)} was to be {one}, and {other} was heard"
                break


def reorders(order: Order, heard: Mapping[str, Sequence[Result]]) -> int:
    """Count the answers that were heard after one of a later command of their basket."""
    count = 0
    for key, message_ids in order.items():
        places = {message_id: place for place, message_id in enumerate(message_ids)}
        said = [
            places[event.causation_id or ""] for event in heard.get(key, ()) if event.causation_id in places
        ]
        count += sum(later <= earlier for earlier, later in pairwise(said))
    return count


def gaps_of_versions(heard: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    """Each basket's version goes up by one, or stays."""
    for key, events in heard.items():
        versions = [event.version for event in events if event.version is not None]
        for earlier, later in pairwise(versions):
            if later - earlier not in {0, 1}:
                yield f"{key}: version {later} after {earlier}"


def wrong_effects(stage: Stage, order: Order, expected: Mapping[str, Expected]) -> Iterator[str]:
    """Each basket is where its commands have brought it, each order was placed once, all was said once."""
    due = {key: max(expected[one].version or 0 for one in ids) for key, ids in order.items()}
    due = {key: version for key, version in due.items() if version}
    kept = dict(stage.rows("select id, version from basket where id = any(%s)", list(due)))
    for key in due.keys() | kept.keys():
        if due.get(key) != kept.get(key):
            yield f"{key}: is at version {kept.get(key)}, was to be at {due.get(key)}"
    ordered = sorted(
        expected[one].message.key for ids in order.values() for one in ids if expected[one].is_order
    )
    rows = stage.rows(
        "select basket_id from customer_order o where basket_id = any(%s) and not exists"
        " (select 1 from occurrence where channel = o.channel and order_id = o.id)",
        list(due),
    )
    placed = sorted(key for (key,) in rows)
    if ordered != placed:
        yield f"{len(ordered)} baskets were checked out, {len(placed)} orders were placed for them"
    for key, cause, count in stage.rows(
        "select key, headers ->> 'causation-id', count(*) from outbox"
        " where type in ('command.completed', 'command.rejected') group by 1, 2 having count(*) > 1"
    ):
        yield f"{key}: {count} results of {cause}"


def wrong_letters(stage: Stage, expected: Mapping[str, Expected]) -> Iterator[str]:
    """What was to be parked is a dead letter, once, and nothing else is."""
    kept = sorted(one for (one,) in stage.rows("select message_id from dead_letter") if one in expected)
    due = sorted(one for one, what in expected.items() if what.is_parked)
    if kept != due:
        yield f"{len(due)} commands were to be parked, {len(kept)} are: {sorted(set(kept) ^ set(due))}"


def wrong_occurrences(stage: Stage) -> Iterator[str]:
    """Every due occurrence has exactly one row and at most one order; nothing due is left."""
    for row in stage.rows(
        "select basket_id, generation, n, last_n, next_n from (select *, lead(n) over (partition by channel,"
        " basket_id, generation order by n) as next_n from occurrence) one where next_n <> last_n + 1"
    ):
        yield f"{row[0]}: generation {row[1]}: {row[2]} to {row[3]} is followed by {row[4]}"
    for (basket,) in stage.rows(
        "select o.basket_id from occurrence o left join customer_order c on (c.channel, c.id) ="
        " (o.channel, o.order_id) where o.order_id is not null and c.id is null"
    ):
        yield f"{basket}: an occurrence's order does not exist"
    for order_id, count in stage.rows(
        "select order_id, count(*) from occurrence where order_id is not null group by 1 having count(*) > 1"
    ):
        yield f"order {order_id} stands for {count} occurrences"
    for basket, order_id, count in stage.rows(
        "with said as materialized (select channel, body::jsonb ->> 'id' as id, count(*) as times from outbox"
        " where type = 'order.placed' group by 1, 2) select basket_id, id, coalesce(times, 0)"
        " from customer_order left join said using (channel, id) where times is distinct from 1"
        " and exists (select 1 from occurrence where order_id = customer_order.id)"
    ):
        yield f"{basket}: order {order_id} was announced {count} times"
    for (basket,) in stage.rows("select basket_id from recurrence where next_due_at <= now()"):
        yield f"{basket}: an occurrence is due and was not dealt with"


def longest_stall(
    confirmed: Mapping[str, float], heard: Mapping[str, float], all_heard: Sequence[float]
) -> float:
    """Give the longest time in which nothing was heard while something was outstanding.

    `confirmed` and `heard` say when a command was confirmed and answered; an answer may come first.
    """
    marks = [(min(at, heard.get(one, at)), 0) for one, at in confirmed.items()]
    marks += [(at, 1) for one, at in heard.items() if one in confirmed]
    marks += [(at, 2) for at in all_heard]
    longest, since, outstanding = 0.0, 0.0, 0
    for at, kind in sorted(marks):
        if kind == 0:
            since = since if outstanding else at
            outstanding += 1
            continue
        if outstanding:
            longest = max(longest, at - since)
        since = at
        outstanding -= kind == 1
    return longest
