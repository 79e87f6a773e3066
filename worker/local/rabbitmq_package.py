"""Where a RabbitMQ to run comes from: an installed one, or Debian's packages unpacked into a cache.

Promises that nothing is installed: the packages are fetched by `apt-get download` with lists and cache in
folders of our own (no root, no change to the system), unpacked beside, and moved into place in one step.
Must not start anything of what it finds.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from worker.local.child import LocalStackError, log

OLDEST = (3, 10)
INSTALLED = (Path("/usr/lib/rabbitmq/lib"), Path("/opt"), Path("/usr/local/lib"))
#: Needed by the server's plugins, but no dependency of Debian's package by name.
UNLISTED = ("erlang-asn1",)

HOW_TO_GET_ONE = (
    "There is no RabbitMQ to run here. Install one (Debian, Ubuntu: `apt-get install rabbitmq-server`; "
    "elsewhere see the installation guide of RabbitMQ, 3.10 or newer), or set BASKETRY_BROKER_URL to the "
    "address of a running one, such as amqp://user:password@host:5672/%2F."
)

# Debian's own `erl` has its folder compiled in, whatever ERL_ROOTDIR says; this one finds itself.
ERL = """#!/bin/sh
ROOTDIR=$(dirname "$(dirname "$(readlink -f "$0")")")
BINDIR=$(echo "$ROOTDIR"/erts-*/bin)
EMU=beam
PROGNAME=erl
export ROOTDIR BINDIR EMU PROGNAME
exec "$BINDIR/erlexec" "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A RabbitMQ on disk."""

    sbin: Path
    erlang_bin: Path | None  # None: Erlang is on the PATH

    @property
    def path(self) -> str:
        """The PATH its scripts need."""
        inherited = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
        return inherited if self.erlang_bin is None else f"{self.erlang_bin}:{inherited}"

    @property
    def plugins(self) -> Path:
        return self.sbin.parent / "plugins"

    @property
    def epmd(self) -> Path:
        found = shutil.which("epmd", path=self.path)
        if found is None:
            raise LocalStackError(f"RabbitMQ is in {self.sbin}, but Erlang's `epmd` is not on the PATH.")
        return Path(found)


def provide() -> Distribution:
    """Find a RabbitMQ, or get one; LocalStackError says how to when there is no way."""
    return _installed() or _unpacked(_cache()) or _download(_cache())


def _installed() -> Distribution | None:
    if shutil.which("erl") is None or shutil.which("epmd") is None:
        return None
    found = [folder for folder in _candidates() if (_version(folder) or (0, 0)) >= OLDEST]
    if not found:
        return None
    newest = max(found, key=lambda folder: _version(folder) or (0, 0))
    return Distribution(sbin=newest / "sbin", erlang_bin=None)


def _candidates() -> Iterator[Path]:
    """Yield the homes of installed servers; never Debian's /usr/sbin wrapper, which switches the user."""
    for folder in INSTALLED:
        yield from folder.glob("rabbitmq_server-*")
    on_path = shutil.which("rabbitmq-server")
    if on_path is not None:
        yield Path(on_path).resolve().parent.parent


def _version(home: Path) -> tuple[int, int] | None:
    """Read the version off the server's own plugin; None when this is not a server's home."""
    if not (home / "sbin" / "rabbitmq-env").exists():
        return None
    for plugin in home.glob("plugins/rabbit-*"):
        match = re.match(r"rabbit-(\d+)\.(\d+)\.", plugin.name)
        if match:
            return int(match[1]), int(match[2])
    return None


def _cache() -> Path:
    """Return the folder of unpacked packages, shared by all stacks of this user."""
    named = os.environ.get("XDG_CACHE_HOME")
    home = Path.home()
    # RabbitMQ's shell scripts do not quote their own folder.
    for parent in (Path(named) if named else home / ".cache", home):
        if parent.is_absolute() and " " not in str(parent) and _is_usable(parent):
            return parent / ("basketry" if parent != home else ".basketry-cache") / "rabbitmq"
    cache = Path(f"/var/tmp/basketry-cache-{os.getuid()}")
    cache.mkdir(mode=0o700, exist_ok=True)
    if cache.is_symlink() or cache.lstat().st_uid != os.getuid():
        raise LocalStackError(f"{cache} belongs to somebody else; look at it and remove it.")
    return cache / "rabbitmq"


def _is_usable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK) and not os.statvfs(folder).f_flag & os.ST_NOEXEC


def _unpacked(cache: Path) -> Distribution | None:
    homes = list((cache / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*"))
    if not homes:
        return None
    return Distribution(sbin=homes[0] / "sbin", erlang_bin=cache / "usr/lib/erlang/bin")


def _download(cache: Path) -> Distribution:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise LocalStackError(HOW_TO_GET_ONE)
    log.info("there is no RabbitMQ here: getting Debian's packages of it (about 32 MB) into %s", cache)
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent, prefix="rabbitmq-") as folder:
        root = Path(folder) / "root"
        root.mkdir()
        for package in _Apt(Path(folder)).download():
            _run("dpkg-deb", "-x", str(package), str(root), cwd=root)
        _relocate(root)
        try:
            root.rename(cache)
        except OSError:  # another stack was faster
            if _unpacked(cache) is None:
                raise
    found = _unpacked(cache)
    if found is None or _version(found.sbin.parent) is None:
        raise LocalStackError(HOW_TO_GET_ONE)
    return found


def _relocate(root: Path) -> None:
    """Make Erlang find itself where it now lies, and prove that it does."""
    erl = root / "usr/lib/erlang/bin/erl"
    erl.unlink()
    erl.write_text(ERL, encoding="ascii")
    erl.chmod(0o755)
    printed = _run(str(erl), "-noshell", "-eval", 'crypto:start(), io:put_chars("works"), halt().', cwd=root)
    if printed != "works":
        raise LocalStackError(f"The Erlang that was unpacked does not run: {printed}\n{HOW_TO_GET_ONE}")


class _Apt:
    """apt-get with the system's sources and keys, and everything it writes in a folder of our own."""

    def __init__(self, folder: Path) -> None:
        self._packages = folder / "packages"
        state, cache = folder / "apt/state", folder / "apt/cache"
        for path in (self._packages, state / "lists/partial", cache / "archives/partial"):
            path.mkdir(parents=True)
        self._options = [
            *("-o", f"Dir::State={state}", "-o", f"Dir::State::Lists={state}/lists"),
            *("-o", "Dir::State::Status=/var/lib/dpkg/status"),
            *("-o", f"Dir::Cache={cache}", "-o", f"Dir::Cache::Archives={cache}/archives"),
            *("-o", "Debug::NoLocking=true", "-o", "APT::Sandbox::User="),
            *("-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3"),
        ]

    def download(self) -> list[Path]:
        self._apt("apt-get", "-qq", "update")
        self._apt("apt-get", "-qq", "download", *self._names())
        return sorted(self._packages.glob("*.deb"))

    def _names(self) -> list[str]:
        """List the server and the Erlang packages it depends on; the rest every Debian has."""
        excluded = (f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces"))
        listing = self._apt(
            "apt-cache", "depends", "--recurse", "--no-enhances", *excluded, "rabbitmq-server", *UNLISTED
        )
        names = {line.strip() for line in listing.splitlines() if re.match(r"[a-z]", line)}
        wanted = {name for name in names if name.startswith("erlang-") and "hipe" not in name}
        if "erlang-base" not in wanted:
            raise LocalStackError(HOW_TO_GET_ONE)
        return ["rabbitmq-server", *sorted(wanted)]

    def _apt(self, program: str, *arguments: str) -> str:
        return _run(program, *self._options, *arguments, cwd=self._packages)


def _run(*command: str, cwd: Path) -> str:
    environment = {**os.environ, "HOME": str(cwd)}  # Erlang insists on one, and reads what lies there
    ended = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        reason = " ".join((ended.stdout + ended.stderr).split())[-500:]
        raise LocalStackError(
            f"{HOW_TO_GET_ONE} (Getting Debian's packages failed: {command[0]} ended with exit code "
            f"{ended.returncode}: {reason})"
        )
    return ended.stdout
