"""Searches: what is counted of which datasets, for whom, and what becomes of those that cost too much."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from holdings import CHANNEL, NOON, Held, hold, open_dataset
from sqlalchemy import Connection, Engine, text

from worker.domain.datasets import Counts
from worker.domain.objects import Box, File
from worker.domain.search.predicates import AllOf, AnyOf, Between, InLabel, Like, Not, Term
from worker.domain.search.questions import (
    Criteria,
    Found,
    Measure,
    Measured,
    Recount,
    Recounted,
    TooCostly,
    UnknownFields,
)
from worker.store import database, searching

SECONDS = 5
ONE = Counts(objects=1, files=2, size=1005, quota=1)
TWO = Counts(objects=2, files=4, size=2010, quota=2)


def measured(tx: Connection, asked: Criteria, **more: object) -> list[Found]:
    found = searching.answer(tx, CHANNEL, Measure(asked=asked, **more), SECONDS)
    assert isinstance(found, Measured)
    return list(found.found)


def counts(tx: Connection, asked: Criteria, **more: object) -> dict[str, Counts]:
    return {found.dataset_id: found.counts for found in measured(tx, asked, **more)}


def recounted(tx: Connection, *selections: Criteria, groups: Iterable[str] = (), of: str = "DS1") -> Counts:
    question = Recount(dataset_id=of, selections=selections, groups=tuple(groups))
    found = searching.answer(tx, CHANNEL, question, SECONDS)
    assert isinstance(found, Recounted)
    return found.total


def test_every_dataset_with_matches_is_counted_by_itself(tx: Connection) -> None:
    for id_, label in (("DS2", "Second"), ("DS1", "First"), ("ds3", "Third"), ("DS4", "")):
        open_dataset(tx, id_, label)
    hold(tx, Held(id="a"), Held(id="b"), Held(id="c", datasets=("DS2", "DS1", "ds3", "gone")))
    assert measured(tx, Criteria()) == [
        Found(dataset_id="DS1", label="First", counts=_times(3), total=_times(3)),
        Found(dataset_id="DS2", label="Second", counts=ONE, total=ONE),
        Found(dataset_id="ds3", label="Third", counts=ONE, total=ONE),
    ]


def _times(number: int) -> Counts:
    return Counts(objects=number, files=2 * number, size=1005 * number, quota=number)


def test_only_objects_of_the_channel_with_an_orderable_file_are_counted(tx: Connection) -> None:
    open_dataset(tx, "DS1")
    open_dataset(tx, "DS1", channel="d")
    document = File(name="readme.pdf", type="DOCUMENT", size=7)
    raw = [File(name=f"{n}.dat", type="RAWDATA", size=10, reference=n > 8) for n in range(1, 11)]
    hold(tx, Held(id="a", files=(*raw, document)), Held(id="b", files=(document,)), Held(id="c", files=()))
    hold(tx, Held(id="d"), channel="d")
    assert counts(tx, Criteria()) == {"DS1": Counts(objects=1, files=10, size=100, quota=8)}


def test_access_is_for_everybody_for_nobody_or_for_groups(tx: Connection) -> None:
    for id_, allowed in (("all", None), ("none", ()), ("some", ("x", 'y"')), ("others", ("z",))):
        open_dataset(tx, id_, groups=allowed)
    hold(tx, Held(id="a", datasets=("all", "none", "some", "others")))
    assert list(counts(tx, Criteria())) == ["all"]
    assert list(counts(tx, Criteria(), groups=('y"', "w"))) == ["all", "some"]
    assert list(counts(tx, Criteria(), groups=("groups", "X"))) == ["all"]
    assert recounted(tx, Criteria(), of="some", groups=("x",)) == ONE
    assert recounted(tx, Criteria(), of="some") == Counts()
    assert recounted(tx, Criteria(), of="none", groups=("x", "z")) == Counts()


def test_every_criterion_restricts(tx: Connection) -> None:
    for id_ in ("DS1", "ds1"):
        open_dataset(tx, id_)
    later = NOON + timedelta(microseconds=1)
    hold(
        tx,
        Held(id="a", attributes={"colour": "red"}),
        Held(id="b", datasets=("ds1", "DS1"), box=Box(west=1, south=2, east=3, north=4)),
        Held(id="c", datasets=("ds1",), created_at=later),
    )
    both = {"DS1": TWO, "ds1": TWO}
    assert counts(tx, Criteria()) == both
    assert counts(tx, Criteria(predicate=Term("scolour=red"))) == {"DS1": ONE}
    assert counts(tx, Criteria(dataset_id="DS1")) == {"DS1": TWO}
    assert counts(tx, Criteria(dataset_id="Ds1")) == {}
    assert counts(tx, Criteria(before=later)) == {"DS1": TWO, "ds1": ONE}
    assert counts(tx, Criteria(before=later + timedelta(microseconds=1))) == both
    assert counts(tx, Criteria(include=("a", "c", "x"))) == {"DS1": ONE, "ds1": ONE}
    assert counts(tx, Criteria(exclude=("a", "x"))) == {"DS1": ONE, "ds1": TWO}
    assert counts(tx, Criteria(include=("a", "b"), exclude=("a",))) == {"DS1": ONE, "ds1": ONE}


@pytest.mark.parametrize(
    ("box", "is_found"),
    [
        (Box(west=0, south=0, east=9, north=9), True),
        (Box(west=1.5, south=2.5, east=1.6, north=2.6), True),
        (Box(west=3, south=4, east=9, north=9), True),
        (Box(west=0, south=0, east=1, north=2), True),
        (Box(west=3.01, south=0, east=9, north=9), False),
        (Box(west=0, south=4.01, east=9, north=9), False),
        (Box(west=0, south=0, east=0.99, north=9), False),
        (Box(west=0, south=0, east=9, north=1.99), False),
    ],
)
def test_a_box_finds_envelopes_that_it_overlaps_or_touches(
    tx: Connection, box: Box, *, is_found: bool
) -> None:
    open_dataset(tx, "DS1")
    hold(tx, Held(id="a", box=Box(west=1, south=2, east=3, north=4)), Held(id="nowhere"))
    assert counts(tx, Criteria(boxes=(box,))) == ({"DS1": ONE} if is_found else {})
    everywhere = Box(west=-180, south=-90, east=180, north=90)
    assert counts(tx, Criteria(boxes=(everywhere, box))) == ({"DS1": ONE} if is_found else {})


def test_unknown_fields_are_named_in_the_order_in_which_they_were_asked_for(tx: Connection) -> None:
    hold(tx, Held(id="a", attributes={"known": 1}), Held(id="b", attributes={"here": {"there": "x"}}))
    question = Measure(asked=Criteria(), fields=("zoo", "here.there", "'--", "known", "apple"))
    assert searching.answer(tx, CHANNEL, question, SECONDS) == UnknownFields(("zoo", "'--", "apple"))
    assert searching.answer(tx, "d", question, SECONDS) == UnknownFields(question.fields)


def test_totals_are_of_the_union_with_what_each_dataset_has_already(tx: Connection) -> None:
    for id_ in ("DS1", "DS2", "DS3", "DS4"):
        open_dataset(tx, id_)
    for n, id_ in enumerate(("DS1", "DS2", "DS3")):
        red, blue = {"colour": "red"}, {"colour": "blue"}
        hold(tx, *(Held(id=f"{n}{i}", datasets=(id_,), attributes=red if i else blue) for i in range(3)))
    blues, reds = Criteria(predicate=Term("scolour=blue")), Criteria(predicate=Term("scolour=red"))
    earlier = Criteria(predicate=Term("scolour=red"), before=NOON)
    of_two = Criteria(dataset_id="DS2")
    known = (("DS1", (reds, blues)), ("DS2", (reds, earlier)), ("DS4", (Criteria(),)))
    totals = {found.dataset_id: found.total for found in measured(tx, blues, known=known)}
    assert totals == {"DS1": _times(3), "DS2": _times(3), "DS3": ONE}
    totals = {found.dataset_id: found.total for found in measured(tx, reds, known=(("DS1", (earlier,)),))}
    assert totals == {"DS1": TWO, "DS2": TWO, "DS3": TWO}
    assert recounted(tx, earlier, blues) == ONE
    assert recounted(tx, earlier, reds, blues) == _times(3)
    assert recounted(tx, of_two) == Counts()
    assert recounted(tx) == Counts()


def test_a_selection_of_one_dataset_counts_in_no_other(tx: Connection) -> None:
    """Not even what is in both; nor do ids that differ by case only name the same."""
    for id_ in ("DS1", "DS2", "ds1"):
        open_dataset(tx, id_)
    hold(tx, Held(id="a", datasets=("DS1", "DS2")), Held(id="b", datasets=("DS2", "ds1")))
    of_one, of_two = Criteria(dataset_id="DS1"), Criteria(dataset_id="DS2")
    assert recounted(tx, of_two) == recounted(tx, of_one, of="ds1") == Counts()
    assert recounted(tx, of_two, of_one) == ONE
    known = (("DS1", (of_two,)), ("DS2", (of_two,)), ("ds1", (of_one,)))
    totals = {found.dataset_id: found.total for found in measured(tx, Criteria(include=("b",)), known=known)}
    assert totals == {"DS2": TWO, "ds1": ONE}


def test_an_instant_decides_between_selections_that_differ_by_nothing_else(tx: Connection) -> None:
    open_dataset(tx, "DS1")
    instants = [NOON + timedelta(microseconds=n) for n in range(3)]
    hold(tx, *(Held(id=str(n), created_at=at) for n, at in enumerate(instants)))
    second, third = Criteria(before=instants[1]), Criteria(before=instants[2])
    for selections in ((second, third), (third, second), (second, third, second)):
        assert recounted(tx, *selections) == TWO
    assert recounted(tx, second, Criteria(), third) == _times(3)


def test_no_more_datasets_come_than_tell_that_they_are_too_many(tx: Connection) -> None:
    ids = [f"DS{n:03}" for n in range(120)]
    for id_ in ids:
        open_dataset(tx, id_)
    hold(tx, Held(id="a", datasets=ids))
    assert list(counts(tx, Criteria())) == ids[:101]


def test_a_search_that_is_cut_off_leaves_the_transaction_as_it_was(tx: Connection) -> None:
    settings = text("SELECT name, current_setting(name) FROM unnest(CAST(:names AS text[])) AS name")
    names = {"names": ["statement_timeout", "work_mem", "plan_cache_mode"]}
    tx.execute(text("SET LOCAL statement_timeout = '7s'"))
    before = tx.execute(settings, names).all()
    open_dataset(tx, "DS1")
    tx.execute(
        text("""
        INSERT INTO data_object SELECT 'c', n::text, '', '{DS1}', '{}', '[]', 1, 1, 1, 0, 0, 0, 0, now(),
               array_to_tsvector(ARRAY(SELECT 'sx=' || m FROM generate_series(1, 400) AS m)), 1, 1
        FROM generate_series(1, 2000) AS n""")
    )
    costly = AnyOf(tuple(Like("s", f"s%{n}%y") for n in range(50)))
    question = Measure(asked=Criteria(predicate=costly))
    assert searching.answer(tx, CHANNEL, question, 0.05) == TooCostly()
    assert tx.execute(settings, names).all() == before
    assert searching.answer(tx, CHANNEL, question, 0) == TooCostly()
    assert counts(tx, Criteria())["DS1"].objects == 2000
    assert tx.execute(settings, names).all() == before


@pytest.mark.slow
def test_as_many_ranges_as_a_statement_can_ask_for_are_asked_for_and_more_are_too_costly(
    tx: Connection,
) -> None:
    """With more than 65,535 values a statement is not even sent, and was tried again for ever."""
    open_dataset(tx, "DS1")
    hold(tx, Held(id="a", attributes={"name": "b"}))
    ranges = tuple(Between("sname=", "sname=c", f"sname=d{n}", False, False) for n in range(5000))
    halves = tuple(Criteria(predicate=AnyOf(half)) for half in (ranges[:2500], ranges[2500:]))
    assert recounted(tx, *halves) == Counts()
    for one_more in (Like("sname=b", "sname=b%_"), Not(InLabel(Like("wb", "wb%_"))), AllOf((ranges[0],))):
        question = Recount(dataset_id="DS1", selections=(*halves, Criteria(predicate=one_more)))
        assert searching.answer(tx, CHANNEL, question, SECONDS) == TooCostly()


def test_a_lock_that_is_not_to_be_had_is_no_matter_of_cost(engine: Engine) -> None:
    everything = Measure(asked=Criteria())
    with engine.connect() as holding:
        holding.execute(text("LOCK TABLE data_object IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(database.Locked), database.transaction(engine) as tx:
            searching.answer(tx, CHANNEL, everything, 0.5)
        holding.rollback()
