"""Settings from the environment, `BASKETRY_…`, checked at start: a sentence for each mistake."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contracts.topology import COMMANDS
from worker import tls
from worker.slots import Slot

_MIN_SECRET_BYTES = 32  # RFC 7518, 3.2: a key of the size of the hash output or larger
_LARGEST_PORT = 65_535
_PEM = "-----BEGIN "
_Settings = TypeVar("_Settings", bound="DatabaseSettings")
_WHOLE_SENTENCE = "whole_sentence"  # the type of a mistake that is not one setting's


class SettingsError(Exception):
    """The environment is not usable; the message names every mistake in a sentence of its own."""


def _read(url: SecretStr) -> SplitResult:
    """Take a URL apart; what is wrong with one is said without a piece of it.

    An @ or a / that is not percent-encoded makes a piece of the password the host or its port, and these are
    named by every error of the drivers.
    """
    text = url.get_secret_value()
    try:
        parts = urlsplit(text)
        is_plain = parts.port is None or parts.port > 0  # raises when it is no number
    except ValueError:
        is_plain = False
    else:
        is_plain = is_plain and "#" not in text and text.count("@") == parts.netloc.count("@") <= 1
    if not is_plain:
        raise ValueError("must be a URL; in user and password write @ as %40, / as %2F, ? as %3F, # as %23")
    return parts


def _database_url(url: SecretStr) -> SecretStr:
    if _read(url).scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise ValueError("must be a PostgreSQL URL such as postgresql://user:password@host:5432/basketry")
    return url


def _broker_url(url: SecretStr) -> SecretStr:
    parts = _read(url)
    if parts.scheme not in ("amqp", "amqps", "pyamqp"):
        raise ValueError("must be an AMQP URL such as amqp://user:password@host:5672/vhost")
    if parts.query or ";" in url.get_secret_value():
        # kombu takes a `;` for another broker, and some options behind a `?` would loosen the checks of TLS.
        raise ValueError("must be one AMQP URL without options: write ; as %3B in it")
    return url


def _authority(path: Path | None) -> Path | None:
    try:
        tls.Files(ca=path).check()
    except OSError as error:
        raise ValueError(f"must be a file of PEM certificates ({_reason(error)})") from error
    return path


def _key(path: Path | None, others: ValidationInfo) -> Path | None:
    """Check the key and its certificate, which must fit."""
    certificate = others.data.get("broker_certificate_file")
    if certificate is None and path is not None:
        raise ValueError("needs BASKETRY_BROKER_CERTIFICATE_FILE beside it")
    try:
        tls.Files(certificate=certificate, key=path).check()
    except OSError as error:
        raise PydanticCustomError(
            _WHOLE_SENTENCE,
            "BASKETRY_BROKER_CERTIFICATE_FILE and BASKETRY_BROKER_KEY_FILE are wrong: they must be PEM files "
            "that belong together, the key without a password ({reason}).",
            {"reason": _reason(error)},
        ) from error
    return path


def _reason(error: OSError) -> str:
    return (error.strerror if not isinstance(error, ssl.SSLError) else error.reason) or type(error).__name__


def _secret(secret: SecretStr | None) -> SecretStr | None:
    if secret is None:
        return None
    if len(secret.get_secret_value().encode()) < _MIN_SECRET_BYTES:
        raise ValueError(f"must have at least {_MIN_SECRET_BYTES} bytes for HS256")
    if _PEM in secret.get_secret_value():
        raise ValueError("must be a secret, not a key: public keys belong into BASKETRY_JWKS_FILE")
    return secret


def _key_set(path: Path | None, others: ValidationInfo) -> Path | None:
    """Check that tokens can be verified at all; the file is read by what verifies them, the workers."""
    if path is None and others.data.get("jwt_secret", ...) is None:  # absent when it has a mistake of its own
        raise PydanticCustomError(
            _WHOLE_SENTENCE,
            "BASKETRY_JWT_SECRET is not set, nor is BASKETRY_JWKS_FILE: tokens are verified with either.",
        )
    if path == Path():
        raise ValueError("must be the path of a JSON Web Key Set")
    return path


def _audience(audience: str | None) -> str | None:
    if audience is not None and not audience.strip():
        raise ValueError("must not be empty: leave it unset to take tokens for any audience")
    return audience


def _prefixes(text: str) -> str:
    for prefix in text.split(","):
        if not prefix.strip() or prefix.startswith(COMMANDS) or COMMANDS.startswith(prefix):
            raise ValueError(
                f"must be queue name prefixes, separated by commas, that fit no {COMMANDS} queue"
            )
    return text


def host_and_port(address: str) -> tuple[str, int]:
    """Read host:port, an IPv6 address in brackets; raises ValueError."""
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address needs brackets")
    if not (host and colon and port.isascii() and port.isdigit() and 1 <= int(port) <= _LARGEST_PORT):
        raise ValueError("not an address and a port")
    return host, int(port)


def _listen(address: str) -> str:
    if address:
        try:
            host_and_port(address)
        except ValueError as error:
            raise ValueError(
                "must be host:port such as 127.0.0.1:9464, or empty to listen nowhere"
            ) from error
    return address


def _not_negative(duration: timedelta) -> timedelta:
    if duration < timedelta(0):
        raise ValueError("must not be negative")
    return duration


def _slot(text: str) -> str:
    return str(Slot.parse(text))


class DatabaseSettings(BaseSettings):
    """What is enough for work that needs PostgreSQL alone."""

    model_config = SettingsConfigDict(env_prefix="BASKETRY_", hide_input_in_errors=True)

    database_url: Annotated[SecretStr, AfterValidator(_database_url)]


class Settings(DatabaseSettings):
    """Everything a process of ours can be told."""

    broker_url: Annotated[SecretStr, AfterValidator(_broker_url)]
    broker_ca_file: Annotated[Path | None, AfterValidator(_authority)] = None
    broker_certificate_file: Path | None = None
    broker_key_file: Annotated[Path | None, AfterValidator(_key)] = None
    jwt_secret: Annotated[SecretStr | None, AfterValidator(_secret)] = None
    jwks_file: Annotated[Path | None, AfterValidator(_key_set)] = None
    token_audience: Annotated[str | None, AfterValidator(_audience)] = None
    reply_queues: Annotated[str, NoDecode, AfterValidator(_prefixes)] = "basket.replies."
    token_grace: Annotated[timedelta, AfterValidator(_not_negative)] = timedelta(hours=24)
    token_leeway: Annotated[timedelta, AfterValidator(_not_negative)] = timedelta(seconds=30)
    answer_retention: Annotated[timedelta, AfterValidator(_not_negative)] = timedelta(days=7)
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 200
    prefetch_per_queue: Annotated[int, Field(ge=1, le=1000)] = 50
    slot: Annotated[str, AfterValidator(_slot)] = "0/1"
    broker_heartbeat: Annotated[int, Field(ge=1, le=60)] = 2
    outage_patience: Annotated[timedelta, AfterValidator(_not_negative)] = timedelta(minutes=25)
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    ready_file: str = ""
    ops_listen: Annotated[str, AfterValidator(_listen)] = ""

    @property
    def reply_queue_prefixes(self) -> tuple[str, ...]:
        return tuple(self.reply_queues.split(","))

    @property
    def broker_files(self) -> tls.Files:
        """Give what TLS to the broker goes by."""
        return tls.Files(
            ca=self.broker_ca_file, certificate=self.broker_certificate_file, key=self.broker_key_file
        )


def load() -> Settings:
    """Read the environment; raises SettingsError with a sentence per mistake."""
    return _loaded(Settings)


def load_database() -> DatabaseSettings:
    """Read where the database is, and nothing else; raises SettingsError."""
    return _loaded(DatabaseSettings)


def _loaded(type_: type[_Settings]) -> _Settings:
    try:
        return type_()  # type: ignore[call-arg] # the required ones come from the environment
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(mistake) for mistake in error.errors())) from error


def _sentence(mistake: object) -> str:
    assert isinstance(mistake, dict)  # noqa: S101 - pydantic's ErrorDetails is a TypedDict
    name = "BASKETRY_" + "_".join(str(part) for part in mistake["loc"]).upper()
    if mistake["type"] == _WHOLE_SENTENCE:
        return str(mistake["msg"])
    if mistake["type"] == "missing":
        return f"{name} is not set."
    return f"{name} is wrong: {mistake['msg'].removeprefix('Value error, ')}."
