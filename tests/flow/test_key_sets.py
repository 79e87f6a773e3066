"""Contract 1.4: a worker with a key set and an audience, and keys that rotate while it runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from outside.claims import SERVICE, bearer
from outside.key_pairs import ec_key, ecdsa, hs, jwk, pem, pkcs1, rsa_key, write
from outside.processes import WorkerProcess, wait_for, working
from outside.stage import Stage, fresh
from outside.upstream import Upstream
from outside.wire import SHOP, unique

from worker.local.servers import Servers

RSA, OTHER_RSA, EC = rsa_key("one"), rsa_key("two"), ec_key("one")
OURS = {"aud": ["shop", "basketry"]}


@pytest.fixture(scope="module")
def stage(servers: Servers) -> Iterator[Stage]:
    with fresh(servers) as stage:
        yield stage


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("keys") / "keys.json", jwk(RSA, "r"), jwk(EC, "e"))


@pytest.fixture(scope="module")
def worker(stage: Stage, keys: Path) -> Iterator[WorkerProcess]:
    settings = {"BASKETRY_JWKS_FILE": str(keys), "BASKETRY_TOKEN_AUDIENCE": "basketry"}
    with working(stage, "worker", keys.parent, **settings) as worker:
        with Upstream(stage.broker_url) as upstream:
            catalogue = {"authorization": bearer("catalogue", aud="basketry", **SERVICE)}
            assert upstream.ask("channel.put", SHOP, {}, headers=catalogue).status == 204
        yield worker


def status(upstream: Upstream, authorization: str) -> int:
    """Send a command; a refusal must be the one for tokens."""
    reply = upstream.ask("basket.create", unique("basket"), headers={"authorization": authorization})
    assert (reply.status, reply.error_key) in {(201, None), (401, "command.unauthorized.error")}
    return reply.status


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("Bearer " + pkcs1(RSA).token("RS256", "r", **OURS), id="RS256"),
        pytest.param("Bearer " + ecdsa(EC).token("ES256", "e", **OURS), id="ES256"),
        pytest.param("Bearer " + ecdsa(EC).token("ES256", **OURS), id="ES256 without a key id"),
        pytest.param(bearer(aud="basketry"), id="HS256 with the shared secret"),
    ],
)
def test_a_token_of_a_known_key_for_this_audience_is_accepted(upstream: Upstream, authorization: str) -> None:
    assert status(upstream, authorization) == 201


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("Bearer " + hs(pem(RSA)).token("HS256", "r", **OURS), id="HS256 with the public key"),
        pytest.param("Bearer " + pkcs1(RSA).token("RS256", "r", aud="shop"), id="another audience"),
        pytest.param("Bearer " + pkcs1(RSA).token("RS256", "r"), id="no audience"),
        pytest.param(bearer(aud="shop"), id="HS256, another audience"),
        pytest.param("Bearer " + pkcs1(OTHER_RSA).token("RS256", "r", **OURS), id="another key"),
    ],
)
def test_any_other_token_is_refused(upstream: Upstream, authorization: str) -> None:
    assert status(upstream, authorization) == 401


def test_keys_rotate_without_a_restart(upstream: Upstream, keys: Path, worker: WorkerProcess) -> None:
    old = "Bearer " + pkcs1(RSA).token("RS256", "r", **OURS)
    new = "Bearer " + pkcs1(OTHER_RSA).token("RS256", "s", **OURS)
    assert (status(upstream, old), status(upstream, new)) == (201, 401)
    keys.write_text("{", encoding="utf-8")
    wait_for(lambda: status(upstream, old) == 201 and "token_keys.kept" in worker.log)
    write(keys, jwk(OTHER_RSA, "s"))
    wait_for(lambda: status(upstream, new) == 201)
    assert status(upstream, old) == 401
    assert worker.log.count("token_keys.kept") == 1
    write(keys, jwk(RSA, "r"), jwk(EC, "e"))
    wait_for(lambda: status(upstream, old) == 201)
