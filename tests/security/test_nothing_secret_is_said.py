"""No token, password, key or personal data in a log at DEBUG, an error message, a dead letter or a title."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from os import environ
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from outside.claims import SECRET, token
from outside.furnishing import HOME, elements
from outside.processes import Process, SchedulerProcess, WorkerProcess, scheduling, wait_for, working
from outside.shop import BENQ, open_shop, put
from outside.stage import Management, Stage
from outside.upstream import Upstream
from outside.wire import Message, command, unique

from worker.local import commands
from worker.store import tables

DEBUG = {"BASKETRY_LOG_LEVEL": "DEBUG"}
PASSWORD = "geheim-4711"
AWAY = {
    "BASKETRY_DATABASE_URL": f"postgresql://basketry:{PASSWORD}@127.0.0.1:1/basketry",
    "BASKETRY_BROKER_URL": f"amqp://basketry:{PASSWORD}@127.0.0.1:1/%2F",
}


class Confidant:
    """Sends what must not be repeated, and remembers it."""

    def __init__(self, upstream: Upstream, stage: Stage) -> None:
        self._upstream = upstream
        self.mark = unique("mark")
        self.tokens: list[str] = []
        self.secrets = [
            SECRET,
            *(str(urlsplit(url).password) for url in (stage.broker_url, stage.database_url)),
        ]

    @property
    def unsaid(self) -> list[str]:
        """Give the texts that are to be found nowhere; of a token, each of its parts."""
        parts = {part for one in self.tokens for part in one.split(".")[1:] if part}
        return [self.mark, *self.secrets, *parts]

    def ask(
        self, type_: str, key: str, body: object = None, *, bearing: str | None = None, **options: object
    ) -> int:
        bearer = self.token() if bearing is None else bearing
        headers = {"authorization": f"Bearer {bearer}"}
        return self._upstream.ask(type_, key, body, headers=headers, **options).status

    def token(self, **claims: object) -> str:
        self.tokens.append(token("patricia", jti=unique("jti"), **claims))
        return self.tokens[-1]

    def token_of_another_make(self) -> str:
        """Give one whose header is not written as tightly as ours."""
        header = base64.urlsafe_b64encode(b'{\n  "alg": "HS256"}').rstrip(b"=").decode()
        self.tokens.append(f"{header}.{self.token().partition('.')[2]}")
        return self.tokens[-1]

    def send(self, message: Message) -> None:
        self._upstream.send(message)


@pytest.fixture(scope="module")
def worker(stage: Stage, folder: Path) -> Iterator[WorkerProcess]:
    with working(stage, "worker", folder, **DEBUG) as worker:
        yield worker


@pytest.fixture(scope="module")
def scheduler(stage: Stage, folder: Path, worker: WorkerProcess) -> Iterator[SchedulerProcess]:
    with scheduling(stage, "scheduler", folder, **DEBUG) as scheduler:
        yield scheduler


@pytest.fixture
def confidant(stage: Stage, upstream: Upstream, scheduler: SchedulerProcess) -> Confidant:
    return Confidant(upstream, stage)


def entrust(confidant: Confidant, stage: Stage, upstream: Upstream) -> None:
    """Say everything that a person and their tokens may say, well and badly."""
    open_shop(upstream, recurringOrdersEnabled=True)
    ask, mark, key = confidant.ask, confidant.mark, unique("basket")
    address = {**HOME, "lastName": mark, "email": f"{mark}@example.org"}
    assert ask("basket.create", key) == 201
    assert ask("basket.item.add", key, elements(BENQ)) == 201
    assert ask("basket.update", key, {"invoiceToAddress": address, "department": mark}) == 200
    assert ask("basket.update", key, {"commonShipToAddress": {**address, "city": ""}}) == 400
    assert ask("basket.update", key, {"nothing": mark}) == 400
    assert ask("basket.update", key, f'{{"department": "{mark}'.encode()) == 400
    assert ask("basket.update", key, f"<Basket><a>{mark}".encode(), content_type="application/xml") == 400
    ((now,),) = stage.rows("select now() + interval '1 second'")
    assert ask("basket.update", key, {"recurrence": {"startDate": now.isoformat(), "interval": "P1Y"}}) == 200
    for bad in (confidant.token(exp=1), confidant.token(secret=f"another {SECRET}"), f"x.{mark}.y", mark):
        assert ask("basket.get", key, bearing=bad) == 401
    for owner in (confidant.token(exp=1), confidant.token(anonymous=True), mark):
        assert ask("basket.update", key, {"newOwnerAuthenticationToken": owner}) == 400
    confidant.send(
        command("no.such", key, {"a": mark}, headers={"authorization": f"Bearer {confidant.token()}"})
    )
    confidant.send(command("no.such", key, message_id=None, headers={"authorization": [confidant.token()]}))
    confidant.send(command("no.such", key, headers={"Authorization": f"Bearer {confidant.token()}"}))
    body = {"newOwnerAuthenticationToken": confidant.token()}
    confidant.send(command("no.such", key, body, headers={"x": {"y": [confidant.token()]}}))
    confidant.send(command("no.such", key, f"<a b='{confidant.token()}'>".encode(), app_id=confidant.token()))
    confidant.send(command("no.such", key, {"token": confidant.token_of_another_make()}))
    sku = unique("sku")
    put(
        upstream,
        "product.put",
        sku,
        {"name": "Mouse", "price": {"currencyMnemonic": "USD", "value": 1}, "taxRate": 0},
    )
    stage.rows("update reference set document = '[]' where id = %s", sku)
    assert ask("basket.item.add", key, elements(sku)) == 500
    assert ask("basket.update", key, {"newOwnerAuthenticationToken": confidant.token(email=mark)}) == 200
    wait_for(lambda: bool(stage.rows("select 1 from customer_order where basket_id = %s", key)))


@pytest.mark.slow
def test_what_is_entrusted_is_neither_logged_nor_kept_where_it_need_not_be(
    confidant: Confidant, stage: Stage, upstream: Upstream, worker: WorkerProcess, scheduler: SchedulerProcess
) -> None:
    entrust(confidant, stage, upstream)
    wait_for(lambda: stage.count("dead_letter") == 7)
    wait_for(lambda: not stage.rows("select 1 from outbox where published_at is null"))
    assert '"level": "debug"' in worker.log
    assert "command.parked" in worker.log
    for process in (worker, scheduler):
        assert said(process.log, confidant.unsaid) == []
    kept = {table: str(stage.rows(f"select t::text from {table} t")) for table in tables.metadata.tables}
    kept["bodies"] = str(stage.rows("select encode(body, 'escape') from dead_letter"))
    assert confidant.mark in kept["basket"]
    assert confidant.mark in kept["bodies"]  # a message is kept whole, but for tokens
    for text in kept.values():
        assert said(text, [one for one in confidant.unsaid if one != confidant.mark]) == []


@pytest.mark.slow
def test_no_name_that_the_servers_show_says_a_secret(
    stage: Stage,
    worker: WorkerProcess,
    scheduler: SchedulerProcess,
    management: Management,
    confidant: Confidant,
) -> None:
    wait_for(lambda: bool(management.call("GET", f"vhosts/{stage.vhost}/connections")))
    shown = json.dumps(management.call("GET", f"vhosts/{stage.vhost}/connections"))
    shown += str(stage.rows("select application_name from pg_stat_activity"))
    for process in (worker, scheduler):
        shown += (
            Path(f"/proc/{process.pid}/cmdline").read_text() + Path(f"/proc/{process.pid}/comm").read_text()
        )
    assert "basketry worker" in shown
    assert said(shown, confidant.unsaid) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", [WorkerProcess, SchedulerProcess])
def test_servers_that_are_away_or_refuse_the_login_cost_no_password(
    stage: Stage, folder: Path, kind: type[Process]
) -> None:
    for name, changed in {"away": AWAY, "refused": _with_wrong_passwords(stage)}.items():
        process = kind(stage, f"{kind.role}-{name}", folder, **DEBUG, **changed)
        try:
            wait_for(partial(has_met_refusals, process))
            assert "Traceback" not in process.log
            assert said(process.log, [PASSWORD, SECRET]) == []
        finally:
            process.dismiss()


def has_met_refusals(process: Process) -> bool:
    return "refused" in process.log and "sweep.postponed" in process.log


def _with_wrong_passwords(stage: Stage) -> dict[str, str]:
    return {
        name: str(url).replace(str(urlsplit(url).password), PASSWORD)
        for name, url in stage.environment.items()
        if name.endswith("_URL")
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [["migrate"], ["orders"], ["recurrences"], ["history", "x"], ["send", "basket.get", "--key", "x"]],
)
def test_a_command_without_servers_says_no_password(
    stage: Stage, tmp_path: Path, arguments: list[str]
) -> None:
    ended = basketry(*arguments, environment={**stage.environment, **AWAY}, state_dir=tmp_path)
    assert ended.returncode != 0
    assert said(ended.stdout + ended.stderr, [PASSWORD, SECRET]) == []


@pytest.mark.parametrize(
    "arguments", [["--help"], ["worker", "--help"], ["send", "--help"], ["token", "--help"]]
)
def test_help_shows_the_names_of_settings_and_not_their_values(arguments: list[str], tmp_path: Path) -> None:
    shown = basketry(
        *arguments,
        environment={**AWAY, "BASKETRY_JWT_SECRET": SECRET, "BASKETRY_TOKEN": PASSWORD},
        state_dir=tmp_path,
    )
    assert shown.returncode == 0
    assert said(shown.stdout, [PASSWORD, SECRET]) == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://u:geheim@h:1/v", "amqp://u:***@h:1/v"),
        ("amqp://u:ge:heim@h:1/v", "amqp://u:***@h:1/v"),
        ("amqp://u:ge@heim@h:1/v", "amqp://u:***@h:1/v"),
        ("amqp://u:ge/geheim@h:1/v", "unreadable"),
        ("postgresql://u@h/d?password=geheim", "postgresql://u@h/d"),
        ("postgresql://u:1?geheim@h/d", "unreadable"),
        ("amqp://u:geheim℀@h", "unreadable"),
        ("amqp://h:1/v", "amqp://h:1/v"),
        (None, "unknown"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str | None, shown: str) -> None:
    assert commands.masked(url) == shown


def basketry(
    *arguments: str, environment: Mapping[str, str], state_dir: Path
) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in environ.items() if not name.startswith("BASKETRY_")}
    return subprocess.run(
        [sys.executable, "-m", "worker.cli", *arguments],
        env={**inherited, **environment, "BASKETRY_STATE_DIR": str(state_dir)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def said(text: str, secrets: list[str]) -> list[str]:
    """Give which secrets are in a text, and where."""
    found = [(secret, text.find(secret)) for secret in secrets if secret in text]
    return [f"{secret}: …{text[max(0, place - 200) : place + 100]}…" for secret, place in found]
