"""A front before a server's plain port: it ends TLS there, and keeps what the client has said behind it."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_CHUNK = 65536
_POSTGRES_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # length, 80877103


def at_once(outside: socket.socket, tls: ssl.SSLContext) -> socket.socket:
    """Speak TLS from the first byte on, as AMQP does."""
    return tls.wrap_socket(outside, server_side=True)


def when_asked(outside: socket.socket, tls: ssl.SSLContext) -> socket.socket:
    """Speak TLS once the client has asked for it, as PostgreSQL does."""
    assert outside.recv(8, socket.MSG_WAITALL) == _POSTGRES_SSL_REQUEST
    outside.sendall(b"S")
    return tls.wrap_socket(outside, server_side=True)


class Front:
    """`heard` are the client's bytes after TLS; without a context all of them."""

    def __init__(
        self,
        url: str,
        tls: ssl.SSLContext | None,
        begin: Callable[[socket.socket, ssl.SSLContext], socket.socket] = at_once,
    ) -> None:
        self._parts = urlsplit(url)
        self._tls, self._begin = tls, begin
        self._connections: list[socket.socket] = []
        self._serving: list[threading.Thread] = []
        self.heard = b""
        self.arrived = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._server.close()
        for one in self._serving:
            while one.is_alive():  # it may be about to open one more
                self._cut()
                one.join(timeout=0.05)

    def _cut(self) -> None:
        for one in self._connections:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def url(self, scheme: str, host: str = "localhost") -> str:
        """Give the address through this front, with the login of the one behind it."""
        login = f"{self._parts.username}:{self._parts.password}"
        return self._parts._replace(scheme=scheme, netloc=f"{login}@{host}:{self.port}").geturl()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                outside, _ = self._server.accept()
                self.arrived += 1
                self._serving.append(threading.Thread(target=self._serve, args=(outside,), daemon=True))
                self._serving[-1].start()

    def _serve(self, outside: socket.socket) -> None:
        with suppress(OSError), ExitStack() as stack:  # a handshake that the other side ends
            stack.callback(lambda: outside.close())  # noqa: PLW0108 - TLS puts another socket in its place
            self._connections.append(outside)
            if self._tls is not None:
                outside = self._begin(outside, self._tls)
                self._connections.append(outside)
            inside = stack.enter_context(
                socket.create_connection((self._parts.hostname or "", self._parts.port or 0))
            )
            self._connections.append(inside)
            back = threading.Thread(target=self._carry, args=(inside, outside), daemon=True)
            back.start()
            self._carry(outside, inside, is_heard=True)
            back.join()

    def _carry(self, source: socket.socket, target: socket.socket, *, is_heard: bool = False) -> None:
        with suppress(OSError):
            while chunk := source.recv(_CHUNK):
                if is_heard:
                    self.heard += chunk
                target.sendall(chunk)
            target.shutdown(socket.SHUT_RDWR)
