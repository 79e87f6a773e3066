"""What can be asked of a PostgreSQL server about itself, with the rights that a worker's role has.

A role without pg_monitor sees of other roles' sessions only that they are there: `sees_all_sessions` says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import text

from worker.store import database, schema, tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

_NEEDED = ("SELECT", "INSERT", "UPDATE", "DELETE")


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is connected to."""

    version: str
    version_number: int  # 150004 for 15.4
    is_encrypted: bool
    is_standby: bool


class Durability(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that decide whether a commit outlives the power."""

    fsync: str
    full_page_writes: str
    synchronous_commit: str


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What the role of this session may do; `missing` are rights such as "DELETE on basket"."""

    name: str
    missing: list[str]
    may_change_schema: bool


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions that are open, of those that may be."""

    used: int
    allowed: int
    sees_all_sessions: bool


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps vacuum from removing dead rows: a session, a prepared transaction."""

    what: str
    state: str
    seconds: float


_SERVER = text("""
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::integer AS version_number,
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted,
       pg_is_in_recovery() AS is_standby
""")

_CLOCK = text("SELECT clock_timestamp()")

_SESSION = text("""
SELECT name, current_setting(name) AS setting FROM unnest(CAST(:names AS text[])) AS names (name)
""")

_DURABILITY = text("""
SELECT current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit
""")

_MISSING = text("""
SELECT privilege || ' on ' || relation AS missing
FROM unnest(CAST(:relations AS text[])) AS relations (relation)
CROSS JOIN unnest(CAST(:privileges AS text[])) AS privileges (privilege)
WHERE to_regclass(relation) IS NOT NULL
  AND NOT has_table_privilege(to_regclass(relation), privilege)
UNION ALL
SELECT 'USAGE on order_number'
WHERE to_regclass('order_number') IS NOT NULL
  AND NOT has_sequence_privilege(to_regclass('order_number'), 'USAGE')
""")

_ROLE = text("""
SELECT current_user::text AS name,
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) OR EXISTS (
           SELECT FROM pg_class
           WHERE oid = to_regclass('basket') AND pg_has_role(relowner, 'USAGE')) AS may_change_schema
""")

_LOAD = text("""
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
       current_setting('max_connections')::integer
         - current_setting('superuser_reserved_connections')::integer AS allowed,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all_sessions
""")

_HOLDERS = text("""
SELECT format('session %s of %s (%s)', pid, usename, coalesce(nullif(application_name, ''), '?')) AS what,
       state, extract(epoch FROM now() - xact_start)::float8 AS seconds
FROM pg_stat_activity
WHERE xact_start < now() - CAST(:long AS interval) AND backend_type = 'client backend'
UNION ALL
SELECT format('prepared transaction %s', gid), 'prepared', extract(epoch FROM now() - prepared)::float8
FROM pg_prepared_xacts
WHERE prepared < now() - CAST(:long AS interval)
ORDER BY seconds DESC
LIMIT 20
""")

_IDLE_SLOTS = text("SELECT slot_name FROM pg_replication_slots WHERE NOT active ORDER BY slot_name")

_SCHEDULERS = text("""
SELECT DISTINCT application_name FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'basketry scheduler%'
""")


def server(tx: Connection) -> Server:
    return Server(**tx.execute(_SERVER).one()._mapping)  # noqa: SLF001 - SQLAlchemy's way to columns


def clock(tx: Connection) -> datetime:
    """Give the server's time at this moment, not that of the transaction's beginning."""
    instant: datetime = tx.execute(_CLOCK).scalar_one()
    return instant


def revision(tx: Connection) -> schema.Place:
    """Say where the schema is, seen from this release."""
    return schema.place(schema.current(tx))


def session_differences(tx: Connection) -> list[str]:
    """Name the settings that this session was to have and has not: something between has swallowed them."""
    found = {
        row.name: row.setting for row in tx.execute(_SESSION, {"names": list(database.SESSION_SETTINGS)})
    }
    return [
        f"{name} is {found[name]} and not {wanted}"
        for name, wanted in database.SESSION_SETTINGS.items()
        if found[name] != wanted
    ]


def durability(tx: Connection) -> Durability:
    return Durability(**tx.execute(_DURABILITY).one()._mapping)  # noqa: SLF001


def role(tx: Connection) -> Role:
    """Say what this session's role lacks for a worker's work, and whether it could change the schema."""
    relations = sorted(tables.metadata.tables)
    missing = tx.execute(_MISSING, {"relations": relations, "privileges": list(_NEEDED)}).scalars().all()
    row = tx.execute(_ROLE).one()
    return Role(name=row.name, missing=list(missing), may_change_schema=row.may_change_schema)


def load(tx: Connection) -> Load:
    return Load(**tx.execute(_LOAD).one()._mapping)  # noqa: SLF001


def holders(tx: Connection, longer_than: timedelta) -> list[Holder]:
    """List transactions that have been open for so long, the longest first."""
    return [Holder(**row._mapping) for row in tx.execute(_HOLDERS, {"long": longer_than})]  # noqa: SLF001


def idle_replication_slots(tx: Connection) -> list[str]:
    return list(tx.execute(_IDLE_SLOTS).scalars())


def schedulers(tx: Connection) -> list[str]:
    """Name the schedulers that are connected, as far as their names begin with `scheduler`."""
    return [name.removeprefix("basketry ") for name in tx.execute(_SCHEDULERS).scalars()]
