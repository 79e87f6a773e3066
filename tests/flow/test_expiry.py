"""Contract 5: a basket without recurrence that nobody touched for its channel's `basketLifetime` expires.

Housekeeping is done by the workers once a minute; here it is done at once, by as many as a test says.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from outside.furnishing import IN_2030, elements, filled
from outside.listener import Listener
from outside.processes import WorkerProcess
from outside.shop import BENQ, open_shop, put
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Result, unique

from worker import expiry
from worker.store import database

CHANNEL, PATIENT = "expiring", "patient"  # 10 days, and 400
LONG_AGO = "11 days"


@pytest.fixture(scope="module", autouse=True)
def _open(stage: Stage, worker: WorkerProcess) -> None:
    with Upstream(stage.broker_url) as upstream:
        open_shop(upstream, CHANNEL, recurringOrdersEnabled=True, basketLifetime="P10D")
        open_shop(upstream, PATIENT, basketLifetime="P400D")


@pytest.fixture
def engine(stage: Stage) -> Iterator[database.Engine]:
    made = database.engine(stage.database_url, "tests")
    yield made
    made.dispose()


def expire(engine: database.Engine) -> None:
    """Keep house until there is nothing more to do."""
    assert expiry.expire(engine, lambda: True)


def untouched(stage: Stage, *keys: str, since: str = LONG_AGO) -> None:
    """Make it so long ago that anybody has touched these."""
    stage.rows("update basket set changed_at = now() - %s::interval where id = any(%s)", since, list(keys))


def expired(events: Listener, key: str) -> list[Result]:
    return [event for event in events.by_key().get(key, []) if event.type == "basket.expired"]


def is_open(stage: Stage, *keys: str) -> list[bool]:
    rows = dict(stage.rows("select id, is_open from basket where id = any(%s)", list(keys)))
    return [rows[key] for key in keys]


def test_a_basket_that_nobody_touched_is_closed_and_the_world_is_told(
    upstream: Upstream, events: Listener, stage: Stage, engine: database.Engine
) -> None:
    key = filled(upstream, BENQ, channel=CHANNEL)
    untouched(stage, key)
    ((changed_at,),) = stage.rows("select changed_at from basket where id = %s", key)
    expire(engine)
    assert events.until(lambda: bool(expired(events, key)))
    (event,) = expired(events, key)
    assert dict(event.headers) == {"key": key, "channel": CHANNEL, "version": 3, "contract-version": 1}
    changed = changed_at.isoformat().replace("+00:00", "Z")
    assert event.json == {"basketId": key, "changed": changed, "reason": "untouched"}
    assert upstream.ask("basket.get", key, channel=CHANNEL).error_key == "basket.basket_not_found.error"
    again = upstream.ask("basket.create", key, channel=CHANNEL)
    assert (again.status, again.version) == (201, 4)
    assert "shippingBuckets" not in again.json
    stranger = upstream.ask("basket.create", key, channel=CHANNEL, caller="mallory")
    assert stranger.error_key == "basket.wrong_basket_id.error"


def test_what_is_touched_or_recurrent_or_of_a_patient_channel_or_closed_stays(
    upstream: Upstream, stage: Stage, engine: database.Engine
) -> None:
    due, recent, touched, recurrent, ended, closed = (
        filled(upstream, BENQ, channel=CHANNEL) for _ in range(6)
    )
    patient = filled(upstream, BENQ, channel=PATIENT)
    by_default = filled(upstream, channel="default")
    monthly = {"recurrence": {"startDate": IN_2030, "interval": "P1M"}}
    once = {"recurrence": {**monthly["recurrence"], "repetitions": 1}}
    assert upstream.ask("basket.update", recurrent, monthly, channel=CHANNEL).status == 200
    assert upstream.ask("basket.update", ended, once, channel=CHANNEL).status == 200
    assert upstream.ask("basket.checkout", ended, channel=CHANNEL).status == 201
    assert upstream.ask("basket.empty", closed, channel=CHANNEL).status == 204
    untouched(stage, due, touched, recurrent, ended, closed, patient, by_default)
    untouched(stage, recent, since="9 days 23:59")
    upstream.ask("basket.item.add", touched, elements(BENQ), channel=CHANNEL)
    expire(engine)
    assert is_open(stage, due, recent, touched, recurrent, ended, closed, patient, by_default) == [
        False, True, True, True, True, False, True, True
    ]  # fmt: skip
    assert upstream.ask("basket.get", recurrent, channel=CHANNEL).version == 3
    ((version,),) = stage.rows("select version from basket where id = %s", closed)
    assert version == 3


def test_the_default_channel_waits_ninety_days(
    upstream: Upstream, stage: Stage, engine: database.Engine
) -> None:
    before, after = filled(upstream, channel="default"), filled(upstream, channel="default")
    untouched(stage, before, since="89 days 23:59")
    untouched(stage, after, since="90 days 00:01")
    expire(engine)
    assert is_open(stage, before, after) == [True, False]


def test_a_basket_whose_recurrence_was_removed_expires_like_any_other(
    upstream: Upstream, stage: Stage, engine: database.Engine
) -> None:
    key = filled(upstream, BENQ, channel=CHANNEL)
    for recurrence in ({"startDate": IN_2030, "interval": "P1M"}, {"interval": "P0D"}):
        assert upstream.ask("basket.update", key, {"recurrence": recurrence}, channel=CHANNEL).status == 200
    untouched(stage, key)
    expire(engine)
    assert is_open(stage, key) == [False]


def test_a_shorter_lifetime_holds_from_the_next_housekeeping_on(
    upstream: Upstream, stage: Stage, engine: database.Engine
) -> None:
    channel = unique("channel")
    open_shop(upstream, channel, basketLifetime="P30D")
    key = filled(upstream, channel=channel)
    untouched(stage, key, since="2 days")
    expire(engine)
    assert is_open(stage, key) == [True]
    put(upstream, "channel.put", channel, {"basketLifetime": "PT36H"}, channel=channel)
    expire(engine)
    assert is_open(stage, key) == [False]


def test_four_housekeepers_at_once_close_each_basket_once(
    upstream: Upstream, events: Listener, stage: Stage, engine: database.Engine
) -> None:
    """More baskets than one transaction takes, with neighbours that are in somebody's hands."""
    first = filled(upstream, BENQ, channel=CHANNEL)
    keys = [unique("copy") for _ in range(450)]
    stage.rows(
        "insert into basket (channel, id, owner, version, is_open, document, changed_at)"
        " select channel, copy, owner, version, is_open,"
        " document || jsonb_build_object('id', copy), now() - interval '11 days'"
        " from basket, unnest(%s::text[]) as copy where id = %s",
        keys,
        first,
    )
    with psycopg.connect(stage.database_url) as busy:
        busy.execute("select 1 from basket where id = %s for update", [keys[7]])
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: expire(engine), range(4)))
        assert is_open(stage, keys[7]) == [True]
    expire(engine)
    assert events.until(lambda: all(expired(events, key) for key in keys))
    assert [len(expired(events, key)) for key in keys] == [1] * 450
    assert {expired(events, key)[0].version for key in keys} == {3}
    assert stage.rows("select distinct version, is_open from basket where id = any(%s)", keys) == [(3, False)]


def test_who_comes_first_has_it_the_owner_or_the_housekeeper(
    upstream: Upstream, events: Listener, stage: Stage, engine: database.Engine
) -> None:
    """The owner is adding something; the housekeeper does not wait, and finds it touched the next time."""
    key = filled(upstream, BENQ, channel=CHANNEL)
    untouched(stage, key)
    with psycopg.connect(stage.database_url) as owner:
        owner.execute("update basket set changed_at = now() where id = %s", [key])
        expire(engine)
        assert is_open(stage, key) == [True]
    expire(engine)
    assert is_open(stage, key) == [True]
    assert upstream.ask("basket.item.add", key, elements(BENQ), channel=CHANNEL).version == 3
    assert expired(events, key) == []


def test_a_basket_that_cannot_be_read_holds_up_no_other(
    upstream: Upstream, stage: Stage, engine: database.Engine
) -> None:
    channels = sorted(unique("channel") for _ in range(3))
    keys: list[Any] = []
    for channel in channels:
        open_shop(upstream, channel, basketLifetime="P10D")
        keys.append(filled(upstream, BENQ, channel=channel))
    broken, neighbour = keys[1], filled(upstream, channel=channels[1])
    stage.rows('update basket set document = \'{"version": "x"}\' where id = %s', broken)
    untouched(stage, *keys, neighbour)
    try:
        expire(engine)
        assert is_open(stage, *keys, neighbour) == [False, True, False, False]
    finally:
        stage.rows("delete from basket where id = %s", broken)
