"""`basketry doctor` about PostgreSQL: each thing is made wrong for real, and found."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from outside.operator import NOWHERE, database_examined, settings
from outside.stage import Stage, fresh
from outside.wire import unique
from psycopg import sql

from worker.local.servers import Servers
from worker.operating import checks_database, checks_settings, doctor
from worker.operating.findings import Finding, Verdict
from worker.settings import SettingsError
from worker.store import database, diagnosis, schema
from worker.store.database import Transaction

SOME_THAT_WERE_LEAVING = 5  # sessions of earlier tests that were still counted


@pytest.fixture
def tx(stage: Stage) -> Iterator[Transaction]:
    engine = database.engine(stage.database_url, "tests")
    with database.transaction(engine) as tx:
        yield tx
    engine.dispose()


def only(found: dict[str, Finding], verdict: Verdict) -> set[str]:
    return {name for name, finding in found.items() if finding.verdict is verdict}


@contextmanager
def role(stage: Stage, rights: str) -> Iterator[str]:
    """Have a role of a worker's that owns nothing, with these rights on every table; give its URL."""
    name, password = unique("role"), "of-the-tests"
    stage.rows(
        sql.SQL("create role {} login password {}").format(sql.Identifier(name), sql.Literal(password))
    )
    granted = "grant {} on all tables in schema public to {}"
    stage.rows(sql.SQL(granted).format(sql.SQL(rights), sql.Identifier(name)))
    stage.rows(sql.SQL("grant usage on all sequences in schema public to {}").format(sql.Identifier(name)))
    address = urlsplit(stage.database_url)
    try:
        yield address._replace(netloc=f"{name}:{password}@{address.hostname}:{address.port}").geturl()
    finally:
        stage.rows(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
        stage.rows(sql.SQL("drop role {}").format(sql.Identifier(name)))


def test_all_is_well_with_a_migrated_database_and_a_role_that_owns_nothing(stage: Stage) -> None:
    with role(stage, "select, insert, update, delete") as url:
        found = database_examined(stage, BASKETRY_DATABASE_URL=url)
    assert only(found, Verdict.WRONG) == {"broker"}
    assert only(found, Verdict.WARNING) == {"slots"}  # nobody works here
    assert "PostgreSQL 18" in found["database"].what


def test_a_role_that_lacks_a_right_is_wrong_and_the_right_is_named(stage: Stage) -> None:
    with role(stage, "select, insert, update") as url:
        found = database_examined(stage, BASKETRY_DATABASE_URL=url)["rights"]
    assert found.verdict is Verdict.WRONG
    assert "DELETE on basket" in found.what


def test_a_role_that_only_reads_is_no_workers_and_a_warning(stage: Stage) -> None:
    with role(stage, "select") as url:
        found = database_examined(stage, BASKETRY_DATABASE_URL=url)
    assert (found["rights"].verdict, "is no worker's role" in found["rights"].what) == (Verdict.WARNING, True)
    assert only(found, Verdict.WRONG) == {"broker"}, "who only reads can ask all the rest"


def test_a_role_that_could_change_the_schema_is_a_warning(stage: Stage) -> None:
    found = database_examined(stage)["rights"]
    assert (found.verdict, "could change the schema" in found.what) == (Verdict.WARNING, True)


def test_a_database_at_a_closed_port_is_named_with_its_user_and_never_the_password(stage: Stage) -> None:
    found = database_examined(stage, **NOWHERE)
    assert found["database"].verdict is Verdict.WRONG
    assert "nobody at 127.0.0.1:1/nowhere" in found["database"].what
    assert "Connection refused" in found["database"].what
    assert "hush" not in str(found)
    assert "schema" not in found


def test_a_wrong_password_is_said_and_not_shown(stage: Stage) -> None:
    address = urlsplit(stage.database_url)
    netloc = f"{address.username}:mistaken@{address.hostname}:{address.port}"
    url = address._replace(netloc=netloc).geturl()
    found = database_examined(stage, BASKETRY_DATABASE_URL=url)
    assert "password authentication failed" in found["database"].what
    assert "mistaken" not in str(found)


def test_a_schema_that_is_behind_ahead_or_not_there_is_said(servers: Servers) -> None:
    with fresh(servers) as stage:
        schema.migrate(stage.database_url, "base")
        found = database_examined(stage)
        assert (found["schema"].verdict, found["schema"].what) == (Verdict.WRONG, "was never migrated")
        schema.migrate(stage.database_url, "0001")
        found = database_examined(stage)
        assert (found["schema"].verdict, found["schema"].what) == (Verdict.WRONG, "is behind this release")
        assert "orders" not in found, "nothing can be said of tables that are not there"
        schema.migrate(stage.database_url)
        assert database_examined(stage)["schema"].verdict is Verdict.OK
        stage.rows("update alembic_version set version_num = '9999'")
        found = database_examined(stage)
        assert (found["schema"].verdict, found["schema"].what) == (
            Verdict.WARNING,
            "is ahead of this release",
        )
        assert found["orders"].verdict is Verdict.OK


def test_a_database_that_acks_before_it_has_written_is_wrong(servers: Servers) -> None:
    with fresh(servers) as stage:
        name = sql.Identifier(urlsplit(stage.database_url).path.removeprefix("/"))
        stage.rows(sql.SQL("alter database {} set synchronous_commit to off").format(name))
        found = database_examined(stage)["durability"]
    assert (found.verdict, found.what) == (Verdict.WRONG, "synchronous_commit off")


def test_timeouts_that_something_has_swallowed_are_wrong(tx: Transaction) -> None:
    assert checks_database.session(tx).verdict is Verdict.OK
    tx.exec_driver_sql("SET LOCAL statement_timeout = 0")
    found = checks_database.session(tx)
    assert (found.verdict, found.what) == (Verdict.WRONG, "statement_timeout is 0 and not 8s")


def test_a_clock_that_differs_is_a_warning(tx: Transaction) -> None:
    assert checks_database.clocks(tx).verdict is Verdict.OK
    ahead = checks_database.clocks(tx, datetime.now(UTC) + timedelta(hours=1))
    assert (ahead.verdict, "ahead of the database" in ahead.what) == (Verdict.WARNING, True)
    behind = checks_database.clocks(tx, datetime.now(UTC) - timedelta(hours=1))
    assert "behind the database" in behind.what


def test_a_transaction_that_is_open_for_long_holds_vacuum_back(stage: Stage, tx: Transaction) -> None:
    with psycopg.connect(stage.database_url, application_name="forgotten") as connection:
        connection.execute("select 1")
        assert "forgotten" not in checks_database.vacuum(tx).what, "it has only just begun"
        found = checks_database.vacuum(tx, timedelta(0))
    assert found.verdict is Verdict.WARNING
    assert "(forgotten): idle in transaction" in found.what


def test_a_replication_slot_that_nobody_reads_holds_vacuum_back(stage: Stage) -> None:
    name = unique("idle").replace("-", "_")
    stage.rows("select pg_create_physical_replication_slot(%s)", name)
    try:
        found = database_examined(stage)["vacuum"]
    finally:
        stage.rows("select pg_drop_replication_slot(%s)", name)
    assert (found.verdict, f"replication slot {name}: inactive" in found.what) == (Verdict.WARNING, True)


@pytest.mark.slow
def test_a_crowded_server_is_a_warning(stage: Stage, tx: Transaction) -> None:
    load = diagnosis.load(tx)  # a transaction goes on seeing who was there when it looked first
    with ExitStack() as crowd:
        for _ in range(int(load.allowed * 0.8) - load.used + SOME_THAT_WERE_LEAVING):
            crowd.enter_context(psycopg.connect(stage.database_url))
        found = database_examined(stage)["connections"]
    assert (found.verdict, "connections are in use" in found.what) == (Verdict.WARNING, True)


def test_servers_elsewhere_without_encryption_are_a_warning(stage: Stage) -> None:
    elsewhere = settings(
        stage,
        BASKETRY_DATABASE_URL="postgresql://basketry:hush@db.example/basketry",
        BASKETRY_BROKER_URL="amqp://basketry:hush@broker.example/%2F",
    )
    found = checks_settings.protection(elsewhere)
    assert found.verdict is Verdict.WARNING
    assert ("db.example" in found.what, "broker.example" in found.what) == (True, True)
    assert "hush" not in found.what
    assert checks_settings.protection(settings(stage)).verdict is Verdict.OK


def test_mistakes_in_the_settings_are_findings_and_nothing_else_is_asked() -> None:
    def broken() -> None:
        raise SettingsError("BASKETRY_DATABASE_URL is not set.\nBASKETRY_BROKER_URL is not set.")

    found = list(doctor.examine(broken))  # type: ignore[arg-type]
    assert [(one.name, one.verdict) for one in found] == [("settings", Verdict.WRONG)] * 2


def test_a_key_set_that_cannot_be_read_is_wrong(stage: Stage, tmp_path: Path) -> None:
    broken = tmp_path / "keys.json"
    broken.write_text("{}", encoding="utf-8")
    found = next(
        one
        for one in doctor.examine(lambda: settings(stage, BASKETRY_JWKS_FILE=str(broken), **NOWHERE))
        if one.name == "token keys"
    )
    assert (found.verdict, "keys.json" in found.what) == (Verdict.WRONG, True)
