"""Settings from the environment: defaults, a sentence per mistake, and no secret in any of them."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from worker import settings
from worker.store import database

NEEDED = {
    "BASKETRY_DATABASE_URL": "postgresql://basketry:geheim@db:5432/basketry",
    "BASKETRY_BROKER_URL": "amqp://basketry:geheim@mq:5672/%2F",
    "BASKETRY_JWT_SECRET": "geheim geheim geheim geheim gehe",
}


def load(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> settings.Settings:
    for name in [name for name in os.environ if name.startswith("BASKETRY_")]:
        monkeypatch.delenv(name)
    for name, value in {**NEEDED, **{f"BASKETRY_{key}": value for key, value in changed.items()}}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    return settings.load()


def sentences(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> list[str]:
    with pytest.raises(settings.SettingsError) as error:
        load(monkeypatch, **changed)
    return str(error.value).splitlines()


def test_three_settings_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch)
    assert loaded.database_url.get_secret_value() == NEEDED["BASKETRY_DATABASE_URL"]
    assert loaded.reply_queue_prefixes == ("basket.replies.",)
    assert loaded.token_grace == timedelta(hours=24)
    assert loaded.token_leeway == timedelta(seconds=30)
    assert (loaded.jwks_file, loaded.token_audience) == (None, None)
    assert loaded.answer_retention == timedelta(days=7)
    assert loaded.batch_size == 200


def test_a_key_set_does_instead_of_a_secret_or_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch, JWT_SECRET=None, JWKS_FILE="/etc/basketry/keys.json")
    assert loaded.jwt_secret is None
    assert loaded.jwks_file == Path("/etc/basketry/keys.json")
    assert load(monkeypatch, JWKS_FILE="keys.json").jwt_secret is not None


def test_without_a_secret_and_without_keys_a_sentence_asks_for_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert sentences(monkeypatch, JWT_SECRET=None, BATCH_SIZE="many")[0] == (
        "BASKETRY_JWT_SECRET is not set, nor is BASKETRY_JWKS_FILE: tokens are verified with either."
    )


def test_several_reply_queue_prefixes_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch, REPLY_QUEUES="basket.replies.,shop.")
    assert loaded.reply_queue_prefixes == ("basket.replies.", "shop.")


def test_durations_are_iso_8601(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, TOKEN_GRACE="PT90M").token_grace == timedelta(minutes=90)
    assert load(monkeypatch, TOKEN_LEEWAY="PT0S").token_leeway == timedelta(0)


def test_every_mistake_is_a_sentence_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    said = sentences(
        monkeypatch, DATABASE_URL=None, BROKER_URL="http://mq", JWT_SECRET="short", BATCH_SIZE="many"
    )
    assert [sentence.split(" ", 1)[0] for sentence in said] == [
        "BASKETRY_DATABASE_URL",
        "BASKETRY_BROKER_URL",
        "BASKETRY_JWT_SECRET",
        "BASKETRY_BATCH_SIZE",
    ]
    assert said[0] == "BASKETRY_DATABASE_URL is not set."
    assert all(sentence.endswith(".") for sentence in said)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "mysql://basketry:geheim@db/basketry"),
        ("DATABASE_URL", "basketry:geheim@db"),
        ("DATABASE_URL", "postgresql://basketry:geheim@[db/basketry"),
        ("DATABASE_URL", "postgresql://basketry:geheim℀@db/basketry"),
        ("BROKER_URL", "redis://basketry:geheim@mq"),
        ("BROKER_URL", "amqp://basketry:geheim℀@mq"),
        *(
            (f"{server}_URL", f"{scheme}://basketry:{password}@host/x")
            for server, scheme in {"DATABASE": "postgresql", "BROKER": "amqp"}.items()
            for password in (
                "geheim@x",
                "geheim/x",
                "1/geheim",
                "geheim?x",
                "1?geheim",
                "1#geheim",
                "x@geheim",
            )
        ),
        ("DATABASE_URL", "postgresql://basketry:x@db:geheim/basketry"),
        ("BROKER_URL", "amqp://basketry:x@mq:geheim/x"),
        ("JWT_SECRET", "geheim"),
        ("JWT_SECRET", ""),
        ("JWT_SECRET", "-----BEGIN PUBLIC KEY-----\ngeheim geheim geheim\n-----END PUBLIC KEY-----"),
        ("JWKS_FILE", ""),
        ("TOKEN_AUDIENCE", ""),
        ("TOKEN_AUDIENCE", " "),
        ("TOKEN_LEEWAY", "half a minute"),
        ("TOKEN_LEEWAY", "-PT30S"),
        ("TOKEN_GRACE", "a day"),
        ("TOKEN_GRACE", "-PT1H"),
        ("ANSWER_RETENTION", "-P7D"),
        ("BATCH_SIZE", "0"),
        ("BATCH_SIZE", "1001"),
        ("PREFETCH_PER_QUEUE", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("REPLY_QUEUES", ""),
        ("REPLY_QUEUES", "basket.replies.,"),
        ("REPLY_QUEUES", "basket.replies., ,x"),
        ("REPLY_QUEUES", "basket.commands."),
        ("REPLY_QUEUES", "basket.commands.00"),
        ("REPLY_QUEUES", "basket.replies.,basket."),
        ("REPLY_QUEUES", "b"),
        ("OPS_LISTEN", "9464"),
        ("OPS_LISTEN", ":9464"),
        ("OPS_LISTEN", "127.0.0.1"),
        ("OPS_LISTEN", "127.0.0.1:"),
        ("OPS_LISTEN", "127.0.0.1:0"),
        ("OPS_LISTEN", "127.0.0.1:65536"),
        ("OPS_LISTEN", "127.0.0.1:-1"),
        ("OPS_LISTEN", "127.0.0.1:²"),
        ("OPS_LISTEN", "http://127.0.0.1:9464"),
        ("OPS_LISTEN", "::1:9464"),
    ],
)
def test_a_wrong_value_is_named_and_no_secret_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    (sentence,) = sentences(monkeypatch, **{name: value})
    assert sentence.startswith(f"BASKETRY_{name} is wrong: ")
    assert "geheim" not in sentence


def test_nothing_is_listened_to_unless_it_is_said_where(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch).ops_listen == ""
    assert load(monkeypatch, OPS_LISTEN="").ops_listen == ""
    for listen, expected in (
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
        ("ops.example:65535", ("ops.example", 65_535)),
    ):
        assert settings.host_and_port(load(monkeypatch, OPS_LISTEN=listen).ops_listen) == expected


def test_no_secret_is_shown_when_the_settings_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "geheim" not in repr(load(monkeypatch))


def test_options_of_the_database_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://u:p%40@h:5432/d?sslmode=verify-full&sslrootcert=/etc/ca.pem&host=%40abstract"
    loaded = load(monkeypatch, DATABASE_URL=url).database_url.get_secret_value()
    asked = database.psycopg_url(loaded)
    assert asked.password == "p@"
    assert dict(asked.query) == {
        "sslmode": "verify-full",
        "sslrootcert": "/etc/ca.pem",
        "host": "@abstract",
    }


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgres_url_may_be_spelt_in_three_ways(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    assert load(monkeypatch, DATABASE_URL=f"{scheme}://u:p@h/d")
