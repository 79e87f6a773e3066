"""What a migration may do while workers of the release before run (worker/store/migrations/README.md)."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from outside import stage as stages
from sqlalchemy import Engine, event

from worker.local.servers import Servers
from worker.store import migrations, schema

VERSIONS = Path(migrations.__file__).parent / "versions"
RELEASED = dict(
    reversed(line.split())
    for line in (Path(__file__).parent.parent / "fixtures" / "migrations.sha256").read_text().splitlines()
)

# Tables that stay small and that no command waits for: what would take long elsewhere takes a moment there.
_SMALL = {"dead_letter", "partitioning", "slot"}
_CHECKS, _INDEXES = "checks every row under a lock", "keeps others from writing while it builds an index"
_WRITES = "writes many rows at once"
# What a statement must not hold that names a table, an index or a sequence that was there before.
_FORBIDDEN = {
    r"\bDROP\s+(TABLE|COLUMN|INDEX|SEQUENCE|CONSTRAINT|DEFAULT|EXPRESSION)\b": "takes something away",
    r"\bRENAME\b": "renames",
    r"\bALTER\s+(COLUMN\s+)?\w+\s+(SET\s+DATA\s+)?TYPE\b": "changes a type",
    r"\bSET\s+NOT\s+NULL\b": "demands what old workers do not write",
    r"\bADD\s+COLUMN\b(?![^,]*\b(DEFAULT|GENERATED)\b)[^,]*\bNOT\s+NULL\b": (
        "demands what old workers do not write"
    ),
    r"\bADD\s+(CONSTRAINT|CHECK|FOREIGN|UNIQUE|PRIMARY|EXCLUDE)\b(?!.*\bNOT\s+VALID\b)(?!.*USING\s+INDEX)": (
        _CHECKS
    ),
    r"\bGENERATED\s+ALWAYS\s+AS\s*\(": "writes every row anew under a lock",
    r"^\s*(UPDATE|DELETE)\b": _WRITES,
    r"\bTRUNCATE\b": "takes something away",
    r"\bLOCK\s+TABLE\b": "locks a whole table",
}
_REPLACED = r"\bDROP\s+CONSTRAINT\s+(\w+)\s*,(?=.*\bADD\s+CONSTRAINT\s+\1\b)"
_NOT_CONCURRENTLY = r"^\s*CREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)"


def broken_rules(statement: str, there: set[str]) -> list[str]:
    """Give what a statement does that it must not, to what was there before."""
    flat = re.sub(_REPLACED, "", " ".join(statement.split()))
    touched = {name for name in there if re.search(rf"\b{name}\b", flat)}
    if not touched:
        return []
    broken = [why for pattern, why in _FORBIDDEN.items() if re.search(pattern, flat, re.IGNORECASE)]
    if re.search(_NOT_CONCURRENTLY, flat, re.IGNORECASE) and re.search(
        rf"\bON\s+(ONLY\s+)?({'|'.join(there)})\b", flat, re.IGNORECASE
    ):
        broken.append(_INDEXES)
    return [why for why in broken if not (touched <= _SMALL and why in {_CHECKS, _INDEXES, _WRITES})]


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("ALTER TABLE basket DROP COLUMN owner", "takes something away"),
        ("DROP TABLE basket", "takes something away"),
        ("DROP INDEX basket_by_owner", "takes something away"),
        ("ALTER TABLE basket RENAME COLUMN owner TO possessor", "renames"),
        ("ALTER TABLE basket ALTER COLUMN version TYPE integer", "changes a type"),
        ("ALTER TABLE basket ALTER owner SET NOT NULL", "demands what old workers do not write"),
        ("ALTER TABLE basket ADD COLUMN total numeric NOT NULL", "demands what old workers do not write"),
        (
            "ALTER TABLE basket ADD COLUMN total numeric NOT NULL, ADD COLUMN other int DEFAULT 1",
            "demands what old workers do not write",
        ),
        ("ALTER TABLE basket ADD CONSTRAINT some CHECK (version > 0)", "checks every row under a lock"),
        (
            "ALTER TABLE basket ADD COLUMN day date GENERATED ALWAYS AS (changed_at::date) STORED",
            "writes every row anew under a lock",
        ),
        (
            "ALTER TABLE basket DROP CONSTRAINT some, ADD CONSTRAINT some CHECK (version > 0)",
            "checks every row under a lock",
        ),
        ("ALTER TABLE dead_letter DROP CONSTRAINT some", "takes something away"),
        ("UPDATE basket SET owner = 'x'", "writes many rows at once"),
        ("create index by_total on basket (total)", "keeps others from writing while it builds an index"),
        ("CREATE UNIQUE INDEX i ON basket (id)", "keeps others from writing while it builds an index"),
    ],
)
def test_a_statement_is_refused_that(statement: str, why: str) -> None:
    assert broken_rules(statement, {"inbox", "basket", "basket_by_owner", "dead_letter"}) == [why]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE basket ADD COLUMN total numeric",
        "ALTER TABLE basket ADD COLUMN total numeric NOT NULL DEFAULT 0, ADD COLUMN note text",
        "ALTER TABLE basket ADD CONSTRAINT some CHECK (version > 0) NOT VALID",
        "ALTER TABLE basket VALIDATE CONSTRAINT some",
        "ALTER TABLE basket ALTER COLUMN owner DROP NOT NULL",
        "CREATE INDEX CONCURRENTLY by_total ON basket (total)",
        "CREATE TABLE wish (id text NOT NULL)",
        "CREATE INDEX wish_by_basket ON wish (basket)",
        "DROP TABLE wish",
        "CREATE INDEX by_cause ON dead_letter (cause)",
        "ALTER TABLE dead_letter DROP CONSTRAINT known, ADD CONSTRAINT known CHECK (state <> '')",
        "DROP INDEX CONCURRENTLY IF EXISTS wish_by_basket",
    ],
)
def test_a_statement_is_fine_that(statement: str) -> None:
    assert broken_rules(statement, {"inbox", "basket", "basket_by_owner", "dead_letter"}) == []


def test_a_migration_that_was_released_is_never_edited() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VERSIONS.glob("0*.py")}
    assert {name: found.get(name) for name in RELEASED} == RELEASED


def test_migrations_follow_one_another_in_one_line() -> None:
    scripts = list(ScriptDirectory.from_config(schema._config()).walk_revisions())
    assert [script.revision for script in scripts] == [f"{n:04d}" for n in range(len(scripts), 0, -1)]


@contextmanager
def overheard() -> Iterator[list[str]]:
    """Collect what is said to any database meanwhile."""
    said: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.extend(part for part in statement.split(";") if part.strip())

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def test_no_migration_to_come_breaks_what_runs(servers: Servers) -> None:
    """Each is run on the schema before it; what it says is held against what was there."""
    scripts = reversed(list(ScriptDirectory.from_config(schema._config()).walk_revisions()))
    broken: list[str] = []
    with stages.fresh(servers) as stage:
        schema.migrate(stage.database_url, "base")
        for script in scripts:
            query = "select relname from pg_class where relnamespace = 'public'::regnamespace"
            there = {name for (name,) in stage.rows(query)} - {"alembic_version"}
            with overheard() as said:
                schema.migrate(stage.database_url, script.revision)
            if Path(script.path).name not in RELEASED and not contracts(script.module):
                broken += [f"{script.revision}: {why}" for one in said for why in broken_rules(one, there)]
    assert broken == []


def contracts(module: ModuleType) -> bool:
    """Whether a migration says which release was the last to use what it takes away."""
    return bool(re.fullmatch(r"\d+\.\d+\.\d+", getattr(module, "contracts_after", "")))


def test_a_migration_that_cannot_have_its_lock_leaves_nothing_and_goes_on_later(servers: Servers) -> None:
    with stages.fresh(servers) as stage:
        schema.migrate(stage.database_url, "base")
        schema.migrate(stage.database_url, "0002")
        with psycopg.connect(stage.database_url) as using:
            using.execute("select from basket")  # until this transaction ends, its table is in use
            with pytest.raises(schema.SchemaError, match=r"longer than 0\.2 s.*run `basketry migrate` again"):
                schema.migrate(stage.database_url, patience_seconds=0.2)
            assert stage.rows("select version_num from alembic_version") == [("0002",)]
            assert stage.rows("select to_regclass('erasure'), to_regclass('basket_by_owner')") == [
                (None, None)
            ]
        assert schema.migrate(stage.database_url) > "0002"


def test_a_migration_waits_for_locks_no_longer_than_a_workers_statement_may_take() -> None:
    assert schema._PATIENCE_SECONDS < 5, "lock_timeout of a worker's session (worker.store.database)"
