"""A TCP port in front of a server that a test opens and shuts."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from worker.local import ports

_CHUNK = 65536


class Door:
    """Shut at first: who knocks is refused at once. Shutting it again cuts every connection."""

    def __init__(self, host: str, port: int) -> None:
        """Choose a port that the kernel gives no client as its own while the door is shut."""
        self._behind = (host, port)
        self.port = ports.choose()
        self._server: socket.socket | None = None
        self._connections: list[socket.socket] = []
        self._changing = threading.Lock()
        self._counting = threading.Lock()
        self._remaining: int | None = None  # bytes that may still pass
        self._is_silent = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()

    def open(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def fall_silent_after(self, size: int) -> threading.Event:
        """Let so many more bytes of what the server says pass, then nothing, with the connections open."""
        self._remaining, self._is_silent = size, threading.Event()
        return self._is_silent

    def _may_pass(self, chunk: bytes) -> bytes:
        with self._counting:  # there is a thread for each connection
            if self._remaining is None:
                return chunk
            passed = chunk[: self._remaining]
            self._remaining -= len(passed)
            if self._remaining == 0:
                self._is_silent.set()
            return passed

    def shut(self) -> None:
        with self._changing:
            opened = [*self._connections, *([self._server] if self._server else [])]
            self._connections, self._server = [], None
        for one in opened:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                outside, _ = server.accept()
                inside = socket.create_connection(self._behind)
                with self._changing:
                    if self._server is not server:  # it was shut meanwhile
                        outside.close()
                        inside.close()
                        return
                    self._connections += [outside, inside]
                ways = ((outside, inside, bytes), (inside, outside, self._may_pass))
                for source, target, passing in ways:
                    threading.Thread(target=_carry, args=(source, target, passing), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket, passing: Callable[[bytes], bytes]) -> None:
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            target.sendall(passing(chunk))
        target.shutdown(socket.SHUT_WR)
