"""Keyrings over a key set in a file, and the key pairs whose public halves lie there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from outside.key_pairs import ec_key, jwk, pkcs1, rsa_key, write

from worker.key_sets import KeySetFile
from worker.tokens import Keyring

NOW = datetime.now(UTC)
SECRET = "the secret of these tests, 32 bytes and more"
RSA, OTHER_RSA, EC = rsa_key("one"), rsa_key("two"), ec_key("one")
RS256 = pkcs1(RSA).token("RS256", "r")


def key_file(folder: Path) -> Path:
    return write(folder / "keys.json", jwk(RSA, "r"), jwk(EC, "e"))


def keyring(path: Path, **changed: Any) -> Keyring:
    held = {"audience": None, "grace": timedelta(hours=24), "leeway": timedelta(0), **changed}
    return Keyring(**{"secret": SECRET, "key_set": KeySetFile(path), **held})
