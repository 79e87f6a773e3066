import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import kombu
import pika
import psycopg
import pytest

from worker.local.child import Child
from worker.local.servers import Servers, start_servers


def listening_addresses(pid: int) -> set[str]:
    """Return the local addresses (hexadecimal, as the kernel writes them) that a process listens on."""
    sockets = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed: a server at work opens and closes
            target = str(handle.readlink())
            if target.startswith("socket:["):
                sockets.add(target[8:-1])
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                addresses.add(fields[1].partition(":")[0])
    return addresses


def children_of(servers: Servers) -> Iterator[Child]:
    assert servers.postgres is not None
    assert servers.rabbitmq is not None
    yield from (servers.postgres, servers.rabbitmq, servers.rabbitmq.epmd)


def test_the_database_answers_at_its_url_with_fsync_on(servers: Servers) -> None:
    with psycopg.connect(servers.database_url) as connection:
        row = connection.execute(
            "select current_setting('fsync'), current_setting('server_encoding'), current_database(),"
            " current_setting('server_version_num')::int / 10000"
        ).fetchone()
    assert row == ("on", "UTF8", "basketry", 18)


def test_the_database_refuses_a_wrong_password(servers: Servers) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(servers.database_url, password="wrong").close()


def test_pika_and_kombu_read_the_same_broker_url(servers: Servers) -> None:
    with pika.BlockingConnection(pika.URLParameters(servers.broker_url)) as connection:
        assert connection.is_open
    with kombu.Connection(servers.broker_url) as connection:
        connection.connect()
        assert connection.virtual_host == "/"


def test_the_broker_hashes_consistently_and_refuses_more_than_a_mebibyte(servers: Servers) -> None:
    with pika.BlockingConnection(pika.URLParameters(servers.broker_url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.exchange_declare("by-key", "x-consistent-hash", durable=True)
        channel.queue_declare("hashed", durable=True, arguments={"x-queue-type": "quorum"})
        channel.queue_bind("hashed", "by-key", routing_key="1")
        channel.basic_publish("by-key", "a key", bytes(1_048_576), mandatory=True)
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="larger than configured max size"):
            channel.basic_publish("by-key", "a key", bytes(1_048_577))


def test_nothing_listens_beyond_this_machine(servers: Servers) -> None:
    for child in children_of(servers):
        assert child.popen is not None
        addresses = listening_addresses(child.popen.pid)
        assert addresses, child.name
        assert addresses <= {"0100007F", "00000000000000000000000001000000"}, child.name


def test_what_holds_a_secret_is_readable_by_its_owner_only(servers: Servers) -> None:
    assert servers.rabbitmq is not None
    state_dir = servers.rabbitmq.home.parent
    for path in (
        state_dir / "postgres.json",
        state_dir / "rabbitmq.json",
        state_dir / "rabbitmq" / "rabbitmq.conf",
        state_dir / "rabbitmq" / ".erlang.cookie",
    ):
        assert path.stat().st_mode & 0o077 == 0, path


def test_rabbitmqctl_speaks_to_this_node(servers: Servers) -> None:
    assert servers.rabbitmq is not None
    assert "basketry@localhost" in servers.rabbitmq.rabbitmqctl("cluster_status")


@pytest.mark.slow
def test_an_idle_broker_costs_next_to_no_processor_time(servers: Servers) -> None:
    assert servers.rabbitmq is not None
    assert servers.rabbitmq.popen is not None
    pid = servers.rabbitmq.popen.pid

    def seconds_used() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def seconds_used_of_two() -> float:
        before = seconds_used()
        time.sleep(2)  # the one thing to be measured is time
        return seconds_used() - before

    # What an earlier test has left is cleared away once; schedulers that look for work never end.
    assert any(seconds_used_of_two() < 0.5 for _ in range(5))


def test_servers_named_in_the_environment_are_used_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASKETRY_DATABASE_URL", "postgresql://elsewhere/shop")
    monkeypatch.setenv("BASKETRY_BROKER_URL", "amqp://elsewhere/%2F")
    servers = start_servers(tmp_path)
    assert servers.database_url == "postgresql://elsewhere/shop"
    assert servers.broker_url == "amqp://elsewhere/%2F"
    assert (servers.postgres, servers.rabbitmq) == (None, None)
    servers.stop()
    servers.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_address_of_ours_that_is_still_exported_means_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASKETRY_BROKER_URL", "amqp://elsewhere/%2F")
    first = start_servers(tmp_path)
    first.stop()
    monkeypatch.setenv("BASKETRY_DATABASE_URL", first.database_url)
    again = start_servers(tmp_path)
    try:
        assert again.postgres is not None
        assert again.rabbitmq is None
    finally:
        again.stop()
        again.remove()
