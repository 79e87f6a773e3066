"""Edits, erasures, housekeeping and relays on the same baskets at once: no deadlock, no version lost.

At last everybody is erased, and nothing of them is left.
Each is done in this process as a worker does it, by several threads: one worker alone would do them in turn.
"""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import pairwise

import pytest
from outside.furnishing import AS_SERVICE, HOME, IN_2030, elements
from outside.shop import GROSS_AT_19, usd
from outside.stage import Stage
from outside.wire import command

from tests.flow.together import in_turn, together
from worker import expiry, forgetting
from worker.store import database, outbox
from worker.store.database import TryAgain

USERS, BASKETS = [f"user-{number}" for number in range(4)], [f"basket-{number}" for number in range(24)]
MOUSE = {"name": "Mouse", "price": usd(1), "taxRate": 0}
EDITS = [
    ("basket.create", None),
    ("basket.item.add", elements("mouse")),
    ("basket.update", {"commonShipToAddress": HOME}),
    ("basket.update", {"recurrence": {"startDate": IN_2030, "interval": "P1M"}}),
    ("basket.checkout", None),
    ("basket.empty", None),
]
ROUNDS = 60
ANSWERED = {200, 201, 204, 400, 404}


def edit(stage: Stage, rng: random.Random) -> None:
    """Apply a batch about some baskets, in any order, each by its own user."""
    chosen = [rng.randrange(len(BASKETS)) for _ in range(8)]
    batch = [
        command(*_about(rng.choice(EDITS), BASKETS[number]), caller=USERS[number % len(USERS)])
        for number in chosen
    ]
    assert {reply.status for reply in together(stage, *batch)} <= ANSWERED


def _about(sent: tuple[str, object], key: str) -> tuple[str, str, object]:
    return sent[0], key, sent[1]


def erase(stage: Stage, rng: random.Random) -> None:
    (reply,) = together(stage, command("user.erase", rng.choice(USERS), headers=AS_SERVICE))
    assert reply.status == 204


def forget(stage: Stage, rng: random.Random) -> None:
    """Work at whatever is to be erased, a few steps only."""
    steps = iter(range(rng.randrange(1, 8)))
    with an_engine(stage) as engine:
        forgetting.forget(engine, lambda: next(steps, None) is not None)


def expire(stage: Stage, rng: random.Random) -> None:
    """Close one basket at least that nobody seems to have touched."""
    with an_engine(stage) as engine:
        long_ago = "update basket set changed_at = '2020-01-01Z' where id = %s"
        stage.rows(long_ago, rng.choice(BASKETS))
        expiry.expire(engine, lambda: True)


def relay(stage: Stage, rng: random.Random) -> None:
    """Mark everything as published, as a relay does that the broker confirms it to."""
    del rng
    with an_engine(stage) as engine, database.transaction(engine) as tx:
        outbox.mark_published(tx, outbox.pending(tx, outbox.lock(tx, range(outbox.PARTITIONS)), 500))


@contextmanager
def an_engine(stage: Stage) -> Iterator[database.Engine]:
    engine = database.engine(stage.database_url, "tests")
    try:
        yield engine
    finally:
        engine.dispose()


def erase_all(stage: Stage, rng: random.Random) -> None:
    """Have everybody erased once more, with a basket of each id, and wait until that is done."""
    for number, key in enumerate(BASKETS):
        together(stage, command("basket.create", key, caller=USERS[number % len(USERS)]))
    in_turn(stage, *(command("user.erase", user, headers=AS_SERVICE) for user in USERS))
    deadline = time.monotonic() + 30
    while stage.count("erasure"):
        assert time.monotonic() < deadline
        forget(stage, rng)
        relay(stage, rng)


@pytest.fixture
def shop(stage: Stage) -> Stage:
    together(
        stage,
        command("channel.put", "shop", {**GROSS_AT_19, "recurringOrdersEnabled": True}, headers=AS_SERVICE),
        command("product.put", "mouse", MOUSE, headers=AS_SERVICE),
    )
    return stage


@pytest.mark.slow
def test_nobody_deadlocks_and_no_version_is_lost(shop: Stage) -> None:
    failures: list[BaseException] = []
    is_over = threading.Event()

    def keep(act: Callable[[Stage, random.Random], None], seed: int) -> int:
        rng, again = random.Random(seed), 0
        for _ in range(ROUNDS):
            try:
                act(shop, rng)
            except TryAgain:
                again += 1
            except BaseException as error:  # noqa: BLE001 - told below
                failures.append(error)
                break
            if is_over.is_set():
                break
        return again

    acts = [edit, edit, edit, erase, expire, forget, forget, relay, relay]
    with ThreadPoolExecutor(len(acts)) as threads:
        running = [threads.submit(keep, act, seed) for seed, act in enumerate(acts)]
        for one in running[:3]:
            with suppress(Exception):
                one.result(timeout=60)
        is_over.set()
    assert failures == []
    ((deadlocks,),) = shop.rows("select deadlocks from pg_stat_database where datname = current_database()")
    assert deadlocks == 0
    assert_no_version_is_lost(shop)
    assert shop.rows("select 1 from dead_letter") == []
    erase_all(shop, random.Random(0))
    assert shop.rows("select id from basket where is_open or owner <> ''") == []
    assert (
        shop.rows("select id from customer_order where owner <> '' or document::text like '%%Potsdam%%'")
        == []
    )
    assert shop.rows("select key from outbox where body <> '' and key = any(%s)", BASKETS) == []


def assert_no_version_is_lost(shop: Stage) -> None:
    versions: dict[str, list[int]] = defaultdict(list)
    rows = shop.rows(
        "select key, (headers->>'version')::int from outbox where headers ? 'version'"
        " and type in ('command.completed', 'command.rejected', 'basket.expired') order by seq"
    )
    for key, version in rows:
        versions[key].append(version)
    for key, seen in versions.items():
        assert {later - earlier for earlier, later in pairwise(seen)} <= {0, 1}, (key, seen)
