"""`amqps://`: the certificate must be of an authority that is trusted, and of the host that was asked for."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gate import Gate
from outside.claims import token
from outside.in_vain import why_not
from outside.processes import WorkerProcess
from outside.stage import Stage
from outside.wire import unique

from contracts.client import Client

A_DAY = timedelta(days=1)


@pytest.fixture
def certified(tmp_path: Path) -> Callable[[str], tuple[ssl.SSLContext, Path]]:
    """Give a server's side with a certificate for a host, and the file to trust it by."""

    def certify(host: str) -> tuple[ssl.SSLContext, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker of the tests")])
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(datetime.now(UTC) - A_DAY).not_valid_after(
            datetime.now(UTC) + A_DAY
        )
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        signed = builder.sign(key, hashes.SHA256())
        trusted, private = tmp_path / "trusted.pem", tmp_path / "private.pem"
        trusted.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(trusted, private)
        return context, trusted

    return certify


def with_options(url: str, **options: object) -> str:
    """Put TLS options into the URL, in the way of pika."""
    return f"{url}?ssl_options={quote(repr(options))}"


def test_a_broker_with_a_certificate_of_its_name_is_talked_to(
    stage: Stage, worker: WorkerProcess, certified: Callable[[str], tuple[ssl.SSLContext, Path]]
) -> None:
    context, trusted = certified("localhost")
    with (
        Gate(stage.broker_url, context) as gate,
        Client(with_options(gate.url, cafile=str(trusted)), token=token()) as client,
    ):
        assert client.call("basket.create", unique("basket")).status == 201


@pytest.mark.parametrize("protocol", [ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS])
@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated:DeprecationWarning")
def test_a_certificate_of_another_host_is_never_taken(
    stage: Stage, certified: Callable[[str], tuple[ssl.SSLContext, Path]], protocol: int
) -> None:
    context, trusted = certified("broker.example")
    with Gate(stage.broker_url, context) as gate:
        options = {"cafile": str(trusted), "protocol": int(protocol)}
        with Client(with_options(gate.url, **options)) as client:
            assert "Hostname mismatch" in why_it_publishes_nothing(client)


def test_a_certificate_of_nobody_we_trust_is_never_taken(
    stage: Stage, certified: Callable[[str], tuple[ssl.SSLContext, Path]]
) -> None:
    context, _ = certified("localhost")
    with Gate(stage.broker_url, context) as gate, Client(gate.url) as client:
        assert "self-signed" in why_it_publishes_nothing(client)


def why_it_publishes_nothing(client: Client) -> str:
    return str(
        why_not(lambda seconds: client.publish("basket.create", "mine", timeout_seconds=seconds), seconds=0.5)
    )
