"""Settings from the environment, `BASKETRY_…`, checked at start: a sentence for each mistake."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contracts.topology import COMMANDS

_MIN_SECRET_BYTES = 32  # RFC 7518, 3.2: a key of the size of the hash output or larger


class SettingsError(Exception):
    """The environment is not usable; the message names every mistake in a sentence of its own."""


def _scheme(url: SecretStr) -> str:
    try:
        return urlsplit(url.get_secret_value()).scheme
    except ValueError:
        return ""  # its message would show the password


def _database_url(url: SecretStr) -> SecretStr:
    if _scheme(url) not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise ValueError("must be a PostgreSQL URL such as postgresql://user:password@host:5432/basketry")
    return url


def _broker_url(url: SecretStr) -> SecretStr:
    if _scheme(url) not in ("amqp", "amqps", "pyamqp"):
        raise ValueError("must be an AMQP URL such as amqp://user:password@host:5672/vhost")
    return url


def _secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < _MIN_SECRET_BYTES:
        raise ValueError(f"must have at least {_MIN_SECRET_BYTES} bytes for HS256")
    return secret


def _prefixes(text: str) -> str:
    for prefix in text.split(","):
        if not prefix.strip() or prefix.startswith(COMMANDS) or COMMANDS.startswith(prefix):
            raise ValueError(
                f"must be queue name prefixes, separated by commas, that fit no {COMMANDS} queue"
            )
    return text


def _not_negative(duration: timedelta) -> timedelta:
    if duration < timedelta(0):
        raise ValueError("must not be negative")
    return duration


class Settings(BaseSettings):
    """Everything a process of ours can be told."""

    model_config = SettingsConfigDict(env_prefix="BASKETRY_", hide_input_in_errors=True)

    database_url: Annotated[SecretStr, AfterValidator(_database_url)]
    broker_url: Annotated[SecretStr, AfterValidator(_broker_url)]
    jwt_secret: Annotated[SecretStr, AfterValidator(_secret)]
    reply_queues: Annotated[str, NoDecode, AfterValidator(_prefixes)] = "basket.replies."
    token_grace: Annotated[timedelta, AfterValidator(_not_negative)] = timedelta(hours=24)
    answer_retention: Annotated[timedelta, AfterValidator(_not_negative)] = timedelta(days=7)
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 200
    prefetch_per_queue: Annotated[int, Field(ge=1, le=1000)] = 50
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    ready_file: str = ""

    @property
    def reply_queue_prefixes(self) -> tuple[str, ...]:
        return tuple(self.reply_queues.split(","))


def load() -> Settings:
    """Read the environment; raises SettingsError with a sentence per mistake."""
    try:
        return Settings()  # type: ignore[call-arg] # the required ones come from the environment
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(mistake) for mistake in error.errors())) from error


def _sentence(mistake: object) -> str:
    assert isinstance(mistake, dict)  # noqa: S101 - pydantic's ErrorDetails is a TypedDict
    name = "BASKETRY_" + "_".join(str(part) for part in mistake["loc"]).upper()
    if mistake["type"] == "missing":
        return f"{name} is not set."
    return f"{name} is wrong: {mistake['msg'].removeprefix('Value error, ')}."
