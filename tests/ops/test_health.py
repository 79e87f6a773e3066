"""The two questions of a load balancer, asked over HTTP of a process whose clock the test holds."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from outside.scraping import Pages

from worker.local import ports
from worker.ops import endpoint
from worker.ops.signs import Life, Signs, Ticks
from worker.settings import Settings

NOWHERE = {
    "database_url": "postgresql://basketry:geheim@127.0.0.1:1/basketry",
    "broker_url": "amqp://basketry:geheim@127.0.0.1:1/%2F",
    "jwt_secret": "geheim " * 8,
}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def served(life: Life, listen: str | None = None) -> Iterator[Pages]:
    pages = Pages(port=ports.choose())
    chosen = Settings(**NOWHERE, ops_listen=pages.listen if listen is None else listen)
    with endpoint.serving(chosen, endpoint.Process(role="worker", name="a"), life):
        yield pages


def worker_loop(clock: Clock) -> tuple[Life, Callable[[], None]]:
    signs = Signs(clock)
    return signs, signs.alive


def scheduler_loop(clock: Clock) -> tuple[Life, Callable[[], None]]:
    ticks = Ticks(clock)

    def tick_in_both_lanes() -> None:
        ticks.orders.ticked()
        ticks.data_orders.ticked()

    return ticks, tick_in_both_lanes


@pytest.mark.parametrize("loop", [worker_loop, scheduler_loop])
def test_a_main_loop_may_be_silent_for_150_seconds(
    loop: Callable[[Clock], tuple[Life, Callable[[], None]]], clock: Clock
) -> None:
    life, come_round = loop(clock)
    with served(life) as pages:
        clock.now += 150
        assert pages.asked("/livez") == (200, {"alive": True})
        clock.now += 1
        why = "The main loop has given no sign of life for 151 s."
        assert pages.asked("/livez") == (503, {"alive": False, "reasons": [why]})
        come_round()
        assert pages.asked("/livez") == (200, {"alive": True})


def test_alive_but_not_consuming_is_not_ready(clock: Clock) -> None:
    signs = Signs(clock)
    with served(signs) as pages:
        assert pages.asked("/livez")[0] == 200
        status, said = pages.asked("/readyz")
        assert (status, said["ready"]) == (503, False)
        assert said["reasons"] == [
            "The worker has not subscribed to its queues yet.",
            "The database has not been seen yet.",
        ]
        signs.consuming(8)
        assert pages.reasons == ["The database has not been seen yet."]


def test_a_scheduler_that_has_ticked_needs_no_other_look_at_the_database(clock: Clock) -> None:
    ticks = Ticks(clock)
    with served(ticks) as pages:
        ticks.orders.ticked()
        ticks.data_orders.ticked()
        assert pages.asked("/readyz") == (200, {"ready": True})
        assert pages.value("basketry_database_up") == 0


def test_no_page_says_where_the_servers_are_or_how_to_get_in(clock: Clock) -> None:
    with served(Signs(clock)) as pages:
        shown = b"".join(pages.get(path)[2] for path in ("/metrics", "/livez", "/readyz", "/"))
        assert b"geheim" not in shown
        assert b"127.0.0.1:1/" not in shown


def test_nothing_listens_unless_it_is_said_where(clock: Clock) -> None:
    with served(Signs(clock), listen="") as pages, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", pages.port))


def test_an_ipv6_address_serves_as_well(clock: Clock) -> None:
    port = ports.choose()
    with served(Signs(clock), listen=f"[::1]:{port}"), socket.create_connection(("::1", port)) as asking:
        asking.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        assert asking.recv(20).startswith(b"HTTP/1.0 200 ")


def test_the_port_is_free_again_when_the_process_has_ended(clock: Clock) -> None:
    with served(Signs(clock)) as pages:
        pass
    with socket.create_server(("127.0.0.1", pages.port)):
        pass
