"""A catalogue of a million objects: which searches take milliseconds, and how the others end."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from holdings import CHANNEL, NOON, open_dataset
from outside import stage as stages
from sqlalchemy import Connection, Engine, text

from worker.domain.search.predicates import AllOf, AnyOf, Between, Like, Not, Phrase, Predicate, Term
from worker.domain.search.questions import Criteria, Measure, Measured, Recount, Recounted, TooCostly
from worker.local.servers import Servers
from worker.store import cutoff, database, finding, searching

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SECONDS = 5
MEGABYTE = 1 << 20

# Attributes, files and terms as large as those of an object of a real catalogue.
_LOAD = """
INSERT INTO data_object
SELECT 'c', 'URN:AIP:DATA:project1:' || lpad(n::text, 12, '0') || ':V1', 'provider-' || n,
       ARRAY['DS' || n % 50],
       jsonb_build_object('mission', 'mission-' || n % 20, 'number', n, 'title', title, 'level', n % 4),
       jsonb_build_array(
           jsonb_build_object('name', n || '_raw.dat', 'type', 'RAWDATA', 'size', 1000000),
           jsonb_build_object('name', n || '_hd.png', 'type', 'QUICKLOOK_HD', 'size', 500000),
           jsonb_build_object('name', n || '_md.png', 'type', 'QUICKLOOK_MD', 'size', 1000),
           jsonb_build_object('name', n || '_sd.png', 'type', 'QUICKLOOK_SD', 'size', 500)),
       4, 1501500, 1, n % 360 - 180, n % 180 - 90, n % 360 - 179, n % 180 - 89,
       TIMESTAMPTZ '2026-03-10 12:00Z' - make_interval(secs => n),
       CAST(concat_ws(' ',
           '''fmission'' ''fnumber'' ''ftitle'' ''flevel'' ''fcreatedAt'' ''fproviderId'' ''ftags''',
           '''sproviderId=provider-' || n || '''', 'wprovider:1 w' || n || ':2',
           '''smission=mission-' || n % 20 || '''', 'wmission:5 w' || n % 20 || 'x:6',
           '''stags=ds' || n % 50 || '''',
           '''stitle=' || title || '''', 'wimage:9 wof:10 w' || adjective || ':11 wsea:12',
           '''nnumber=' || lpad(to_hex(n::bigint), 16, '0') || '''',
           '''dcreatedAt=' || to_hex((1::bigint << 63) | (1773144000000000 - n::bigint * 1000000)) || '''',
           '''nlevel=' || lpad(to_hex(n % 4), 16, '0') || '''') AS tsvector),
       1, 1
FROM generate_series(1, 1000000) AS n,
     LATERAL (SELECT (ARRAY['blue','calm','deep','wild','cold','warm','near'])[n % 7 + 1] AS adjective) AS a,
     LATERAL (SELECT 'image of ' || adjective || ' sea' AS title) AS t
"""


def say(*lines: str) -> None:
    """Show what was measured, to whoever runs these tests with -s."""
    sys.stdout.writelines(f"\n{line}" for line in lines)


@pytest.fixture(scope="module")
def million(servers: Servers) -> Iterator[Engine]:
    with stages.fresh(servers) as stage:
        began = time.monotonic()
        with psycopg.connect(stage.database_url) as connection:
            connection.execute(_LOAD)
        loaded = time.monotonic()
        with psycopg.connect(stage.database_url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE) data_object")
        say(f"loaded in {loaded - began:.1f} s, vacuumed in {time.monotonic() - loaded:.1f} s")
        engine = database.engine(stage.database_url, "tests")
        with engine.begin() as tx:
            for number in range(50):
                open_dataset(tx, f"DS{number}", f"Dataset {number}")
            say(*tx.execute(_SIZES).scalars())
        yield engine
        engine.dispose()


_SIZES = text("""
SELECT relname || ': ' || pg_size_pretty(pg_relation_size(oid)) FROM pg_class
WHERE relname IN ('data_object', 'data_object_terms', 'one_data_object_per_channel_and_id')
""")


@pytest.fixture
def tx(million: Engine) -> Iterator[Connection]:
    with million.connect() as connection:
        yield connection
        connection.rollback()


def numbers(low: int, high: int) -> Predicate:
    """Ask for a range whose ends are multiples of 256, as the prefixes of their digits."""
    return AnyOf(tuple(Term(f"nnumber={n:014x}", is_prefix=True) for n in range(low >> 8, high >> 8)))


SELECTIVE = {
    "term": (Term("sproviderId=provider-777"), 1),
    "phrase": (Phrase(("wprovider", "w4711")), 1),
    "range": (numbers(0x1000, 0x1800), 0x800),
    "prefix": (Term("sproviderId=provider-4711", is_prefix=True), 111),
    "pattern": (Like("sproviderId=provider-47", "sproviderId=provider-47%11"), 111),
    "texts": (Between("sproviderId=", "sproviderId=provider-47110", "sproviderId=provider-47112"), 23),
    "and not": (AllOf((Term("sproviderId=provider-4711", is_prefix=True), Not(Term("wblue")))), 93),
    "either": (AnyOf((Term("sproviderId=provider-777"), AllOf((Term("w5"), Term("wprovider"))))), 2),
}


@pytest.mark.parametrize("name", SELECTIVE)
def test_a_selective_summary_reads_the_index_and_little_else(tx: Connection, name: str) -> None:
    predicate, expected = SELECTIVE[name]
    asked = Criteria(predicate=predicate, before=NOON)
    began = time.monotonic()
    found = searching.answer(tx, CHANNEL, Measure(asked=asked), SECONDS)
    taken = time.monotonic() - began
    assert isinstance(found, Measured)
    assert sum(one.counts.objects for one in found.found) == expected
    shown = plan(tx, asked)
    root, nodes = shown["Plan"], list(nodes_of(shown["Plan"]))
    pages = root["Shared Hit Blocks"] + root["Shared Read Blocks"]
    say(f"{name}: {taken * 1000:.1f} ms, in the database {shown['Execution Time']:.1f} ms, {pages} pages")
    assert ("Bitmap Index Scan", "data_object_terms") in nodes
    assert ("Seq Scan", "data_object") not in nodes
    assert pages < 5000, "of 125,000"


def nodes_of(shown: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Name the steps of a plan, and the table or index of each."""
    yield shown["Node Type"], shown.get("Index Name", shown.get("Relation Name", ""))
    for inner in shown.get("Plans", ()):
        yield from nodes_of(inner)


def plan(tx: Connection, asked: Criteria) -> dict[str, Any]:
    """Explain the statement that counts what criteria find, as it is run."""
    with cutoff.limited(tx, SECONDS) as statements:
        search = finding.Search(statements, CHANNEL, [asked], ())
        made = searching._counting(search, [asked], (), None).compile(tx.engine)
        explained = tx.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {made}", made.params)
        return dict(explained.scalar_one()[0])


UNSELECTIVE = {
    "everything": AllOf(),
    "nothing but a few": Not(Term("smission=mission-3")),
    "what begins like all": Term("sproviderId=p", is_prefix=True),
    "a pattern of all": Like("sproviderId=provider-", "sproviderId=provider-%1%1%1"),
    "a thousand beginnings": AnyOf(
        tuple(Term(f"sproviderId=provider-{n}", is_prefix=True) for n in range(1, 1001))
    ),
    "a thousand patterns": AnyOf(tuple(Like("sproviderId=p", f"sproviderId=p%{n}%1") for n in range(1000))),
}


@pytest.mark.parametrize("name", UNSELECTIVE)
def test_an_unselective_summary_ends_in_time_and_in_bounded_memory(tx: Connection, name: str) -> None:
    asked = Criteria(predicate=UNSELECTIVE[name], before=NOON)
    began = time.monotonic()
    with watched(tx) as peaks:
        found = searching.answer(tx, CHANNEL, Measure(asked=asked), SECONDS)
    taken = time.monotonic() - began
    how = "too costly" if isinstance(found, TooCostly) else "answered"
    say(f"{name}: {how} in {taken:.2f} s, {max(peaks) / MEGABYTE:.0f} MB of its own")
    assert isinstance(found, Measured | TooCostly)
    assert taken < SECONDS + 3
    assert max(peaks) < 150 * MEGABYTE


@contextmanager
def watched(tx: Connection) -> Iterator[list[int]]:
    """Look at the memory of a session's backend all the time, without what it shares with others."""
    pid = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("the database runs elsewhere")
    peaks = [0]
    is_done = threading.Event()

    def look() -> None:
        while not is_done.wait(0.02):
            (line,) = (line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
            peaks.append(int(line.split()[1]) * 1024)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peaks
    finally:
        is_done.set()
        watcher.join()


def test_a_search_that_is_cut_off_ends_at_once_and_the_transaction_goes_on(tx: Connection) -> None:
    taken = []
    for _ in range(3):  # the quickest counts: what else the machine does is seldom so long
        began = time.monotonic()
        assert searching.answer(tx, CHANNEL, Measure(asked=Criteria()), 0.05) == TooCostly()
        taken.append(time.monotonic() - began)
    assert min(taken) < 1, taken
    one = Criteria(include=("URN:AIP:DATA:project1:000000000050:V1",))
    assert isinstance(searching.answer(tx, CHANNEL, Measure(asked=one), SECONDS), Measured)


def test_a_dataset_of_many_is_counted_again_in_time(tx: Connection) -> None:
    began = time.monotonic()
    question = Recount(
        dataset_id="DS7", selections=(Criteria(before=NOON), Criteria(predicate=Term("wblue")))
    )
    found = searching.answer(tx, CHANNEL, question, SECONDS)
    say(f"recounted in {time.monotonic() - began:.2f} s")
    assert isinstance(found, Recounted)
    assert found.total.objects == 20_000
