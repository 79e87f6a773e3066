"""What an order of data takes: files after filters, access of the moment, only what is new, page by page."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from holdings import CHANNEL, FILES, NOON, Held, hold, open_dataset
from sqlalchemy import Connection, text

from worker.domain.datasets import Counts, FileFilter
from worker.domain.objects import File, FilesPage, OrderedFile
from worker.domain.search.predicates import AnyOf, Like, Term
from worker.domain.search.questions import Criteria, Gather, Gathered, Reach, Task, TooCostly, Window
from worker.store import eras, ordered_data, searching

SECONDS = 5
ALL = Criteria()
QUICKLOOKS = [
    File(name=f"{size}.png", type=f"QUICKLOOK_{size}", size=n) for n, size in enumerate(("SD", "MD", "HD"))
]
MANY = (
    File(name="a.pdf", type="DOCUMENT", size=7),
    File(name="raw.dat", type="RAWDATA", size=1000),
    File(name="far.dat", type="RAWDATA", size=10, reference=True),
    *QUICKLOOKS,
)


def gathered(tx: Connection, *tasks: Task, order: str = "o", **more: object) -> Gathered:
    found = searching.answer(tx, CHANNEL, Gather(order_id=order, tasks=tasks, **more), SECONDS)
    assert isinstance(found, Gathered)
    assert found.order_id == order
    return found


def task(id_: str = "DS1", *selections: Criteria, of: FileFilter | None = None) -> Task:
    return Task(dataset_id=id_, selections=selections or (ALL,), filter=of)


def files(tx: Connection, limit: int = 1000, order: str = "o") -> list[tuple[str, str, str]]:
    """List an order's files, in pages of a size."""
    found: list[OrderedFile] = []
    after: str | None = ""
    while after is not None:
        page = ordered_data.page(tx, CHANNEL, order, after, limit)
        assert len(page.files) <= limit
        found += page.files
        after = page.next
    return [(one.dataset_id, one.object_id, one.file.name) for one in found]


def test_an_order_keeps_orderable_files_in_the_order_of_datasets_and_objects(tx: Connection) -> None:
    for id_, label in (("b", "Second"), ("B", "First"), ("c", "Empty")):
        open_dataset(tx, id_, label)
    hold(tx, Held(id="ä", datasets=("b",), files=MANY), Held(id="z", datasets=("b", "B")))
    found = gathered(tx, task("c"), task("b", ALL, Criteria(predicate=Term("stags=b"))), task("B"))
    one = Counts(objects=1, files=2, size=1005, quota=1)
    both = Counts(objects=2, files=7, size=1005 + 1013, quota=2)
    assert found.datasets == (("B", "First", one), ("b", "Second", both))
    assert found.reach is None
    assert files(tx) == [
        *(("B", "z", file.name) for file in FILES),
        *(("b", "z", file.name) for file in FILES),
        *(("b", "ä", file.name) for file in MANY[1:]),
    ]


@pytest.mark.parametrize(
    ("filter_", "names"),
    [
        (FileFilter(types=("RAWDATA",)), ["raw.dat", "far.dat"]),
        (FileFilter(types=("QUICKLOOK",)), ["SD.png", "MD.png", "HD.png"]),
        (FileFilter(types=("QUICKLOOK", "RAWDATA")), ["raw.dat", "far.dat", "SD.png", "MD.png", "HD.png"]),
        (FileFilter(name_pattern=r".*\.dat"), ["raw.dat", "far.dat"]),
        (FileFilter(name_pattern=r"raw"), []),
        (FileFilter(name_pattern=r".*[ra].*", types=("RAWDATA",)), ["raw.dat", "far.dat"]),
        (FileFilter(name_pattern=r".*D.*", types=("RAWDATA",)), []),
        (FileFilter(name_pattern=r"(SD|HD).png", types=("QUICKLOOK",)), ["SD.png", "HD.png"]),
        (FileFilter(name_pattern=r"a.pdf"), []),
        (FileFilter(name_pattern="("), []),
    ],
)
def test_a_filter_leaves_some_files(tx: Connection, filter_: FileFilter, names: list[str]) -> None:
    open_dataset(tx, "DS1")
    hold(tx, Held(id="a", files=MANY), Held(id="b", files=()), Held(id="c", files=MANY[:1]))
    (*datasets,) = gathered(tx, task(of=filter_)).datasets
    chosen = [file for file in MANY if file.name in names]
    assert files(tx) == [("DS1", "a", file.name) for file in MANY if file in chosen]
    expected = Counts(
        objects=1, files=len(chosen), size=sum(file.size for file in chosen), quota=int("raw.dat" in names)
    )
    assert datasets == ([("DS1", "DS1", expected)] if names else [])


def test_an_object_that_several_selections_find_is_kept_once(tx: Connection) -> None:
    open_dataset(tx, "DS1")
    hold(tx, *(Held(id=str(n)) for n in range(5)))
    selections = (
        Criteria(include=("1", "2")),
        Criteria(include=("2", "3"), exclude=("3",)),
        Criteria(before=NOON),
    )
    for filter_ in (None, FileFilter(name_pattern=".*")):
        order = str(filter_)
        gathered(tx, task("DS1", *selections, of=filter_), order=order)
        assert sorted({id_ for _, id_, _ in files(tx, order=order)}) == ["1", "2"]
        assert len(files(tx, order=order)) == 4


def test_ids_that_differ_by_case_are_of_two_datasets(tx: Connection) -> None:
    open_dataset(tx, "DS1")
    hold(tx, Held(id="a"), Held(id="b", datasets=("ds1",)))
    gathered(tx, task("DS1", Criteria(dataset_id="DS1"), ALL))
    assert {id_ for _, id_, _ in files(tx)} == {"a"}


def test_only_what_may_be_ordered_now_is_kept(tx: Connection) -> None:
    open_dataset(tx, "open", "Open")
    open_dataset(tx, "closed", "Closed", groups=("x",))
    hold(tx, Held(id="a", datasets=("open", "closed", "gone")))
    tasks = (task("open"), task("closed"), task("gone"), task("never"))
    assert [found[0] for found in gathered(tx, *tasks).datasets] == ["open"]
    assert [found[0] for found in gathered(tx, *tasks, order="p", groups=("x",)).datasets] == [
        "closed",
        "open",
    ]
    assert gathered(tx, order="q") == Gathered(order_id="q", datasets=())
    assert [one[0] for one in files(tx)] == ["open"] * 2


@pytest.mark.parametrize("filter_", [None, FileFilter(name_pattern=".*")])
def test_an_order_that_costs_too_much_keeps_nothing(tx: Connection, filter_: FileFilter | None) -> None:
    open_dataset(tx, "DS1")
    open_dataset(tx, "DS2")
    hold(tx, Held(id="a"))
    tx.execute(
        text(r"""
        INSERT INTO data_object
        SELECT 'c', n::text, '', '{DS2}', '{}', '[{"name"\:"a", "type"\:"RAWDATA", "size"\:1}]', 1, 1, 1,
               0, 0, 0, 0, now(),
               array_to_tsvector(ARRAY(SELECT 'sx=' || m FROM generate_series(1, 400) AS m) || '{stags=ds2}'),
               1, 1
        FROM generate_series(1, 2000) AS n""")
    )
    costly = Criteria(predicate=AnyOf(tuple(Like("s", f"s%{n}%y") for n in range(50))))
    cheap, dear = task("DS1", of=filter_), task("DS2", costly, of=filter_)
    question = Gather(order_id="o", tasks=(cheap, dear))
    assert searching.answer(tx, CHANNEL, question, 0.2) == TooCostly()
    assert files(tx) == []
    assert gathered(tx, cheap).datasets[0][2].objects == 1


def test_names_are_looked_at_chunk_by_chunk(tx: Connection) -> None:
    open_dataset(tx, "DS1")
    open_dataset(tx, "DS2")
    tx.execute(
        text("""
        INSERT INTO data_object
        SELECT 'c', to_char(n, 'FM0000'), '', '{DS1,DS2}', '{}',
               jsonb_build_array(jsonb_build_object('name', n || '.dat', 'type', 'RAWDATA', 'size', n)),
               1, n, 1, NULL, NULL, NULL, NULL, now(), 'stags=ds1 stags=ds2', 1, 1
        FROM generate_series(1, 3500) AS n""")
    )
    even = FileFilter(name_pattern=r"\d*[02468]\.dat")
    found = gathered(tx, task("DS1", of=even), task("DS2", of=even)).datasets
    counts = Counts(objects=1750, files=1750, size=sum(range(2, 3501, 2)), quota=1750)
    assert found == (("DS1", "DS1", counts), ("DS2", "DS2", counts))
    names = [f"{n}.dat" for n in range(2, 3501, 2)]
    assert [name for _, _, name in files(tx)] == [*names, *names]


def test_pages_of_any_size_give_the_same_list(tx: Connection) -> None:
    open_dataset(tx, "DS1")
    open_dataset(tx, "DS2")
    hold(
        tx,
        *(
            Held(
                id=f"{n}",
                datasets=("DS1", "DS2"),
                files=[File(name=f"{m}.dat", type="RAWDATA", size=m) for m in range(n % 13 + 1)],
            )
            for n in range(40)
        ),
    )
    gathered(tx, task("DS1"), task("DS2"))
    gathered(tx, task("DS1"), order="p")
    whole = files(tx, 1000)
    assert len(whole) == len(set(whole)) == 2 * sum(n % 13 + 1 for n in range(40))
    assert files(tx, 1) == files(tx, 7) == files(tx, len(whole)) == whole
    assert files(tx, 1000, order="nobody's") == []


def test_a_page_has_a_thousand_files_at_most(tx: Connection) -> None:
    open_dataset(tx, "DS1")
    hold(tx, *(Held(id=str(n), files=MANY[1:2] * 600) for n in range(2)))
    gathered(tx, task())
    page = ordered_data.page(tx, CHANNEL, "o", "", 5000)
    assert len(page.files) == 1000
    assert page.next is not None
    assert len(ordered_data.page(tx, CHANNEL, "o", page.next, 1000).files) == 200


@pytest.mark.parametrize(
    "after", ["1", "-", "1-", "x-1", "1-1-1", "1-1\n", "1;--", "٣-1", "9" * 19 + "-1", "1-" + "9" * 10]
)
def test_a_place_that_is_none_is_told(tx: Connection, after: str) -> None:
    with pytest.raises(ValueError, match="place"):
        ordered_data.page(tx, CHANNEL, "o", after, 10)


def test_a_place_beyond_the_end_has_nothing_behind_it(tx: Connection) -> None:
    after = "9" * 18 + "-" + "9" * 9
    assert ordered_data.page(tx, CHANNEL, "o", after, 10) == FilesPage(files=())


def test_orders_that_were_not_placed_are_forgotten(tx: Connection) -> None:
    open_dataset(tx, "DS1")
    hold(tx, Held(id="a"))
    for order in "opq":
        gathered(tx, task(), order=order)
    ordered_data.forget(tx, CHANNEL, ["o", "q", "unknown"])
    ordered_data.forget(tx, "d", ["p"])
    assert [bool(files(tx, order=order)) for order in "opq"] == [False, True, False]


def window(at: datetime, *reached: Reach | None) -> Window:
    return Window(until=at, reached=tuple(reach for reach in reached if reach is not None))


def taken(tx: Connection, order: str) -> set[str]:
    return {id_ for _, id_, _ in files(tx, order=order)}


def test_what_is_new_was_created_and_put_in_time_and_in_no_reach_before(tx: Connection) -> None:
    """The first order has no lower bound; what comes late is new for the next one, whatever its date says."""
    era = eras.current(tx)
    hour = timedelta(hours=1)
    open_dataset(tx, "DS1")
    hold(
        tx,
        Held(id="old", created_at=NOON - hour, put=(era, 1)),
        Held(id="edge", created_at=NOON, put=(era, 2)),
        Held(id="ahead", created_at=NOON + timedelta(microseconds=1), put=(era, 2)),
    )
    first = gathered(tx, task(), order="first", window=window(NOON))
    assert taken(tx, "first") == {"old", "edge"}
    assert first.reach is not None
    assert (first.reach.until, first.reach.era) == (NOON, era)
    horizon = first.reach.horizon
    hold(
        tx,
        Held(id="late", created_at=NOON - hour, put=(era, horizon)),
        Held(id="just", created_at=NOON - hour, put=(era, horizon - 1)),
        Held(id="uncommitted", created_at=NOON - hour, put=(era, 2**60)),
        Held(id="restored", created_at=NOON - hour, put=(era + 1, 1)),
    )
    assert gathered(tx, task(), order="again", window=window(NOON, first.reach)).datasets == ()
    later = Reach(until=NOON + hour, era=era + 1, horizon=2)
    tx.execute(text("INSERT INTO era VALUES (:era, 'elsewhere')"), {"era": era + 1})
    second = gathered(tx, task(), order="second", window=window(NOON + hour, first.reach))
    assert second.reach is not None
    assert second.reach.era == era + 2, "this cluster is none of those before"
    assert taken(tx, "second") == {"ahead", "late", "uncommitted", "restored"}
    third = gathered(tx, task(), order="third", window=window(NOON + hour, second.reach, first.reach))
    assert third.datasets == ()
    gathered(tx, task(), order="fourth", window=window(NOON + hour, later))
    assert taken(tx, "fourth") == set()


def test_a_put_that_stays_open_across_a_window_is_in_the_next_order(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    """Also what a transaction after it has put and committed: its own is below no horizon yet."""
    channel = unique()
    slow, fast, order = session(), session(), session()
    open_dataset(fast, "DS1", channel=channel)
    hold(fast, Held(id="before", put=now_putting(fast)), channel=channel)
    fast.commit()
    hold(slow, Held(id="slow", put=now_putting(slow)), channel=channel)
    hold(fast, Held(id="fast", put=now_putting(fast)), channel=channel)
    fast.commit()
    reached: list[Reach] = []
    for name, expected in (("1", {"before"}), ("2", {"slow", "fast"}), ("3", set())):
        question = Gather(order_id=name, tasks=(task(),), window=window(NOON, *reached))
        found = searching.answer(order, channel, question, SECONDS)
        assert isinstance(found, Gathered)
        page = ordered_data.page(order, channel, name, "", 1000)
        assert {file.object_id for file in page.files} == expected
        assert found.reach is not None
        reached.append(found.reach)
        order.commit()
        slow.commit()


def now_putting(tx: Connection) -> tuple[int, int]:
    era = eras.current(tx)
    return era, int(tx.execute(text("SELECT pg_current_xact_id()::text")).scalar_one())
