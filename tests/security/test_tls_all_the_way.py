"""Worker, scheduler and command line behind TLS on both sides: a command in, its event and an order's out."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from authority import Authority
from front import Front, when_asked
from outside.claims import token
from outside.furnishing import elements
from outside.listener import Listener
from outside.processes import SchedulerProcess, WorkerProcess, scheduling, wait_for, working
from outside.shop import BENQ, open_shop
from outside.stage import Management, Stage
from outside.upstream import Upstream
from outside.wire import SHOP, unique

from worker.local import ports
from worker.local.servers import Servers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def listener_url(servers: Servers, stage: Stage, ours: Authority) -> Iterator[str]:
    """Have the session's RabbitMQ itself listen for TLS, and ask for a certificate of ours."""
    node = servers.rabbitmq
    if node is None:
        pytest.skip("the environment names another broker")
    pair, port = ours.certify("localhost"), ports.choose(None)
    files = f'{{cacertfile,"{ours.file}"}},{{certfile,"{pair.certificate}"}},{{keyfile,"{pair.key}"}}'
    verified = "{verify,verify_peer},{fail_if_no_peer_cert,true}"
    where = f'{{"127.0.0.1",{port}}}'
    start = f"rabbit_networking:start_ssl_listener({where},[{files},{verified}],1)."
    node.rabbitmqctl("eval", f"rabbit_networking:ensure_ssl(), {start}")
    parts = urlsplit(stage.broker_url)
    login, _, _ = parts.netloc.rpartition("@")
    yield parts._replace(scheme="amqps", netloc=f"{login}@localhost:{port}").geturl()
    node.rabbitmqctl("eval", f"rabbit_networking:stop_tcp_listener({where}).")


@pytest.fixture(scope="module")
def behind_tls(stage: Stage, ours: Authority, listener_url: str) -> Iterator[dict[str, str]]:
    """Give the settings of a process that speaks TLS to both servers."""
    shown = ours.certify("worker.example")
    with Front(stage.database_url, ours.certify("localhost").context, when_asked) as front:
        yield {
            "BASKETRY_BROKER_URL": listener_url,
            "BASKETRY_BROKER_CA_FILE": str(ours.file),
            "BASKETRY_BROKER_CERTIFICATE_FILE": str(shown.certificate),
            "BASKETRY_BROKER_KEY_FILE": str(shown.key),
            "BASKETRY_DATABASE_URL": f"{front.url('postgresql')}?sslmode=verify-full&sslrootcert={ours.file}",
        }


@pytest.fixture(scope="module")
def worker(stage: Stage, folder: Path, behind_tls: dict[str, str]) -> Iterator[WorkerProcess]:
    with working(stage, "worker", folder, **behind_tls) as worker:
        yield worker


@pytest.fixture(scope="module")
def scheduler(stage: Stage, folder: Path, behind_tls: dict[str, str]) -> Iterator[SchedulerProcess]:
    with scheduling(stage, "scheduler", folder, **behind_tls) as scheduler:
        yield scheduler


def encrypted(management: Management, vhost: str) -> list[bool]:
    """Tell of each connection of worker and scheduler, if the broker's books have it whole, whether it is."""
    connections = management.call("GET", f"vhosts/{vhost}/connections")
    told = [(one.get("client_properties") or {}, one.get("ssl")) for one in connections]
    return [ssl for properties, ssl in told if properties.get("product") == "py-amqp" and ssl is not None]


def test_a_basket_is_made_and_its_standing_order_placed(
    stage: Stage,
    worker: WorkerProcess,
    scheduler: SchedulerProcess,
    upstream: Upstream,
    events: Listener,
    management: Management,
) -> None:
    open_shop(upstream, recurringOrdersEnabled=True)
    key = unique("basket")
    assert upstream.ask("basket.create", key).status == 201
    assert upstream.ask("basket.item.add", key, elements(BENQ)).status == 201
    ((now,),) = stage.rows("select now()")
    due_at = (now + timedelta(seconds=1)).isoformat()
    recurrence = {"startDate": due_at, "interval": "P1Y", "repetitions": 1}
    assert upstream.ask("basket.update", key, {"recurrence": recurrence}).status == 200
    awaited = {"order.placed", "recurrence.expired"}
    assert events.until(lambda: awaited <= {one.type for one in events.by_key()[key]})
    looks = [encrypted(management, stage.vhost)]
    # Of commands, replies, events, the sweep; and the books may be seconds late.
    wait_for(lambda: len(looks[-1]) >= 4 or looks.append(encrypted(management, stage.vhost)))
    assert set(looks[-1]) == {True}


def test_a_command_is_sent_from_the_command_line(
    worker: WorkerProcess, behind_tls: dict[str, str], stage: Stage, tmp_path: Path
) -> None:
    options = ["--key", unique("basket"), "--token", token(), "--channel", SHOP, "--state-dir", str(tmp_path)]

    def send(**changed: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BASKETRY_")}
        return subprocess.run(
            [sys.executable, "-m", "worker.cli", "send", "basket.create", *options],
            env={**inherited, **stage.environment, **behind_tls, **changed},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    sent = send()
    assert (sent.returncode, sent.stdout.split()[0]) == (0, "201"), sent.stderr
    assert json.loads(sent.stdout.partition("\n")[2])
    refused = send(BASKETRY_BROKER_URL=behind_tls["BASKETRY_BROKER_URL"].replace("localhost", "127.0.0.1"))
    assert refused.returncode == 2
    assert "certificate is not valid for '127.0.0.1'" in refused.stderr


def test_a_worker_that_distrusts_the_broker_says_so_and_goes_on_trying(
    stage: Stage, folder: Path, behind_tls: dict[str, str], nobodys: Authority
) -> None:
    distrusting = {**behind_tls, "BASKETRY_BROKER_CA_FILE": str(nobodys.file)}
    worker = WorkerProcess(stage, "distrusting", folder, **distrusting)
    try:
        wait_for(lambda: "certificate verify failed" in worker.log)
        assert worker.is_alive
        password = urlsplit(stage.broker_url).password
        assert password
        assert password not in worker.log
    finally:
        worker.dismiss()
