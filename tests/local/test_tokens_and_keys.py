"""What the command line says about secrets and keys; no server is needed for any of it."""

from pathlib import Path

import jwt
import pytest
from command_line import CommandLine
from outside.claims import SECRET
from outside.key_pairs import jwk, rsa_key, write

ELSEWHERE = {
    "BASKETRY_DATABASE_URL": "postgresql://basketry:geheim@127.0.0.1:1/basketry",
    "BASKETRY_BROKER_URL": "amqp://basketry:geheim@127.0.0.1:1/%2F",
}


def basketry(folder: Path, **settings: str) -> CommandLine:
    return CommandLine(state_dir=folder / ".basketry", settings={**ELSEWHERE, **settings})


def test_a_token_is_signed_with_the_secret_for_the_audience(tmp_path: Path) -> None:
    settings = {"BASKETRY_JWT_SECRET": SECRET, "BASKETRY_TOKEN_AUDIENCE": "basketry"}
    issued = basketry(tmp_path, **settings)("token", "--user", "patricia")
    assert issued.returncode == 0, issued.stderr
    claims = jwt.decode(issued.stdout.strip(), SECRET, algorithms=["HS256"], audience="basketry")
    assert claims["sub"] == "patricia"


@pytest.mark.parametrize("mistake", [("--user", ""), ("--user", "patricia", "--hours", "0")])
def test_a_token_that_no_worker_would_take_is_not_signed(tmp_path: Path, mistake: tuple[str, ...]) -> None:
    refused = basketry(tmp_path, BASKETRY_JWT_SECRET=SECRET)("token", *mistake)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "Error: Invalid value for" in refused.stderr


def test_without_a_secret_no_token_can_be_signed(tmp_path: Path) -> None:
    keys = write(tmp_path / "keys.json", jwk(rsa_key("one"), "r"))
    refused = basketry(tmp_path, BASKETRY_JWKS_FILE=str(keys))("token", "--user", "patricia")
    assert refused.returncode == 1
    assert "BASKETRY_JWT_SECRET is not set: there is nothing to sign a token with." in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_worker_with_a_broken_key_set_says_so_and_does_not_start(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text("-----BEGIN PUBLIC KEY-----", encoding="utf-8")
    refused = basketry(tmp_path, BASKETRY_JWKS_FILE=str(keys))("worker")
    assert refused.returncode == 1
    assert refused.stderr == f"Error: BASKETRY_JWKS_FILE is wrong: {keys} is not JSON.\n"
