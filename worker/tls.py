"""TLS to the broker: whom a process of ours trusts, and what it shows of itself.

The certificate must be of an authority that is trusted and of the host that was asked for; no setting turns
that off. Files are read again with each connection: a renewed certificate needs no restart. py-amqp by itself
checks the authority and not the host: the name has to be given.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """PEM files. Without `ca` the system's authorities are trusted; `certificate` is ours, for the broker."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def check(self) -> None:
        """Raise OSError, as ssl.SSLError too, when they cannot be used."""
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            # An empty password: a key that needs one would ask for it at a terminal.
            context.load_cert_chain(self.certificate, self.key, password="")


SYSTEM = Files()


def options(broker_url: str, files: Files) -> dict[str, Any] | None:
    """Give py-amqp's options for a URL; None without TLS."""
    parts = urlsplit(broker_url)
    if parts.scheme != "amqps":
        return None
    return {
        "server_hostname": parts.hostname,  # kombu would take 127.0.0.1 for localhost
        "cert_reqs": ssl.CERT_REQUIRED,
        "ca_certs": files.ca,
        "certfile": files.certificate,
        "keyfile": files.key,
        "tls_minimum_version": ssl.TLSVersion.TLSv1_2,
    }


def url_for_client(broker_url: str, files: Files) -> str:
    """Give the URL for `contracts.client`, with the same files in it, spelt as pika reads them."""
    if urlsplit(broker_url).scheme != "amqps" or files == SYSTEM:
        return broker_url
    system = ssl.get_default_verify_paths()
    chosen = {
        "cafile": files.ca if files.ca is not None else system.cafile,
        "capath": None if files.ca is not None else system.capath or system.openssl_capath,
        "certfile": files.certificate,
        "keyfile": files.key,
    }
    spelt = {name: str(path) for name, path in chosen.items() if path is not None}
    return f"{broker_url}?ssl_options={quote(repr(spelt))}"
