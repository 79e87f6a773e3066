"""The server of the pages: what it answers, what it refuses, and that nobody can keep it busy."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from outside.processes import wait_for
from outside.scraping import Pages

from worker.local import ports
from worker.ops.server import Answer, Server

PAGE = Answer(status=200, media_type="text/plain", body=b"here\n")


def broken() -> Answer:
    raise LookupError("patricia")


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    port = ports.choose()
    server = Server("127.0.0.1", port, {"/page": lambda: PAGE, "/broken": broken})
    server.start()
    yield Pages(port=port)
    server.stop()


def said(pages: Pages, request: bytes) -> bytes:
    """Send bytes and give all that comes back until the connection is closed."""
    with socket.create_connection(("127.0.0.1", pages.port), timeout=10) as asking:
        asking.sendall(request)
        return b"".join(iter(lambda: asking.recv(65_536), b""))


def test_a_page_is_given_with_its_status_and_type(pages: Pages) -> None:
    assert pages.get("/page") == (200, "text/plain", b"here\n")
    assert pages.get("/page?of=today") == (200, "text/plain", b"here\n")


@pytest.mark.parametrize("path", ["/", "/page/", "/PAGE", "/%70age", "/../page", "/etc/passwd"])
def test_every_other_path_is_404_and_the_pages_are_named(pages: Pages, path: str) -> None:
    status, _, body = pages.get(path)
    assert (status, body) == (404, b"There is no such page: there are /page, /broken.\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_only_get_is_answered(pages: Pages, method: str) -> None:
    answer = said(pages, f"{method} /page HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.0 405 ")
    assert b"\r\nAllow: GET\r\n" in answer
    assert answer.endswith(b"Only GET is answered.\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /page HTTP/x\r\n\r\n", 400),
        (b"GET /page HTTP/9.0\r\n\r\n", 505),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /page HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /page HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"<script>alert(1)</script> HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_a_bad_request_gets_a_sentence_that_repeats_nothing_of_it(
    pages: Pages, request_: bytes, status: int
) -> None:
    answer = said(pages, request_)
    assert answer.split(b" ")[1] == str(status).encode()
    assert answer.endswith(b"The request cannot be read.\n")
    assert b"script" not in answer
    assert pages.get("/page")[0] == 200


def test_the_answer_does_not_say_what_it_is_made_with(pages: Pages) -> None:
    assert b"Python" not in said(pages, b"GET /page HTTP/1.1\r\n\r\n")


def test_a_page_that_breaks_is_a_sentence_and_the_others_go_on(pages: Pages) -> None:
    assert pages.get("/broken") == (500, "text/plain; charset=utf-8", b"The page could not be made.\n")
    assert pages.get("/page")[0] == 200


def test_a_client_that_goes_away_at_once_disturbs_nobody(pages: Pages) -> None:
    for _ in range(20):
        socket.create_connection(("127.0.0.1", pages.port)).close()
    wait_for(lambda: answers(pages))


@pytest.mark.slow
def test_clients_that_never_finish_asking_are_cut_off(pages: Pages) -> None:
    with ExitStack() as open_:
        slow = [
            open_.enter_context(socket.create_connection(("127.0.0.1", pages.port), timeout=20))
            for _ in range(30)
        ]
        for one in slow:
            one.sendall(b"GET /pa")
        wait_for(lambda: not answers(pages))
        wait_for(lambda: answers(pages), seconds=12)
        assert slow[0].recv(1) == b""


def answers(pages: Pages) -> bool:
    try:
        return pages.get("/page")[0] == 200
    except OSError:
        return False


def test_a_port_that_is_taken_is_an_error_at_once(pages: Pages) -> None:
    with pytest.raises(OSError, match="in use"):
        Server("127.0.0.1", pages.port, {})
