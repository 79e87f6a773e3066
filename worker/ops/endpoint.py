"""The three pages of a process: /metrics, /livez and /readyz, while BASKETRY_OPS_LISTEN names an address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, exposition
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from worker import logs
from worker.ops import commands, relaying, searching, ticking
from worker.ops.database_watch import DatabaseWatch
from worker.ops.gauges import WorkerGauges
from worker.ops.server import Answer, Server
from worker.ops.signs import ALIVE_WITHIN_SECONDS, Life, Signs
from worker.settings import Settings, SettingsError, host_and_port

Reasons = Callable[[], list[str]]

log = logs.get(__name__)


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """Who is seen."""

    role: str
    name: str
    slot: str = ""


@contextmanager
def serving(settings: Settings, who: Process, life: Life) -> Iterator[None]:
    """Serve the pages of this process meanwhile; raises SettingsError when nothing can listen there."""
    if not settings.ops_listen:
        yield
        return
    watch = DatabaseWatch(settings.database_url.get_secret_value(), who.name)
    registry = CollectorRegistry()
    for collector in collectors(who, life, watch):
        registry.register(collector)
    # A scheduler tells by its ticks whether it reaches the database.
    checks = (life.reasons, watch.reasons) if isinstance(life, Signs) else (life.reasons,)
    server = _listen(settings.ops_listen, registry, life, checks)
    server.start()
    watch.start()
    log.info("ops.ready", url=f"http://{settings.ops_listen}")
    try:
        yield
    finally:
        server.stop()
        watch.stop()


def collectors(who: Process, life: Life, watch: DatabaseWatch) -> list[Collector]:
    """List what a process of this kind shows."""
    disable_created_metrics()  # type: ignore[no-untyped-call] # they would double the page
    own: Sequence[Any] = (
        (WorkerGauges(life), *commands.COLLECTORS) if isinstance(life, Signs) else ticking.COLLECTORS
    )
    return [
        ProcessCollector(registry=None),
        _Info(who),
        watch,
        *relaying.COLLECTORS,
        *searching.COLLECTORS,
        *own,
    ]


def _listen(listen: str, registry: CollectorRegistry, life: Life, checks: Sequence[Reasons]) -> Server:
    host, port = host_and_port(listen)
    pages = {
        "/metrics": partial(_metrics, registry),
        "/livez": partial(_livez, life),
        "/readyz": partial(_readyz, checks),
    }
    try:
        return Server(host, port, pages)
    except OSError as error:
        raise SettingsError(
            f"BASKETRY_OPS_LISTEN is {listen}, but nothing can listen there: {error.strerror or error}."
        ) from error


class _Info(Collector):
    def __init__(self, who: Process) -> None:
        self._who = who

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "basketry_process_info",
            "Always 1; its labels say which process this is, and of which release.",
            labels=["version", "role", "name", "slot"],
        )
        family.add_metric([version("basketry"), self._who.role, self._who.name, self._who.slot], 1)
        yield family


def _metrics(registry: CollectorRegistry) -> Answer:
    return Answer(
        status=HTTPStatus.OK,
        media_type=exposition.CONTENT_TYPE_PLAIN_0_0_4,
        body=exposition.generate_latest(registry),
    )


def _livez(life: Life) -> Answer:
    silent = life.silent_seconds
    if silent <= ALIVE_WITHIN_SECONDS:
        return _json(HTTPStatus.OK, {"alive": True})
    why = f"The main loop has given no sign of life for {silent:.0f} s."
    return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"alive": False, "reasons": [why]})


def _readyz(checks: Sequence[Reasons]) -> Answer:
    reasons = [reason for check in checks for reason in check()]
    if reasons:
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"ready": False, "reasons": reasons})
    return _json(HTTPStatus.OK, {"ready": True})


def _json(status: HTTPStatus, said: dict[str, Any]) -> Answer:
    return Answer(status=status, media_type="application/json", body=msgspec.json.encode(said) + b"\n")
