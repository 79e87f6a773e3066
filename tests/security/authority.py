"""A private certificate authority, and what it certifies."""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

A_DAY = timedelta(days=1)
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path

    @property
    def context(self) -> ssl.SSLContext:
        """Give a server's side of TLS with it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass(frozen=True, kw_only=True)
class Authority:
    """`file` is what those trust who trust it."""

    folder: Path
    name: str
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        basics = x509.BasicConstraints(ca=True, path_length=0)
        own = self._builder(self._key, self.name, A_DAY).add_extension(basics, critical=True)
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(_PEM))

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def certify(self, *hosts: str, expires_in: timedelta = A_DAY, password: str = "") -> Pair:
        """Certify a new key for these host names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(list(_names(hosts)))
        builder = self._builder(key, hosts[0], expires_in).add_extension(names, critical=False)
        stem = f"{self.name}-of-{hosts[0]}-{x509.random_serial_number():x}"
        pair = Pair(certificate=self.folder / f"{stem}.pem", key=self.folder / f"{stem}.key")
        pair.certificate.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(_PEM))
        sealing: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            sealing = serialization.BestAvailableEncryption(password.encode())
        pair.key.write_bytes(key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, sealing))
        return pair

    def _builder(
        self, key: ec.EllipticCurvePrivateKey, name: str, expires_in: timedelta
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - 2 * A_DAY)
            .not_valid_after(datetime.now(UTC) + expires_in)
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _names(hosts: Iterable[str]) -> Iterable[x509.GeneralName]:
    for host in hosts:
        try:
            yield x509.IPAddress(ip_address(host))
        except ValueError:
            yield x509.DNSName(host)
