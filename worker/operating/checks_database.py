"""Checks of PostgreSQL: whether this release can work with it, and whether what it commits is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from worker.operating import findings
from worker.operating.findings import Finding, listed
from worker.store import database, diagnosis
from worker.store.database import Transaction
from worker.store.schema import Place

_OLDEST_SERVER = 150_000
_CLOCKS_DIFFER = timedelta(seconds=5)
_CROWDED = 0.8
_WORKERS_ALONE = ("INSERT on basket", "UPDATE on basket", "DELETE on basket")
_LONG = timedelta(minutes=5)


def away(url: str, why: str) -> Finding:
    what = f"{database.address(url)}: {' '.join(why.split())}"
    remedy = "See that PostgreSQL runs there and lets us in, and that BASKETRY_DATABASE_URL names it rightly."
    return findings.wrong("database", what, remedy, "a-batch-is-held")


def server(tx: Transaction, url: str) -> Finding:
    """Whether it is a server that this release is made for."""
    found = diagnosis.server(tx)
    what = f"{database.address(url)}, PostgreSQL {found.version}{', encrypted' if found.is_encrypted else ''}"
    if found.version_number < _OLDEST_SERVER:
        return findings.wrong("database", f"{what}: older than 15", "Use PostgreSQL 15 or newer.")
    if found.is_standby:
        remedy = "Let BASKETRY_DATABASE_URL name the primary."
        return findings.wrong("database", f"{what}: a standby, which only reads", remedy, "a-batch-is-held")
    return findings.ok("database", what)


def schema(tx: Transaction) -> Finding:
    """Whether the schema is this release's."""
    place = diagnosis.revision(tx)
    match place:
        case Place.CURRENT:
            return findings.ok("schema", "is this release's")
        case Place.AHEAD:
            remedy = "Bring the workers to the newer release when it is time; the older one works meanwhile."
            return findings.warning("schema", "is ahead of this release", remedy, "the-schema-is-behind")
        case Place.BEHIND | Place.NEVER_MIGRATED:
            what = "was never migrated" if place is Place.NEVER_MIGRATED else "is behind this release"
            remedy = "Run `basketry migrate` as the owner of the tables; workers do not start before."
            return findings.wrong("schema", what, remedy, "the-schema-is-behind")


def session(tx: Transaction) -> Finding:
    """Whether the timeouts that we ask for are in force: a pooler between may have swallowed them."""
    differences = diagnosis.session_differences(tx)
    if differences:
        remedy = "Connect without a pooler, or let it pass the startup parameter `options` on."
        return findings.wrong("session settings", listed(differences), remedy)
    return findings.ok("session settings", "timeouts and time zone are in force")


def rights(tx: Transaction) -> Finding:
    """Whether this role may do a worker's work, and no more."""
    role = diagnosis.role(tx)
    if set(_WORKERS_ALONE) <= set(role.missing):
        remedy = "Run doctor with a worker's settings to try a worker's rights."
        return findings.warning("rights", f"{role.name} is no worker's role", remedy)
    if role.missing:
        remedy = "Grant it these rights; deploy/SECURITY.md has the role of a worker."
        return findings.wrong("rights", f"{role.name} has no {listed(role.missing)}", remedy)
    if role.may_change_schema:
        remedy = "Give workers a role that owns nothing; let only `basketry migrate` use the owner's."
        return findings.warning("rights", f"{role.name} could change the schema", remedy)
    return findings.ok("rights", f"{role.name} may do a worker's work, and no more")


def durability(tx: Transaction) -> Finding:
    """Whether a commit outlives a power cut; acks follow commits, so all else rests on it."""
    found = diagnosis.durability(tx)
    values = {name: getattr(found, name) for name in found.__struct_fields__}
    off = [name for name, value in values.items() if value == "off"]
    if off:
        remedy = "Turn it on: a command that was acked could be lost with the power."
        return findings.wrong("durability", f"{' and '.join(off)} off", remedy, "commits-may-be-lost")
    return findings.ok("durability", "fsync, full_page_writes and synchronous_commit are on")


def connections(tx: Transaction) -> Finding:
    """Whether there is room for the sessions of more workers: each takes a dozen at most."""
    load = diagnosis.load(tx)
    what = f"{load.used} of {load.allowed} connections are in use"
    if load.used >= load.allowed * _CROWDED:
        remedy = "Raise max_connections, or find out who holds so many (pg_stat_activity)."
        return findings.warning("connections", what, remedy, "a-batch-is-held")
    return findings.ok("connections", what)


def vacuum(tx: Transaction, longer_than: timedelta = _LONG) -> Finding:
    """Whether something keeps dead rows alive: queues in tables grow slow with them."""
    holders = [
        f"{one.what}: {one.state} for {one.seconds:.0f} s" for one in diagnosis.holders(tx, longer_than)
    ]
    holders += [f"replication slot {name}: inactive" for name in diagnosis.idle_replication_slots(tx)]
    if holders:
        remedy = (
            "End what nobody needs: pg_terminate_backend(pid), ROLLBACK PREPARED, pg_drop_replication_slot."
        )
        return findings.warning("vacuum", f"held back by {listed(holders)}", remedy, "vacuum-is-held-back")
    seen = "" if diagnosis.load(tx).sees_all_sessions else ", as far as this role sees (pg_read_all_stats)"
    return findings.ok("vacuum", f"nothing holds it back{seen}")


def clocks(tx: Transaction, now: datetime | None = None) -> Finding:
    """Whether this machine's clock is the database's; only tokens are judged by this machine's."""
    theirs = diagnosis.clock(tx)
    apart = (now or datetime.now(UTC)) - theirs
    seconds = f"{abs(apart.total_seconds()):.1f} s"
    if abs(apart) > _CLOCKS_DIFFER:
        ahead = "ahead of" if apart > timedelta(0) else "behind"
        remedy = "Let both follow NTP; orders and expiry go by the database's clock alone."
        return findings.warning(
            "clocks", f"this machine is {seconds} {ahead} the database", remedy, "clocks-differ"
        )
    return findings.ok("clocks", f"this machine's and the database's are {seconds} apart")
