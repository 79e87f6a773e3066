"""`amqps://` in worker, scheduler and `basketry send`: who is not whom we asked for is told nothing."""

import ssl
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from authority import Authority
from front import Front
from outside.in_vain import why_not
from outside.stage import Stage

from contracts.client import Client, NotPublished
from worker import app, tls
from worker.ops.signs import Signs
from worker.publisher import Outgoing, Publisher, Unavailable
from worker.settings import Settings, SettingsError

Configured = Callable[..., Settings]
A_DAY_AGO = timedelta(days=-1)


def as_a_consumer(settings: Settings) -> None:
    """Connect as a worker does to read commands."""
    with app.make(settings, "tests", Signs()).connection_for_read() as connection:
        connection.transport.establish_connection().close()  # `connect` would try again after two seconds


def as_a_publisher(settings: Settings) -> None:
    """Connect as worker and scheduler do to publish."""
    broker_url = settings.broker_url.get_secret_value()
    with closing(Publisher(broker_url, "tests", files=settings.broker_files)) as publisher:
        publisher.publish([EVENT])


def as_a_client(settings: Settings) -> None:
    """Connect as `basketry send` does, to a broker that it must not talk to."""
    url = tls.url_for_client(settings.broker_url.get_secret_value(), settings.broker_files)
    with Client(url) as client:
        raise why_not(
            lambda seconds: client.publish("basket.create", "mine", timeout_seconds=seconds), seconds=0.5
        )


EVENT = Outgoing(exchange="basket.events", routing_key="test", properties={}, headers={}, body=b"")
REFUSALS = (OSError, Unavailable, NotPublished)


@pytest.fixture(params=[as_a_consumer, as_a_client])
def connect(request: pytest.FixtureRequest) -> Callable[[Settings], None]:
    chosen: Callable[[Settings], None] = request.param
    return chosen


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("connect", [as_a_consumer, as_a_publisher])
def test_a_broker_that_our_authority_knows_is_talked_to(
    stage: Stage, ours: Authority, configured: Configured, connect: Callable[[Settings], None], host: str
) -> None:
    with Front(stage.broker_url, ours.certify(host).context) as front:
        connect(configured(BROKER_URL=front.url("amqps", host), BROKER_CA_FILE=ours.file))
        assert front.heard.startswith(b"AMQP")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_name_that_was_asked_for_counts_and_not_its_address(
    stage: Stage, ours: Authority, configured: Configured, connect: Callable[[Settings], None], host: str
) -> None:
    other = {"localhost": "127.0.0.1", "127.0.0.1": "localhost"}[host]
    with Front(stage.broker_url, ours.certify(other).context) as front:
        settings = configured(BROKER_URL=front.url("amqps", host), BROKER_CA_FILE=ours.file)
        with pytest.raises(REFUSALS, match=r"certificate is not valid for|mismatch"):
            connect(settings)
        assert (front.arrived > 0, front.heard) == (True, b"")


def test_a_certificate_of_another_host_is_told_no_password(
    stage: Stage, ours: Authority, configured: Configured, connect: Callable[[Settings], None]
) -> None:
    with Front(stage.broker_url, ours.certify("broker.example").context) as front:
        settings = configured(BROKER_URL=front.url("amqps"), BROKER_CA_FILE=ours.file)
        with pytest.raises(REFUSALS, match="Hostname mismatch"):
            connect(settings)
        assert (front.arrived > 0, front.heard) == (True, b"")


def test_a_certificate_of_another_authority_is_told_no_password(
    stage: Stage,
    ours: Authority,
    nobodys: Authority,
    configured: Configured,
    connect: Callable[[Settings], None],
) -> None:
    with Front(stage.broker_url, nobodys.certify("localhost").context) as front:
        settings = configured(BROKER_URL=front.url("amqps"), BROKER_CA_FILE=ours.file)
        with pytest.raises(REFUSALS, match="certificate verify failed"):
            connect(settings)
        assert (front.arrived > 0, front.heard) == (True, b"")


def test_nor_does_a_publisher_tell_it_to_another_host(
    stage: Stage, ours: Authority, configured: Configured
) -> None:
    with Front(stage.broker_url, ours.certify("broker.example").context) as front:
        settings = configured(BROKER_URL=front.url("amqps"), BROKER_CA_FILE=ours.file)
        with pytest.raises(Unavailable, match="Hostname mismatch"):
            as_a_publisher(settings)
        assert (front.arrived > 0, front.heard) == (True, b"")


def test_without_a_ca_file_the_systems_authorities_count_and_ours_is_none(
    stage: Stage, ours: Authority, configured: Configured, connect: Callable[[Settings], None]
) -> None:
    with Front(stage.broker_url, ours.certify("localhost").context) as front:
        settings = configured(BROKER_URL=front.url("amqps"))
        with pytest.raises(REFUSALS, match="certificate verify failed"):
            connect(settings)
        assert (front.arrived > 0, front.heard) == (True, b"")


def test_a_certificate_that_has_expired_is_told_no_password(
    stage: Stage, ours: Authority, configured: Configured, connect: Callable[[Settings], None]
) -> None:
    with Front(stage.broker_url, ours.certify("localhost", expires_in=A_DAY_AGO).context) as front:
        settings = configured(BROKER_URL=front.url("amqps"), BROKER_CA_FILE=ours.file)
        with pytest.raises(REFUSALS, match="certificate has expired"):
            connect(settings)
        assert (front.arrived > 0, front.heard) == (True, b"")


def test_a_port_that_speaks_no_tls_is_told_no_password(
    stage: Stage, ours: Authority, configured: Configured, connect: Callable[[Settings], None]
) -> None:
    with Front(stage.broker_url, None) as front:
        settings = configured(BROKER_URL=front.url("amqps"), BROKER_CA_FILE=ours.file)
        with pytest.raises(REFUSALS, match=r"(?i)wrong.version.number|record.layer.failure"):
            connect(settings)
        password = stage.broker_url.partition("@")[0].rpartition(":")[2]
        assert front.arrived > 0
        assert password.encode() not in front.heard
        assert b"AMQP" not in front.heard


def test_a_broker_that_wants_a_certificate_of_ours_gets_it(
    stage: Stage, ours: Authority, configured: Configured
) -> None:
    context, mine = ours.certify("localhost").context, ours.certify("worker.example")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ours.file)
    with Front(stage.broker_url, context) as front:
        needed = {"BROKER_URL": front.url("amqps"), "BROKER_CA_FILE": ours.file}
        shown = {"BROKER_CERTIFICATE_FILE": mine.certificate, "BROKER_KEY_FILE": mine.key}
        as_a_consumer(configured(**needed, **shown))
        as_a_publisher(configured(**needed, **shown))
    with Front(stage.broker_url, context) as front:
        with pytest.raises(OSError, match=r"certificate required|closed|EOF occurred|reset by peer"):
            as_a_consumer(configured(**{**needed, "BROKER_URL": front.url("amqps")}))
        assert front.heard == b""


@pytest.mark.parametrize(
    "options", ["?ssl_options=%7B%7D", "?ssl=no", "?ssl_cert_reqs=CERT_NONE", "?x=1", ";amqp://other"]
)
def test_no_option_in_the_url_loosens_the_checks(configured: Configured, options: str) -> None:
    with pytest.raises(SettingsError, match="BASKETRY_BROKER_URL is wrong: must be one AMQP URL"):
        configured(BROKER_URL=f"amqps://basketry:geheim@localhost/x{options}")


def test_files_that_are_no_certificates_are_named_in_a_sentence(
    ours: Authority, configured: Configured, tmp_path: Path
) -> None:
    empty, missing = tmp_path / "empty.pem", tmp_path / "missing.pem"
    empty.write_text("")
    for file in (empty, missing, tmp_path):
        with pytest.raises(SettingsError, match="BASKETRY_BROKER_CA_FILE is wrong: must be a file of PEM"):
            configured(BROKER_CA_FILE=file)
    one, other = ours.certify("one"), ours.certify("other", password="geheim")
    for key in (other.key, missing, ours.certify("third").key):
        with pytest.raises(SettingsError, match="must be PEM files that belong together, the key without"):
            configured(BROKER_CERTIFICATE_FILE=one.certificate, BROKER_KEY_FILE=key)
    with pytest.raises(SettingsError, match="must be PEM files that belong together, the key without"):
        configured(BROKER_CERTIFICATE_FILE=other.certificate, BROKER_KEY_FILE=other.key)
    with pytest.raises(SettingsError, match="BASKETRY_BROKER_KEY_FILE is wrong: needs BASKETRY_BROKER_CERT"):
        configured(BROKER_KEY_FILE=one.key)
