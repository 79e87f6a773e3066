"""`sslmode=verify-full&sslrootcert=…` in the database's URL reaches the driver, and holds."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import pytest
from authority import Authority
from front import Front, when_asked
from outside.stage import Stage

from worker.settings import Settings
from worker.store import database, schema

Configured = Callable[..., Settings]
Opened = Callable[[str], None]


@pytest.fixture
def ask(ours: Authority, configured: Configured) -> Opened:
    """Ask the database at a URL for its clock, as every process of ours does."""

    def opened(url: str) -> None:
        verified = f"{url}?sslmode=verify-full&sslrootcert={quote(str(ours.file), safe='')}"
        chosen = configured(DATABASE_URL=verified).database_url.get_secret_value()
        engine = database.engine(chosen, "tests")
        try:
            with database.transaction(engine) as tx:
                database.now(tx)
        finally:
            engine.dispose()

    return opened


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_database_that_our_authority_knows_is_talked_to(
    stage: Stage, ours: Authority, ask: Opened, scheme: str
) -> None:
    with Front(stage.database_url, ours.certify("localhost").context, when_asked) as front:
        ask(front.url(scheme))
        assert b"application_name\0tests\0" in front.heard


def test_the_schema_is_migrated_and_checked_through_it(stage: Stage, ours: Authority) -> None:
    with Front(stage.database_url, ours.certify("localhost").context, when_asked) as front:
        url = f"{front.url('postgresql')}?sslmode=verify-full&sslrootcert={ours.file}"
        assert schema.migrate(url)
        schema.check(url)
        assert front.arrived >= 2


@pytest.mark.parametrize(
    ("host", "days", "said"),
    [
        ("db.example", 1, "does not match host name"),
        ("127.0.0.1", 1, "does not match host name"),
        ("localhost", -1, "certificate verify failed"),
    ],
)
def test_a_certificate_that_does_not_fit_is_told_no_password(
    stage: Stage, ours: Authority, ask: Opened, host: str, days: int, said: str
) -> None:
    context = ours.certify(host, expires_in=timedelta(days=days)).context
    with Front(stage.database_url, context, when_asked) as front:
        with pytest.raises(database.TryAgain, match=said) as refused:
            ask(front.url("postgresql"))
        assert (front.arrived > 0, front.heard) == (True, b"")
        assert _password(stage) not in str(refused.value)


def test_a_certificate_of_another_authority_is_told_no_password(
    stage: Stage, nobodys: Authority, ask: Opened
) -> None:
    with Front(stage.database_url, nobodys.certify("localhost").context, when_asked) as front:
        with pytest.raises(database.TryAgain, match="certificate verify failed"):
            ask(front.url("postgresql"))
        assert (front.arrived > 0, front.heard) == (True, b"")


def test_a_database_without_tls_is_told_no_password(stage: Stage, ask: Opened) -> None:
    with Front(stage.database_url, None) as front:
        with pytest.raises(database.TryAgain, match="server does not support SSL") as refused:
            ask(front.url("postgresql"))
        assert len(front.heard) == 8  # the question whether it does
        assert _password(stage) not in str(refused.value)


def _password(stage: Stage) -> str:
    return stage.database_url.partition("@")[0].rpartition(":")[2]
