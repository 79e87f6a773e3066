"""What the addresses leave open: a server elsewhere, talked to without TLS or without a check of who it is.

Said at start, and never a reason not to start: a network may be protected by other means.
"""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from worker import logs

if TYPE_CHECKING:
    from worker.settings import Settings

_VERIFIED = "verify-full"

log = logs.get(__name__)


def say(settings: Settings) -> None:
    """Log what is open."""
    for sentence in sentences(settings):
        log.warning("connection.unprotected", why=sentence)


def sentences(settings: Settings) -> list[str]:
    """Say what is open, a sentence each; none when nothing is."""
    return [*_of_the_broker(settings), *_of_the_database(settings)]


def _of_the_broker(settings: Settings) -> list[str]:
    parts = urlsplit(settings.broker_url.get_secret_value())
    if parts.scheme == "amqps" or _is_here(parts.hostname):
        return []
    return [
        f"BASKETRY_BROKER_URL: the password and every message go to {parts.hostname} unencrypted; use amqps://."
    ]


def _of_the_database(settings: Settings) -> list[str]:
    parts = urlsplit(settings.database_url.get_secret_value())
    asked = parse_qs(parts.query)
    host = asked.get("host", [unquote(parts.hostname or os.environ.get("PGHOST", ""))])[-1]
    mode = asked.get("sslmode", [os.environ.get("PGSSLMODE", "prefer")])[-1]
    if mode == _VERIFIED or _is_here(host):
        return []
    gap = f"with sslmode={mode} whoever answers for {host} is taken for the database"
    advice = f"use sslmode={_VERIFIED}, and sslrootcert for an authority of your own"
    return [f"BASKETRY_DATABASE_URL: {gap}; {advice}."]


def _is_here(host: str | None) -> bool:
    """Whether it is this machine: a name of it, a loopback address, or a socket's folder."""
    if not host or host == "localhost" or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
