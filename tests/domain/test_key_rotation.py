"""Keys that rotate: a file that changes, breaks or goes while a worker runs, second by second."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread

import jwt
import pytest
from keyrings import NOW, OTHER_RSA, RS256, RSA, SECRET, key_file, keyring
from outside.key_pairs import hs, jwk, pkcs1, write
from structlog.testing import capture_logs

from worker.key_sets import KeySetFile
from worker.tokens import Keyring

NEW = pkcs1(OTHER_RSA).token("RS256", "s")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return key_file(tmp_path)


class Rotation:
    """A worker's keyring as seconds pass, and the file it reads."""

    def __init__(self, path: Path, keys: Keyring | None = None) -> None:
        self.path = path
        self.keyring = keys or keyring(path)
        self.now = NOW

    def knows(self, token: str, after_seconds: float = 1) -> bool:
        self.now += timedelta(seconds=after_seconds)
        return self.keyring.verify(token, None, self.now).user is not None


@pytest.fixture
def rotation(path: Path) -> Iterator[Rotation]:
    rotation = Rotation(path)
    assert rotation.knows(RS256)
    with capture_logs() as logged:
        yield rotation
    assert "eyJ" not in repr(logged)
    assert jwk(RSA)["n"] not in repr(logged)


def test_a_key_that_is_added_verifies_and_one_that_is_removed_does_not(rotation: Rotation) -> None:
    assert not rotation.knows(NEW)
    write(rotation.path, jwk(RSA, "r"), jwk(OTHER_RSA, "s"))
    assert rotation.knows(NEW)
    assert rotation.knows(RS256)
    write(rotation.path, jwk(OTHER_RSA, "s"))
    assert rotation.knows(NEW)
    assert not rotation.knows(RS256)


def test_the_file_is_looked_at_once_a_second(rotation: Rotation) -> None:
    write(rotation.path, jwk(OTHER_RSA, "s"))
    assert rotation.knows(RS256, after_seconds=0.999)
    assert not rotation.knows(RS256, after_seconds=0.001)


def test_a_clock_that_was_set_back_does_not_keep_old_keys(rotation: Rotation) -> None:
    write(rotation.path, jwk(OTHER_RSA, "s"))
    assert rotation.knows(NEW, after_seconds=-3600)


def test_a_file_that_is_overwritten_in_place_is_read_again(rotation: Rotation) -> None:
    rotation.path.write_text(json.dumps({"keys": [jwk(OTHER_RSA, "s")]}), encoding="utf-8")
    assert rotation.knows(NEW)
    assert not rotation.knows(RS256)


def test_a_link_to_another_file_is_another_file(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(path)
    rotation = Rotation(tmp_path / "link")
    other = write(tmp_path / "other.json", jwk(OTHER_RSA, "s"))
    (tmp_path / "new").symlink_to(other)
    (tmp_path / "new").replace(tmp_path / "link")
    assert rotation.knows(NEW)


@pytest.mark.parametrize("broken", [b'{"keys": [', b"", b"{}", None], ids=["cut", "empty", "no set", "gone"])
def test_a_file_that_is_broken_keeps_the_keys_and_is_one_warning(path: Path, broken: bytes | None) -> None:
    rotation = Rotation(path)
    with capture_logs() as logged:
        path.unlink()
        if broken is not None:
            path.write_bytes(broken)
        assert all(rotation.knows(RS256) for _ in range(5))
        assert [(line["event"], line["log_level"]) for line in logged] == [("token_keys.kept", "warning")]
        write(path, jwk(OTHER_RSA, "s"))
        assert rotation.knows(NEW)
        assert not rotation.knows(RS256)
        path.write_bytes(b"{")
        assert rotation.knows(NEW)
    assert [line["event"] for line in logged] == ["token_keys.kept", "token_keys.read", "token_keys.kept"]


class Slow(KeySetFile):
    """A key set whose next key is given only after something else has happened."""

    meanwhile: Callable[[], object] | None = None

    def fitting(self, algorithm: object, kid: object) -> jwt.PyJWK | None:
        found = super().fitting(algorithm, kid)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return found


def test_what_one_thread_verifies_while_another_reads_new_keys_is_not_remembered(path: Path) -> None:
    """Else a token of a key that is withdrawn was good until the keys changed once more."""
    keys = Slow(path)
    rotation = Rotation(path, keyring(path, key_set=keys))

    def rotate() -> None:
        write(path, jwk(OTHER_RSA, "s"))
        other = Thread(target=rotation.knows, args=(NEW,))
        other.start()
        other.join()

    keys.meanwhile = rotate
    assert rotation.knows(RS256), "it was good when it was looked at"
    assert not rotation.knows(RS256)


def test_a_set_that_was_emptied_trusts_nobody(rotation: Rotation) -> None:
    write(rotation.path)
    assert not rotation.knows(RS256)
    assert rotation.knows(hs(SECRET).token("HS256"))
