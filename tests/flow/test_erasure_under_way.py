"""Contract 5, `user.erase`, while it is under way: held up, with much to do, and beside other commands."""

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from outside.furnishing import AS_SERVICE, filled
from outside.listener import Listener
from outside.processes import WorkerProcess, wait_for
from outside.shop import BENQ, open_shop
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command, unique

from tests.flow.person import CHANNEL, Person, rows_with, wait_until_forgotten
from tests.flow.together import in_turn

pytestmark = pytest.mark.slow  # each waits for a sweep, a second or two

ROUNDS = 3  # who waits for the erasure does so in each; what else the machine does is seldom so long
_LOCK_CLASS, _PARTITIONS = 0x6261736B, 64  # of the relay: who holds a partition's lock relays it


@pytest.fixture(scope="module", autouse=True)
def _open(stage: Stage, worker: WorkerProcess) -> None:
    with Upstream(stage.broker_url) as upstream:
        open_shop(upstream, CHANNEL, recurringOrdersEnabled=True)


@pytest.fixture
def person(upstream: Upstream, stage: Stage) -> Person:
    return Person(upstream, stage)


def to_be_erased(stage: Stage, sub: str) -> bool:
    return bool(stage.rows("select 1 from erasure where owner = %s", sub))


def closed(stage: Stage, keys: list[str]) -> list[str]:
    query = "select id from basket where id = any(%s) and not is_open order by id"
    return [id_ for (id_,) in stage.rows(query, keys)]


@contextmanager
def held_back(stage: Stage, key: str) -> Iterator[None]:
    """Hold back the events of a key, as another relay does that has its partition."""
    partition = zlib.crc32(f"{CHANNEL}\0{key}".encode()) % _PARTITIONS
    with psycopg.connect(stage.database_url) as other:
        other.execute("select pg_advisory_xact_lock(%s, %s)", (_LOCK_CLASS, partition))
        yield


def test_an_event_that_has_not_left_yet_leaves_whole_and_is_emptied_then(
    person: Person, events: Listener, stage: Stage
) -> None:
    """Until then the erasure is open, and who has come back meanwhile stays."""
    with held_back(stage, person.open):
        last = command("basket.update", person.open, {"taxExempt": False}, caller=person.sub, channel=CHANNEL)
        assert person.ask_for(last).status == 200
        person.erase()
        wait_for(lambda: closed(stage, person.baskets) == sorted(person.baskets))
        back = filled(person.upstream, BENQ, channel=CHANNEL, caller=person.sub)
        pending = "select published_at, body from outbox where key = %s and headers->>'causation-id' = %s"
        ((published_at, body),) = stage.rows(pending, person.open, last.message_id)
        assert (published_at, person.mark in body) == (None, True)
        assert to_be_erased(stage, person.sub)
    event = events.answer(last)
    assert event.json["department"] == person.mark
    wait_until_forgotten(stage, person.sub)
    assert stage.rows(pending, person.open, last.message_id)[0][1] == ""
    assert rows_with(stage, person.mark) == {}
    assert events.until(lambda: events.by_key()[person.open][-1].type == "basket.expired")
    assert events.by_key()[person.open][-2].causation_id == last.message_id
    assert person.ask("basket.get", back).version == 2


def test_a_basket_that_is_opened_right_behind_the_erasure_stays(
    person: Person, upstream: Upstream, stage: Stage
) -> None:
    key = unique("basket")
    asked, opened = in_turn(
        stage,
        command("user.erase", person.sub, channel=CHANNEL, headers=AS_SERVICE),
        command("basket.create", key, caller=person.sub, channel=CHANNEL),
    )
    assert (asked.status, opened.status) == (204, 201)
    wait_until_forgotten(stage, person.sub)
    assert person.ask("basket.get", key).status == 200


def with_much(person: Person, stage: Stage) -> list[str]:
    """Give a person 450 baskets more, and 3,000 answers in one key; give the ids of the baskets, in order."""
    keys = sorted(unique("copy") for _ in range(450))
    stage.rows(
        "insert into basket (channel, id, owner, version, is_open, document)"
        " select channel, copy, owner, version, is_open, document || jsonb_build_object('id', copy)"
        " from basket, unnest(%s::text[]) as copy where id = %s",
        keys,
        person.open,
    )
    stage.rows(
        "insert into outbox (event_id, channel, key, partition, type, headers, body, published_at)"
        " select gen_random_uuid(), channel, key, partition, type, headers, body, now()"
        " from generate_series(1, 3000), (select * from outbox where event_id = %s::uuid) as answer",
        person.answer.message_id,
    )
    return sorted([*keys, person.open, person.recurring])


def beside_the_erasure(person: Person, upstream: Upstream) -> tuple[float, list[str]]:
    """Have somebody else, and the person again, fill a basket; give how long it takes, and the baskets."""
    began = time.monotonic()
    other = filled(upstream, BENQ, channel=CHANNEL, caller=unique("other"))
    assert person.erase().status == 204, "it may be asked for again meanwhile"
    back = filled(upstream, BENQ, channel=CHANNEL, caller=person.sub)
    return time.monotonic() - began, [other, back]


def test_a_person_with_much_is_erased_in_steps_and_nobody_waits_for_it(
    person: Person, upstream: Upstream, events: Listener, stage: Stage
) -> None:
    """A step is made to wait for a basket; the ones before it are done, and nothing waits for the erasure."""
    keys = with_much(person, stage)
    assert rows_with(stage, person.mark)["outbox"] > 3000
    with psycopg.connect(stage.database_url) as busy:
        busy.execute("select 1 from basket where id = %s for update", [keys[300]])
        assert person.erase().status == 204
        wait_for(lambda: bool(closed(stage, keys)))
        rounds = [beside_the_erasure(person, upstream) for _ in range(ROUNDS)]
        assert min(seconds for seconds, _ in rounds) < 2
        assert 190 < len(closed(stage, keys)) <= 200
        assert to_be_erased(stage, person.sub)
    wait_until_forgotten(stage, person.sub)
    assert closed(stage, keys) == keys
    assert rows_with(stage, person.mark) == {}
    assert closed(stage, rounds[-1][1]) == []

    def ended() -> list[str]:
        return [event.key for event in events.different() if event.type == "basket.expired"]

    assert events.until(lambda: set(ended()) >= set(keys))
    assert sorted(key for key in ended() if key in keys) == keys, "each is said once"
