"""Baskets by owner, in lists, and untouched: what is found, what is locked, by which index."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
import values
from msgspec import structs
from sqlalchemy import Connection, TextClause, text

from worker.domain.basket import Basket, Item, Rule
from worker.domain.decisions import Listed
from worker.domain.money import Money
from worker.local import waiting
from worker.store import baskets
from worker.store.baskets import Untouched

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
# 23:30 in the evening of the tenth in Los Angeles is half past seven of the eleventh in UTC.
LATE = datetime(2026, 3, 11, 6, 30, tzinfo=UTC)
MANY = 1000
FIRST = (date.min, "")


def made(id_: str, *, owner: str = "patricia", total: str = "0", is_open: bool = True) -> Basket:
    basket = values.basket(id_, owner=owner, channel="c")
    totals = structs.replace(basket.priced.totals, basket=Decimal(total))
    return structs.replace(basket, is_open=is_open, priced=structs.replace(basket.priced, totals=totals))


def recurrent(id_: str) -> Basket:
    basket = made(id_)
    rule = Rule(start_at=NOON, interval="P1M")
    return structs.replace(basket, content=structs.replace(basket.content, recurrence=rule))


def dated(tx: Connection, at: datetime, *ids: str) -> None:
    tx.execute(text("UPDATE basket SET changed_at = :at WHERE id = ANY(:ids)"), {"at": at, "ids": list(ids)})


def read(found: list[tuple[str, str]]) -> dict[str, Basket]:
    """Read the baskets of an owner, which come as their documents, in their order."""
    return {id_: msgspec.json.decode(document, type=Basket) for id_, document in found}


def untouched(tx: Connection, before: datetime, limit: int = MANY, *, channel: str = "c") -> list[Untouched]:
    return baskets.lock_untouched(tx, channel, before, FIRST, limit)


def ids(found: list[Untouched]) -> list[str]:
    return [one.place[1] for one in found]


def test_all_baskets_of_an_owner_are_found_and_closed_ones_too(tx: Connection) -> None:
    mine = [made("b"), made("A"), made("z", is_open=False)]
    other_channel = values.basket("d", channel="d")
    baskets.save(tx, [*mine, made("e", owner="robert"), other_channel], [])
    assert read(baskets.lock_owned(tx, "c", "patricia", "", MANY)) == {basket.id: basket for basket in mine}
    assert baskets.lock_owned(tx, "c", "nobody", "", MANY) == []


def test_an_owners_baskets_are_found_in_parts_that_leave_none_out(tx: Connection) -> None:
    names = [*(str(number) for number in range(7)), "B", "a", "ä", "~"]
    baskets.save(tx, [made(name) for name in names], [])
    found = [""]
    for size in (3, 3, 3, 2, 0):
        part = baskets.lock_owned(tx, "c", "patricia", found[-1], 3)
        assert len(part) == size
        found += [id_ for id_, _ in part]
    assert sorted(found[1:]) == sorted(names)


def test_a_document_that_cannot_be_read_is_found_like_any_other(tx: Connection) -> None:
    baskets.save(tx, [made("a"), made("b")], [])
    dated(tx, NOON, "a", "b")
    tx.execute(text("UPDATE basket SET document = '[]' WHERE id = 'a'"))
    (broken, whole) = baskets.lock_owned(tx, "c", "patricia", "", MANY)
    assert (broken, read([whole])) == (("a", "[]"), {"b": made("b")})
    assert [one.document == "[]" for one in untouched(tx, LATE)] == [True, False]


def test_an_owners_baskets_are_locked_in_the_order_in_which_a_batch_locks_them(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    """Else an erasure and a batch about the same baskets would wait for each other."""
    channel, owner = unique(), unique()
    names = [f"{channel}{name}" for name in ("z", "ä", "B", "a", "1", "a-b", "ab")]
    first, second, third, watcher = session(), session(), session(), session()
    baskets.save(first, [values.basket(name, owner=owner, channel=channel) for name in names], [])
    first.commit()
    last = first.execute(text("SELECT max(id) FROM basket WHERE channel = :c"), {"c": channel}).scalar_one()
    baskets.lock(first, [(channel, last)])
    pid = second.execute(text("SELECT pg_backend_pid()")).scalar_one()
    waits = text("SELECT 1 FROM pg_locks WHERE pid = :pid AND NOT granted")
    with ThreadPoolExecutor(1) as threads:
        later = threads.submit(baskets.lock_owned, second, channel, owner, "", MANY)
        assert waiting.until(lambda: watcher.execute(waits, {"pid": pid}).scalar() == 1, seconds=4)
        free = text("SELECT id FROM basket WHERE channel = :c FOR UPDATE SKIP LOCKED")
        assert third.execute(free, {"c": channel}).all() == []
        third.rollback()
        first.commit()
        assert len(later.result(timeout=5)) == len(names)


def test_a_basket_that_was_given_away_meanwhile_is_not_an_owners_any_more(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    channel, owner = unique(), unique()
    first, second, watcher = session(), session(), session()
    one, other = (values.basket(f"{channel}-{name}", owner=owner, channel=channel) for name in "ab")
    baskets.save(first, [one, other], [])
    first.commit()
    baskets.save(first, [], [structs.replace(one, owner="heir"), structs.replace(other, version=2)])
    pid = second.execute(text("SELECT pg_backend_pid()")).scalar_one()
    waits = text("SELECT 1 FROM pg_locks WHERE pid = :pid AND NOT granted")
    with ThreadPoolExecutor(1) as threads:
        later = threads.submit(baskets.lock_owned, second, channel, owner, "", MANY)
        assert waiting.until(lambda: watcher.execute(waits, {"pid": pid}).scalar() == 1, seconds=4)
        first.commit()
        assert read(later.result(timeout=5)) == {other.id: structs.replace(other, version=2)}


def test_only_what_is_open_without_recurrence_and_older_is_untouched(tx: Connection) -> None:
    baskets.save(tx, [made("old"), made("new"), made("closed", is_open=False), recurrent("recurrent")], [])
    dated(tx, NOON, "old", "closed", "recurrent")
    dated(tx, NOON + timedelta(microseconds=1), "new")
    assert untouched(tx, NOON) == [], "before means before"
    (found,) = untouched(tx, NOON + timedelta(microseconds=1))
    assert (found.place, found.changed_at) == ((NOON.date(), "old"), NOON)
    assert msgspec.json.decode(found.document, type=Basket) == made("old")
    assert untouched(tx, NOON + timedelta(days=9), channel="d") == []


@pytest.mark.parametrize(
    "at", [LATE, LATE - timedelta(hours=6, minutes=30), NOON, NOON - timedelta(hours=12)]
)
def test_the_day_is_one_of_utc_whatever_the_session_says(tx: Connection, at: datetime) -> None:
    baskets.save(tx, [made("one")], [])
    dated(tx, at, "one")
    day = tx.execute(text("SELECT changed_on FROM basket WHERE id = 'one'")).scalar_one()
    assert day == at.date()
    assert untouched(tx, at) == []
    assert ids(untouched(tx, at + timedelta(microseconds=1))) == ["one"]


def test_the_longest_untouched_come_first_and_no_more_than_asked_for(tx: Connection) -> None:
    baskets.save(tx, [made(str(number)) for number in range(5)], [])
    for number in range(5):
        dated(tx, NOON - timedelta(days=number), str(number))
    assert ids(untouched(tx, NOON, 3)) == ["4", "3", "2"]


def test_the_untouched_go_on_behind_the_place_where_the_last_ones_ended(tx: Connection) -> None:
    """Of a day those with the higher ids: the instants within it do not count."""
    baskets.save(tx, [made(name) for name in "abcd"], [])
    dated(tx, NOON - timedelta(days=1), "c")
    dated(tx, NOON - timedelta(hours=1), "d")
    dated(tx, NOON, "a", "b")
    first = untouched(tx, LATE, 2)
    rest = baskets.lock_untouched(tx, "c", LATE, first[-1].place, 2)
    assert (ids(first), ids(rest)) == (["c", "a"], ["b", "d"])
    assert baskets.lock_untouched(tx, "c", LATE, rest[-1].place, 2) == []


def test_a_basket_becomes_touched_recurrent_or_closed_with_its_next_save(tx: Connection) -> None:
    baskets.save(tx, [made("a"), made("b"), recurrent("c"), recurrent("d")], [])
    baskets.save(tx, [], [recurrent("a"), made("b", is_open=False), made("c"), recurrent("d")])
    dated(tx, NOON, "a", "b", "c", "d")
    assert ids(untouched(tx, NOON + timedelta(days=1))) == ["c"]
    baskets.save(tx, [], [made("c")])
    assert untouched(tx, NOON + timedelta(days=1)) == []


def test_who_is_locked_by_another_is_left_out_and_nobody_waits(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    channel = unique()
    first, second = session(), session()
    names = [f"{channel}-{name}" for name in "abc"]
    baskets.save(first, [values.basket(name, channel=channel) for name in names], [])
    first.execute(text("UPDATE basket SET changed_at = :at WHERE channel = :c"), {"at": NOON, "c": channel})
    first.commit()
    baskets.lock(first, [(channel, names[1])])
    found = untouched(second, NOON + timedelta(days=1), channel=channel)
    assert sorted(ids(found)) == [names[0], names[2]]
    assert ids(untouched(first, NOON + timedelta(days=1), channel=channel)) == [names[1]]


def test_a_list_shows_open_baskets_of_the_owner_behind_an_id(tx: Connection) -> None:
    shown = [made("A", total="1209.28"), made("a"), made("b", total="0.10"), made("~")]
    hidden = [made("closed", is_open=False), made("other", owner="robert"), values.basket("d", channel="d")]
    baskets.save(tx, [*shown, *hidden], [])
    dated(tx, LATE, "A", "a", "b", "~")
    whole = baskets.listed(tx, "c", "patricia", MANY, "")
    assert {one.id: one.total for one in whole} == {
        basket.id: Money("USD", basket.priced.totals.basket) for basket in shown
    }
    assert all((one.version, one.changed_at) == (1, LATE) for one in whole)
    pages: list[Listed] = []
    while page := baskets.listed(tx, "c", "patricia", 1, pages[-1].id if pages else ""):
        pages += page
    assert tuple(pages) == whole


@pytest.mark.parametrize("total", ["0", "2.70", "99999999999999.99", "0.000000000001", "1E+5"])
def test_a_total_is_listed_exactly(tx: Connection, total: str) -> None:
    baskets.save(tx, [made("a", total=total)], [])
    (one,) = baskets.listed(tx, "c", "patricia", 1, "")
    assert one.total.value == Decimal(total)


@pytest.fixture
def crowd(tx: Connection) -> Connection:
    """Twenty thousand baskets: a few of each owner, some touched on each day, most of them closed."""
    template = made("t")
    item = Item(id="i", sku="s", quantity=1, position=1)
    baskets.save(
        tx, [structs.replace(template, content=structs.replace(template.content, items=(item,)))], []
    )
    tx.execute(
        text("""
        INSERT INTO basket (channel, id, owner, version, is_open, is_recurrent, document, changed_at)
        SELECT 'c', n::text, 'owner-' || n % 2000, 1, n % 10 = 0, n % 20 = 0, document,
               TIMESTAMPTZ '2026-03-10 12:00Z' - make_interval(hours => n % 4000)
        FROM basket, generate_series(1, 20000) AS n WHERE id = 't'
        """)
    )
    tx.execute(text("ANALYZE basket"))
    return tx


def plan(tx: Connection, query: TextClause, **parameters: object) -> str:
    rows = tx.execute(text(f"EXPLAIN {query.text}"), parameters)
    return "\n".join(rows.scalars())


def test_an_owners_list_and_an_owners_baskets_are_read_by_their_index(crowd: Connection) -> None:
    by_list = plan(crowd, baskets._LIST, channel="c", owner="owner-7", limit=21, after="")
    by_lock = plan(crowd, baskets._LOCK_OWNED, channel="c", owner="owner-7", limit=200, after="")
    for shown, index in ((by_list, "basket_open_by_owner"), (by_lock, "basket_by_owner")):
        assert f"using {index}" in shown
        assert "Seq Scan" not in shown


def test_the_untouched_are_read_by_their_index_in_its_order(crowd: Connection) -> None:
    asked = {"channel": "c", "before": NOON - timedelta(days=90), "limit": 200}
    shown = plan(crowd, baskets._LOCK_UNTOUCHED, **asked, after_on=date(2025, 9, 1), after_id="7")
    assert "basket_untouched" in shown
    assert "Sort" not in shown
    assert "Seq Scan" not in shown


def test_a_change_on_the_same_day_moves_no_index_entry(crowd: Connection) -> None:
    """Heap-only updates: the index is on the day, since one on the instant would follow every change."""
    columns = crowd.execute(
        text("""
        SELECT DISTINCT attname FROM pg_index
        JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey) WHERE indrelid = 'basket'::regclass
        """)
    )
    assert set(columns.scalars()) == {"channel", "id", "owner", "changed_on"}
