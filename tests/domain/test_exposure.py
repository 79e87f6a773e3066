"""What an address leaves open is said; servers on this machine, or verified ones, leave nothing."""

import os

import pytest

from worker import exposure, settings

SECRET = "geheim geheim geheim geheim gehe"


def said(monkeypatch: pytest.MonkeyPatch, broker: str, database: str) -> list[str]:
    for name in [name for name in os.environ if name.startswith(("BASKETRY_", "PG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BASKETRY_BROKER_URL", broker)
    monkeypatch.setenv("BASKETRY_DATABASE_URL", database)
    monkeypatch.setenv("BASKETRY_JWT_SECRET", SECRET)
    return exposure.sentences(settings.load())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_servers_on_this_machine_need_no_tls(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    assert said(monkeypatch, f"amqp://u:geheim@{host}/x", f"postgresql://u:geheim@{host}/d") == []


@pytest.mark.parametrize(
    "database", ["postgresql:///d", "postgresql:///d?host=/run/postgresql", "postgresql://%2Frun%2Fpg/d"]
)
def test_a_socket_is_this_machine(monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    assert said(monkeypatch, "amqp://localhost/x", database) == []


def test_servers_that_are_verified_leave_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    database = "postgresql://u:geheim@db.example/d?sslmode=verify-full"
    assert said(monkeypatch, "amqps://u:geheim@mq.example/x", database) == []


def test_an_open_way_to_either_is_said_and_no_password_is(monkeypatch: pytest.MonkeyPatch) -> None:
    broker, database = said(
        monkeypatch, "amqp://u:geheim@mq.example/x", "postgresql://u:geheim@db.example:5432/d"
    )
    assert broker == (
        "BASKETRY_BROKER_URL: the password and every message go to mq.example unencrypted; use amqps://."
    )
    assert database.startswith("BASKETRY_DATABASE_URL: with sslmode=prefer whoever answers for db.example is")
    assert "geheim" not in broker + database


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
def test_less_than_the_check_of_the_name_is_said(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    (sentence,) = said(
        monkeypatch, "amqps://mq.example/x", f"postgresql://db.example/d?application_name=x&sslmode={mode}"
    )
    assert f"sslmode={mode} " in sentence


def test_what_libpq_takes_from_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, "amqps://mq.example/x", "postgresql:///d?host=db.example") != []
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert exposure.sentences(settings.load()) == []
    monkeypatch.setenv("PGSSLMODE", "prefer")
    monkeypatch.setenv("BASKETRY_DATABASE_URL", "postgresql:///d")
    monkeypatch.setenv("PGHOST", "db.example")
    assert len(exposure.sentences(settings.load())) == 1
