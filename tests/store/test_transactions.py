"""Transactions: the session's settings, and which failures mean "again" and which "never"."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text

from worker.local import ports, waiting
from worker.store import cutoff, database
from worker.store.database import Lapsed, StatementFailed, TryAgain


def run(engine: Engine, *statements: str, **values: object) -> object:
    """Run statements in a transaction; give the first value of the last one, if it has any."""
    with database.transaction(engine) as tx:
        results = [tx.execute(text(statement), values) for statement in statements]
        return results[-1].scalar() if results[-1].returns_rows else None


def run_and_lose_the_backend(engine: Engine, killer: psycopg.Connection, *then: str) -> None:
    with database.transaction(engine) as tx:
        pid = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
        assert killer.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)
        for statement in then:
            tx.execute(text(statement))


@pytest.fixture
def killer(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("idle_in_transaction_session_timeout", "8s"),
        ("lock_timeout", "5s"),
        ("statement_timeout", "8s"),
        ("TimeZone", "UTC"),
        ("application_name", "tests"),
    ],
)
def test_the_sessions_settings_are_in_force_whatever_the_database_says(
    engine: Engine, name: str, value: str
) -> None:
    assert run(engine, f"SHOW {name}") == value


def test_a_session_without_our_settings_is_far_west(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("America/Los_Angeles",)


def test_now_is_the_databases_instant_of_the_transaction_in_any_time_zone(tx: Connection) -> None:
    instant = database.now(tx)
    assert instant.tzinfo is not None
    assert abs(instant.astimezone(UTC) - datetime.now(UTC)) < timedelta(hours=1)
    assert database.now(tx) == instant
    epoch = tx.execute(text("SELECT extract(epoch FROM now())")).scalar_one()
    assert instant.timestamp() == pytest.approx(float(epoch), abs=1e-3)


def test_what_is_done_in_a_transaction_is_there_afterwards_and_not_when_it_fails(engine: Engine) -> None:
    run(engine, "CREATE TABLE kept (word text)")
    run(engine, "INSERT INTO kept VALUES ('once')")
    with pytest.raises(StatementFailed):
        run(engine, "INSERT INTO kept VALUES ('never')", "SELECT 1 / 0")
    assert run(engine, "SELECT string_agg(word, ' ') FROM kept") == "once"
    run(engine, "DROP TABLE kept")


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT 1 / 0", "DivisionByZero"),
        ("SELECT 'x'::integer", "InvalidTextRepresentation"),
        ("SELECT 99999999999999999999::bigint", "NumericValueOutOfRange"),
        ('SELECT \'{"a": "\\u0000"}\'::jsonb', "UntranslatableCharacter"),
        ("INSERT INTO basket VALUES ('c', 'i', 'o', 0, true, '{}')", "CheckViolation"),
        ("INSERT INTO basket VALUES ('c', NULL, 'o', 1, true, '{}')", "NotNullViolation"),
    ],
)
def test_bad_content_is_the_statements_fault(engine: Engine, statement: str, error: str) -> None:
    with pytest.raises(StatementFailed, match=error):
        run(engine, statement)


def test_a_row_too_large_for_its_index_is_the_statements_fault(engine: Engine) -> None:
    giant = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) AS n)"
    with pytest.raises(StatementFailed, match="ProgramLimitExceeded"):
        run(engine, f"INSERT INTO basket VALUES ('c', {giant}, 'o', 1, true, '{{}}')")


def test_the_content_of_a_refused_row_is_not_repeated(engine: Engine) -> None:
    with pytest.raises(StatementFailed) as failed:
        run(engine, "INSERT INTO basket VALUES ('c', 'i', 'Patricia Miller', 0, true, '{}')")
    assert "Patricia" not in str(failed.value)
    assert "basket_versions_start_at_one" in str(failed.value)


@pytest.mark.parametrize("value", ["nul\0", "half\ud800"])
def test_text_that_the_driver_cannot_send_is_the_statements_fault(engine: Engine, value: str) -> None:
    with pytest.raises(StatementFailed):
        run(engine, "SELECT CAST(:value AS text)", value=value)
    with pytest.raises(StatementFailed):
        run(engine, "SELECT CAST(:value AS text[])", value=[value])


@pytest.mark.parametrize("statement", ["SELECT * FROM absent", "SELECT absent FROM basket"])
def test_a_missing_table_or_column_means_again(engine: Engine, statement: str) -> None:
    with pytest.raises(TryAgain, match="Undefined"):
        run(engine, statement)


@pytest.mark.parametrize("then", [["SELECT 1"], []], ids=["at a statement", "at the commit"])
def test_a_backend_that_is_killed_means_again_and_the_next_transaction_works(
    engine: Engine, killer: psycopg.Connection, then: list[str]
) -> None:
    with pytest.raises(TryAgain):
        run_and_lose_the_backend(engine, killer, *then)
    assert run(engine, "SELECT 1") == 1


def test_a_server_that_is_away_means_again() -> None:
    nowhere = database.engine(f"postgresql://u:p@127.0.0.1:{ports.choose(None)}/d", "tests")
    with pytest.raises(TryAgain):
        run(nowhere, "SELECT 1")


def test_a_lock_not_had_in_time_means_again(engine: Engine, session: Callable[[], Connection]) -> None:
    lock = "LOCK TABLE basket"
    session().execute(text(lock))
    with pytest.raises(TryAgain, match="LockNotAvailable"):
        run(engine, "SET LOCAL lock_timeout = '10ms'", lock)


def test_a_statement_that_takes_too_long_means_again(engine: Engine) -> None:
    with pytest.raises(TryAgain, match="QueryCanceled"):
        run(engine, "SET LOCAL statement_timeout = '10ms'", "SELECT pg_sleep(5)")


def test_a_pool_that_is_used_up_means_again(database_url: str) -> None:
    engine = database.engine(database_url, "tests")
    engine.pool._timeout = 0.01  # type: ignore[attr-defined] # five seconds otherwise
    held = [engine.connect() for _ in range(4)]
    with pytest.raises(TryAgain):
        run(engine, "SELECT 1")
    for connection in held:
        connection.close()
    engine.dispose()


def test_a_mistake_of_ours_is_raised_as_it_is(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction(engine):
        raise ZeroDivisionError


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_url_may_be_spelt_in_three_ways(scheme: str) -> None:
    read = database.psycopg_url(f"{scheme}://u:p%40ss@h:5433/d?sslmode=require")
    assert (read.drivername, read.username, read.password) == ("postgresql+psycopg", "u", "p@ss")
    assert (read.host, read.port, read.database) == ("h", 5433, "d")
    assert read.query == {"sslmode": "require"}


@pytest.mark.parametrize("is_searching", [False, True])
def test_who_takes_too_long_between_two_statements_may_be_the_reason(
    database_url: str, killer: psycopg.Connection, *, is_searching: bool
) -> None:
    engine = database.engine(database_url, "dawdler", idle_in_transaction_session_timeout="50ms")
    gone = "SELECT FROM pg_stat_activity WHERE application_name = 'dawdler' AND datname = current_database()"
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(Lapsed))
        tx = stack.enter_context(database.transaction(engine))
        if is_searching:
            stack.enter_context(cutoff.limited(tx, 5))
        tx.execute(text("SELECT 1"))
        waiting.until(lambda: not killer.execute(gone).fetchall(), seconds=10)
        tx.execute(text("SELECT 1"))
    engine.dispose()
