"""A RabbitMQ of our own: a private node that no other node on the machine can meet.

Promises: everything it opens is on 127.0.0.1; own cookie, epmd, node name, configuration, plugins and data,
each named explicitly, or the system's would leak in; the classic rules of the contract (1 MiB at most).
Its epmd is a child beside it: an epmd that RabbitMQ starts by itself would be left behind as a daemon.
Must not use or touch a RabbitMQ or an epmd that runs here already.
"""

import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import amqp

from worker.local import files, ports, rabbitmq_package
from worker.local.child import Child, LocalStackError

NODE = "basketry@localhost"
PLUGINS = (
    "rabbitmq_sharding",  # x-modulus-hash
    "rabbitmq_consistent_hash_exchange",  # of a house that was begun with it
    "rabbitmq_management",
    "rabbitmq_prometheus",
)
PORTS = ("amqp", "management", "prometheus", "epmd", "distribution")
#: What the user has set for another RabbitMQ must not reach this one.
FOREIGN = ("RABBITMQ_", "ERL_", "ERLANG_", "CONF_ENV_FILE", "NOTIFY_SOCKET", "SERVER_", "CTL_")

CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = {prometheus}
default_vhost = /
default_user = basketry
default_pass = {password}
default_user_tags.administrator = true
max_message_size = 1048576
vm_memory_high_watermark.relative = 0.4
disk_free_limit.absolute = 50MB
tcp_listen_options.nodelay = true
tcp_listen_options.keepalive = true
log.console = true
log.console.level = info
log.file = false
"""

# "localhost" must mean 127.0.0.1 to Erlang, whatever /etc/hosts says or whether there is one.
INETRC = '{host, {127,0,0,1}, ["localhost"]}.\n{lookup, [file, native]}.\n'


class Epmd(Child):
    """Erlang's port mapper, for this node alone; in the foreground so that it ends with us."""

    role = "epmd"
    grace_seconds: ClassVar[float] = 5.0

    def __init__(self, broker: "RabbitMQ") -> None:
        super().__init__("epmd", broker.log_file)
        self._broker = broker
        self._starting = threading.Lock()

    def start(self) -> subprocess.Popen[bytes]:
        """Start it unless it runs: the broker starts it, and so may who watches it."""
        with self._starting:
            if self.popen is not None and not self.has_ended:
                return self.popen
            return super().start()

    def command(self) -> list[str | Path]:
        port = str(self._broker.port("epmd"))
        return [self._broker.distribution.epmd, "-address", "127.0.0.1", "-port", port]

    def environment(self) -> Mapping[str, str]:
        return self._broker.environment()

    def is_ready(self) -> bool:
        return ports.is_open(self._broker.port("epmd"))


class RabbitMQ(Child):
    role = "rabbitmq"
    grace_seconds: ClassVar[float] = 30.0
    umask: ClassVar[int] = 0o077

    def __init__(self, state_dir: Path) -> None:
        super().__init__("rabbitmq", state_dir / "log" / "rabbitmq.log")
        self.home = state_dir.absolute() / "rabbitmq"
        self._settled = state_dir / "rabbitmq.json"
        self._distribution: rabbitmq_package.Distribution | None = None
        self.epmd = Epmd(self)

    @property
    def distribution(self) -> rabbitmq_package.Distribution:
        if self._distribution is None:
            self._distribution = rabbitmq_package.provide()
        return self._distribution

    @property
    def url(self) -> str:
        """The address, its vhost being `/`; "" before the first preparation."""
        kept = files.read_json(self._settled)
        if not kept:
            return ""
        return f"amqp://basketry:{kept['password']}@127.0.0.1:{self.port('amqp')}/%2F"

    def port(self, name: str) -> int:
        """Return the port of one of PORTS."""
        return int(files.read_json(self._settled)["ports"][name])

    def prepare(self) -> None:
        """Find or get a RabbitMQ, choose its ports, write its configuration."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.home / "conf.d").mkdir(exist_ok=True)
        kept = files.read_json(self._settled)
        chosen = ports.choose_named(kept.get("ports", {}), PORTS)
        settled = {
            "password": kept.get("password") or files.secret(),
            "cookie": kept.get("cookie") or files.secret(),
            "ports": chosen,
        }
        files.write_json(self._settled, settled)
        for name, text in {
            "rabbitmq.conf": CONFIGURATION.format(password=settled["password"], **chosen),
            "advanced.config": "[].\n",
            "rabbitmq-env.conf": "",
            "enabled_plugins": f"[{','.join(PLUGINS)}].\n",
            "inetrc": INETRC,
            ".erlang.cookie": str(settled["cookie"]),
        }.items():
            files.write_private(self.home / name, text)
        _ = self.distribution

    def before_start(self) -> None:
        """Start epmd first: without one, the node would start a daemon of its own."""
        self.epmd.start()
        self.epmd.wait_ready(10)

    def stop(self) -> None:
        super().stop()
        self.epmd.stop()

    def command(self) -> list[str | Path]:
        return [self.distribution.sbin / "rabbitmq-server"]

    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        local = "-kernel inet_dist_use_interface {127,0,0,1}"
        return {
            **inherited,
            "PATH": self.distribution.path,
            "HOME": str(self.home),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.port("epmd")),
            "ERL_INETRC": str(self.home / "inetrc"),
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_DIST_PORT": str(self.port("distribution")),
            "RABBITMQ_CONF_ENV_FILE": str(self.home / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.home / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(self.home / "conf.d" / "*.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.home / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.home / "enabled_plugins"),
            "RABBITMQ_PLUGINS_DIR": str(self.distribution.plugins),
            "RABBITMQ_MNESIA_BASE": str(self.home / "mnesia"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.home / "generated"),
            "RABBITMQ_SCHEMA_DIR": str(self.home / "schema"),
            "RABBITMQ_PID_FILE": str(self.home / "rabbitmq.pid"),
            "RABBITMQ_LOG_BASE": str(self.home / "log"),
            "RABBITMQ_LOGS": "-",
            # An idle node must cost nothing: schedulers that find no work sleep at once.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{local} +sbwt none +sbwtdcpu none +sbwtdio none",
            "RABBITMQ_CTL_ERL_ARGS": local,
            # The script then becomes the server instead of waiting for it: our child is the server itself.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def working_directory(self) -> Path:
        return self.home

    def is_ready(self) -> bool:
        """Tell whether it serves AMQP; it does so last, after its plugins have started."""
        if not ports.is_open(self.port("amqp")):
            return False
        password = str(files.read_json(self._settled)["password"])
        address = f"127.0.0.1:{self.port('amqp')}"
        connection = amqp.Connection(address, userid="basketry", password=password, connect_timeout=5)
        try:
            connection.connect()
            connection.close()
        except (OSError, amqp.exceptions.AMQPError):
            return False
        finally:
            connection.collect()  # whatever failed, the socket is closed
        return ports.is_open(self.port("management")) and ports.is_open(self.port("prometheus"))

    def remove(self) -> None:
        """Delete data and configuration; the server must have been stopped."""
        shutil.rmtree(self.home, ignore_errors=True)
        self._settled.unlink(missing_ok=True)

    def rabbitmqctl(self, *arguments: str, timeout_seconds: float = 60) -> str:
        """Run `rabbitmqctl` on this node and return what it printed; LocalStackError when it failed."""
        ended = subprocess.run(
            [self.distribution.sbin / "rabbitmqctl", "-n", NODE, *arguments],
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
        if ended.returncode != 0:
            raise LocalStackError(f"rabbitmqctl {' '.join(arguments)}: {ended.stdout}{ended.stderr}")
        return ended.stdout
