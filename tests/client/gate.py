"""A way to the broker that a test can close, cut and hold up, and that may speak TLS to the outside."""

import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from worker.local import ports

_CHUNK = 65536


class Gate:
    """Open at first. `bytes_back` counts what the broker has said to whoever came through."""

    def __init__(self, broker_url: str, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(broker_url)
        assert parts.hostname
        self._behind = (parts.hostname, parts.port or 5672)
        self._tls = tls
        self._held: set[socket.socket] = set()
        self._connections: list[socket.socket] = []
        self.bytes_back = 0
        # Below those that the kernel lends: closed, it could be lent to anybody before it is opened again.
        self.port = ports.choose()
        self._server = socket.create_server(("127.0.0.1", self.port))
        scheme = "amqps" if tls else "amqp"
        login = f"{parts.username}:{parts.password}"
        self.url = parts._replace(scheme=scheme, netloc=f"{login}@localhost:{self.port}").geturl()
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Refuse who comes, and cut who has come."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def open(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._start()

    def cut(self) -> None:
        """Cut every connection that there is; new ones come through."""
        cut, self._connections = self._connections, []
        for one in cut:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def hold(self) -> None:
        """Swallow what goes through the connections that there are, in silence; new ones come through."""
        self._held.update(self._connections)

    def _start(self) -> None:
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                outside, _ = server.accept()
                with suppress(OSError):  # a handshake that the other side ends
                    self._connect(outside)

    def _connect(self, outside: socket.socket) -> None:
        try:
            outside = self._tls.wrap_socket(outside, server_side=True) if self._tls else outside
            inside = socket.create_connection(self._behind)
        except OSError:
            outside.close()
            raise
        self._connections += [outside, inside]
        for source, target in ((outside, inside), (inside, outside)):
            threading.Thread(target=self._carry, args=(source, target, source is inside), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, is_back: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(_CHUNK):
                if source in self._held:
                    continue
                target.sendall(chunk)
                self.bytes_back += len(chunk) * is_back
            target.shutdown(socket.SHUT_WR)
