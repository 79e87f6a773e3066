"""A small HTTP server in threads of its own: a few fixed pages, GET only.

Bounded in what requests may take (time, threads, bytes), and without a say in anything: who asks learns what
the process has told already.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

import msgspec

from worker import logs

_AT_ONCE = 8
_SECONDS_A_REQUEST = 5.0
_NOT_A_METHOD = HTTPStatus.NOT_IMPLEMENTED  # what the library says of every method that has no handler

log = logs.get(__name__)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    media_type: str
    body: bytes


Pages = Mapping[str, Callable[[], Answer]]


class Server(ThreadingMixIn, TCPServer):
    """Serves pages at an address; raises OSError when nothing can listen there."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64  # the library's 5 would have the sixth wait for a second

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.pages = pages
        self._open: dict[socket.socket, float] = {}
        self._opening = threading.Lock()
        super().__init__((host, port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, name="ops server", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - the library's
        """Take on so many requests at once; the rest are closed unread, and may come again."""
        with self._opening:
            if len(self._open) >= _AT_ONCE:
                return False
            self._open[request] = time.monotonic()
        return True

    def shutdown_request(self, request: Any) -> None:
        with self._opening:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cut off who takes too long to ask or to read; called twice a second."""
        with self._opening:
            before = time.monotonic() - _SECONDS_A_REQUEST
            slow = [request for request, since in self._open.items() if since < before]
        for request in slow:
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                log.debug("ops.gone", why=type(error).__name__)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's
        """Say nothing of a client that is gone: the library would print a traceback."""
        log.debug("ops.request_ended")


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = _SECONDS_A_REQUEST
    server_version = "basketry"
    sys_version = ""
    default_request_version = "HTTP/1.0"  # what cannot be read gets a status line, too

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            there = ", ".join(self.server.pages)
            self._answer(_sentence(HTTPStatus.NOT_FOUND, f"There is no such page: there are {there}."))
            return
        try:
            answer = page()
        except Exception as error:  # noqa: BLE001 - a defect of a page is not the process's end
            log.error("ops.failed", why=logs.where(error))  # noqa: TRY400
            answer = _sentence(HTTPStatus.INTERNAL_SERVER_ERROR, "The page could not be made.")
        self._answer(answer)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - the library's
        """Answer a request that cannot be read, without repeating any of it."""
        if code == _NOT_A_METHOD:
            self._answer(_sentence(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is answered."), Allow="GET")
        else:
            self._answer(_sentence(HTTPStatus(code), "The request cannot be read."))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's
        """Log nothing of a request: it comes every few seconds, and its path is the sender's."""

    def _answer(self, answer: Answer, **headers: str) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)


def _sentence(status: HTTPStatus, text: str) -> Answer:
    return Answer(status=status, media_type="text/plain; charset=utf-8", body=f"{text}\n".encode())
