"""The database's roles: a worker and a scheduler work with rows alone, and an operator reads."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import psycopg
import pytest
from outside.claims import token
from outside.furnishing import elements, filled, product
from outside.listener import Listener
from outside.processes import SchedulerProcess, WorkerProcess, scheduling, wait_for
from outside.shop import BENQ, open_shop, put
from outside.stage import Stage, fresh
from outside.upstream import Upstream
from outside.wire import unique
from psycopg import errors, sql

from worker.local.servers import Servers
from worker.operating import replaying
from worker.operating.replaying import Asked
from worker.store import database, dead_letters, eras, schema
from worker.store.dead_letters import DeadLetter

ROLES_SQL = Path("deploy/postgres/roles.sql")
BEFORE_THE_LATEST = "0003"
PASSWORD = "it's a password"
DDL = [
    "create table mine (id int)",
    "create temporary table mine (id int)",
    "create schema mine",
    "create function mine() returns int language sql as 'select 1'",
    "create index mine on basket (owner)",
    "alter table basket add column mine int",
    "alter table outbox disable trigger all",
    "drop table basket",
    "drop sequence order_number",
    "truncate basket",
    "truncate attempt",
    "alter sequence order_number restart",
    "select setval('order_number', 1)",
    "update alembic_version set version_num = '0001'",
    "delete from alembic_version",
    "create role mine",
    "alter role current_user createrole",
    "comment on table basket is 'mine'",
    "select pg_read_file('postgresql.conf')",
    "copy basket to program 'true'",
]


@dataclass(frozen=True, kw_only=True)
class Roles:
    """A database that one role owns and others use; URLs by role."""

    stage: Stage
    names: dict[str, str]
    database: str
    lacking: list[str] = field(
        default_factory=list
    )  # what a worker may not write in tables of a later release

    def url(self, role: str) -> str:
        parts = urlsplit(self.stage.servers.database_url)
        _, _, address = parts.netloc.rpartition("@")
        login = f"{quote(self.names[role])}:{quote(PASSWORD)}"
        return parts._replace(netloc=f"{login}@{address}", path=f"/{self.database}").geturl()

    def settle(self) -> None:
        """Run the script as its owner would."""
        node = self.stage.servers.postgres
        assert node is not None
        given = [f"-vworker={self.names['worker']}", f"-voperator={self.names['operator']}"]
        subprocess.run(
            [node.binaries / "psql", "-XqAt", *given, "-f", ROLES_SQL, self.url("owner")],
            env=dict(node.environment()),
            check=True,
            timeout=60,
        )


@pytest.fixture(scope="module")
def roles(servers: Servers) -> Iterator[Roles]:
    """Roles on a schema that was brought to its latest after they were settled."""
    if servers.postgres is None:
        pytest.skip("the environment names another database")
    with fresh(servers) as stage, made(stage) as roles:
        schema.migrate(roles.url("owner"), BEFORE_THE_LATEST)
        roles.settle()
        schema.migrate(roles.url("owner"))
        roles.lacking.extend(lacking_to_a_worker(roles))
        roles.settle()
        yield roles


@contextmanager
def made(stage: Stage) -> Iterator[Roles]:
    # Names that need quoting: the script must not put them into its statements as they are.
    names = {role: f"{role} of {unique('tests')}" for role in ("owner", "worker", "operator", "stranger")}
    database = unique("roles")
    with psycopg.connect(stage.servers.database_url, autocommit=True) as connection:
        for name in names.values():
            login = sql.SQL("create role {} login password {}")
            connection.execute(login.format(sql.Identifier(name), sql.Literal(PASSWORD)))
        owned = sql.SQL("create database {} owner {}")
        connection.execute(owned.format(sql.Identifier(database), sql.Identifier(names["owner"])))
        try:
            yield Roles(stage=stage, names=names, database=database)
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(database)))
            for name in names.values():
                connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def stage(roles: Roles) -> Iterator[Stage]:
    """The house as its workers see it."""
    with closing(replace(roles.stage, database_url=roles.url("worker"))) as stage:
        yield stage


@pytest.fixture(scope="module")
def scheduler(stage: Stage, folder: Path, worker: WorkerProcess) -> Iterator[SchedulerProcess]:
    with scheduling(stage, "scheduler", folder) as scheduler:
        yield scheduler


def refused(url: str, statement: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        try:
            connection.execute(statement.encode())
        except errors.InsufficientPrivilege:
            return True
    return False


@pytest.mark.parametrize("role", ["worker", "operator"])
def test_neither_worker_nor_operator_changes_what_holds_the_rows(roles: Roles, role: str) -> None:
    assert [statement for statement in DDL if not refused(roles.url(role), statement)] == []


def test_a_worker_may_write_what_a_later_release_has_added(roles: Roles) -> None:
    assert roles.lacking == []
    assert lacking_to_a_worker(roles) == []


def lacking_to_a_worker(roles: Roles) -> list[str]:
    with psycopg.connect(roles.url("worker")) as connection:
        assert connection.execute("select to_regclass('slot')").fetchone() == ("slot",)
        lacking = connection.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
            " and relname <> 'alembic_version'"
            " and not (has_table_privilege(oid, 'select') and has_table_privilege(oid, 'insert')"
            " and has_table_privilege(oid, 'update') and has_table_privilege(oid, 'delete'))"
        ).fetchall()
    return [str(name) for (name,) in lacking]


def test_a_worker_may_ask_which_cluster_it_is_in_and_begin_its_era(roles: Roles) -> None:
    with engine(roles.url("worker")) as working, database.transaction(working) as tx:
        assert eras.current(tx) == 1


def test_an_operator_reads_every_table_and_writes_no_basket(roles: Roles) -> None:
    with psycopg.connect(roles.url("operator"), autocommit=True) as connection:
        rows = connection.execute(
            "select relname from pg_class where relkind = 'r'"
            " and relnamespace = 'public'::regnamespace and not has_table_privilege(oid, 'select')"
        )
        assert rows.fetchall() == []
        connection.execute("update dead_letter set state = 'discarded' where false")
    kept = ("basket", "recurrence", "customer_order", "occurrence", "reference", "erasure")
    for table in (*kept, "data_object", "data_attribute", "order_data"):
        assert refused(roles.url("operator"), f"delete from {table}")
        assert refused(roles.url("operator"), f"update {table} set channel = channel")
    for column in ("claims", "body", "headers", "properties", "key", "type"):
        assert refused(roles.url("operator"), f"update dead_letter set {column} = {column}")
    assert refused(roles.url("operator"), "update dead_letter_audit set who = 'somebody else'")
    assert refused(roles.url("operator"), "delete from dead_letter_audit")
    assert refused(roles.url("operator"), "delete from dead_letter")
    assert refused(roles.url("operator"), "delete from outbox")


def test_an_operator_may_do_all_that_is_done_with_dead_letters(roles: Roles) -> None:
    roles.settle()
    parked = DeadLetter(
        key=unique("basket"), channel="default", type="basket.create", message_id=unique("m"),
        cause="a defect", detail="", claims=None, properties={}, headers={}, body=b"", event_id=uuid4(),
    )  # fmt: skip
    with engine(roles.url("worker")) as working, database.transaction(working) as tx:
        dead_letters.park(tx, [parked, parked])
        ids = [one.id for one in dead_letters.listed(tx, 2)]
    asked = replaying.Asked(operator="olga")
    with engine(roles.url("operator")) as operating:
        assert replaying.replay(operating, ids[0], asked).sentence == "released"
        assert replaying.send_again(operating, ids[0], asked).is_done
        assert replaying.discard(operating, ids[1], "olga", "of no use").is_done


@contextmanager
def engine(url: str) -> Iterator[database.Engine]:
    made = database.engine(url, "tests")
    try:
        yield made
    finally:
        made.dispose()


def test_nobody_else_gets_in(roles: Roles) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(roles.url("stranger")).close()


def test_settling_again_changes_nothing(roles: Roles) -> None:
    grants = sql.SQL(
        "select relname, relacl::text from pg_class where relnamespace = 'public'::regnamespace order by 1"
    )

    def granted() -> list[tuple[object, ...]]:
        with psycopg.connect(roles.url("owner")) as connection:
            return connection.execute(grants).fetchall()

    roles.settle()
    once = granted()
    roles.settle()
    assert granted() == once


def test_a_worker_does_not_migrate(roles: Roles) -> None:
    schema.check(roles.url("worker"))
    with pytest.raises(Exception, match=r"permission denied|must be owner"):
        schema.migrate(roles.url("worker"), "base")


@pytest.mark.slow
def test_worker_and_scheduler_work_with_rows_alone_and_an_operator_settles_dead_letters(
    roles: Roles,
    stage: Stage,
    worker: WorkerProcess,
    scheduler: SchedulerProcess,
    upstream: Upstream,
    events: Listener,
) -> None:
    open_shop(upstream, recurringOrdersEnabled=True)
    key, sub = unique("basket"), unique("person")
    assert upstream.ask("basket.create", key, caller=sub).status == 201
    assert upstream.ask("basket.item.add", key, elements(BENQ), caller=sub).status == 201
    ((now,),) = stage.rows("select now() + interval '1 second'")
    recurrence = {"startDate": now.isoformat(), "interval": "P1Y"}
    assert upstream.ask("basket.update", key, {"recurrence": recurrence}, caller=sub).status == 200
    assert events.until(lambda: "order.placed" in {one.type for one in events.by_key()[key]})
    as_service = {"authorization": f"Bearer {token('catalogue', roles=['service'])}"}
    assert upstream.ask("user.erase", sub, headers=as_service).status == 204
    wait_for(lambda: not stage.rows("select 1 from erasure where owner = %s", sub))
    parked = park_one(stage, upstream)
    with closing_engine(roles.url("operator")) as engine:
        asked = Asked(operator="tests", why="the product is in order again")
        ((letter_id,),) = stage.rows("select id from dead_letter where key = %s", parked)
        assert replaying.replay(engine, letter_id, asked).is_done
        states = "select state from dead_letter where key = %s"
        wait_for(lambda: stage.rows(states, parked) == [("handled",)])
        upstream.tell("no.such.command", key)
        wait_for(lambda: stage.rows(states, key) == [("parked",)])
        ((letter_id,),) = stage.rows("select id from dead_letter where key = %s", key)
        assert replaying.discard(engine, letter_id, "tests", "nobody misses it").is_done
    assert stage.count("dead_letter_audit") >= 2
    for process in (worker, scheduler):
        assert "permission denied" not in process.log
        assert "InsufficientPrivilege" not in process.log


def park_one(stage: Stage, upstream: Upstream) -> str:
    """Have a command meet a defect, and mend it; give its key."""
    sku, key = unique("sku"), filled(upstream)
    put(upstream, "product.put", sku, product())
    ((document,),) = stage.rows("select document::text from reference where id = %s", sku)
    stage.rows("update reference set document = '[]' where id = %s", sku)
    assert upstream.ask("basket.item.add", key, elements(sku)).status == 500
    stage.rows("update reference set document = %s::jsonb where id = %s", document, sku)
    return key


@contextmanager
def closing_engine(url: str) -> Iterator[database.Engine]:
    engine = database.engine(url, "tests")
    yield engine
    engine.dispose()
