"""The schema: the migrations go up, down and up again, and add up to the tables that the code speaks of."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from outside import stage as stages
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from worker.local import ports
from worker.local.servers import Servers
from worker.store import database, schema, tables

# What the catalogue knows of a schema, in words that do not depend on how it was made.
_CATALOGUE = {
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity,
               identity_generation, collation_name
        FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name <> 'alembic_version'
        ORDER BY table_name, ordinal_position""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid)
        FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
        ORDER BY 1, 2""",
    "indexes": """
        SELECT tablename, indexname, indexdef
        FROM pg_indexes
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'
        ORDER BY 1, 2""",
    "sequences": """
        SELECT sequencename, data_type::text, start_value, increment_by, cycle
        FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1""",
}


@pytest.fixture(scope="module")
def url(servers: Servers) -> Iterator[str]:
    """Give a database of our own, without any schema."""
    with stages.fresh(servers) as stage:
        schema.migrate(stage.database_url, "base")
        yield stage.database_url


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(database.psycopg_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def catalogue(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    return {
        name: [tuple(row) for row in connection.execute(text(query))] for name, query in _CATALOGUE.items()
    }


def migrated(url: str, revision: str) -> dict[str, list[tuple[object, ...]]]:
    schema.migrate(url, revision)
    with connected(url) as connection:
        return catalogue(connection)


def test_migrations_go_up_and_down_and_up_again(url: str) -> None:
    empty = migrated(url, "base")
    assert empty == {"columns": [], "constraints": [], "indexes": [], "sequences": []}
    first = migrated(url, "head")
    assert {row[0] for row in first["columns"]} == set(tables.metadata.tables)
    assert migrated(url, "base") == empty
    assert migrated(url, "head") == first
    assert migrated(url, "head") == first  # and once more is nothing at all


def test_a_database_is_refused_until_it_is_migrated_and_may_be_ahead(url: str) -> None:
    assert schema.migrate(url, "base") == ""
    with pytest.raises(schema.SchemaError):
        schema.check(url)
    reached = schema.migrate(url)
    schema.check(url)
    with connected(url) as connection:
        assert schema.current(connection) == reached != ""
        connection.execute(text("UPDATE alembic_version SET version_num = 'of a later release'"))
        connection.commit()
        schema.check(url)
        connection.execute(text("UPDATE alembic_version SET version_num = :reached"), {"reached": reached})
        connection.commit()


def test_a_database_that_is_away_is_waited_for_later() -> None:
    schema.check(f"postgresql://u:p@127.0.0.1:{ports.choose(None)}/d")


def test_two_migrations_at_once_wait_for_each_other(url: str) -> None:
    schema.migrate(url, "base")
    with ThreadPoolExecutor(2) as threads:
        reached = list(threads.map(schema.migrate, [url, url]))
    assert reached[0] == reached[1] != ""


def test_alembic_finds_no_difference_between_the_migrations_and_the_tables(url: str) -> None:
    schema.migrate(url)
    with connected(url) as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, tables.metadata) == []


def test_the_catalogue_is_the_same_to_the_names_of_constraints(servers: Servers, url: str) -> None:
    by_migrations = migrated(url, "head")
    with stages.fresh(servers) as stage:
        schema.migrate(stage.database_url, "base")
        with connected(stage.database_url) as connection:
            tables.metadata.create_all(connection)
            by_tables = catalogue(connection)
    for name, rows in by_migrations.items():
        # The order of a table's columns is nobody's business, everything else is.
        assert sorted(rows, key=repr) == sorted(by_tables[name], key=repr), name


def test_every_unique_key_of_the_hot_path_includes_channel_and_key() -> None:
    off_the_hot_path = {
        "attempt",
        "data_attribute",
        "dead_letter",
        "dead_letter_audit",
        "era",
        "erasure",
        "partitioning",
        "slot",
    }
    for table in tables.metadata.sorted_tables:
        if table.name in off_the_hot_path:
            continue
        columns = set(table.primary_key.columns.keys())
        assert "channel" in columns, table.name
        assert columns & {"key", "id", "basket_id", "order_id"}, table.name
