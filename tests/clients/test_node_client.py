"""A client that shares nothing with us: Node.js, amqplib, and what contracts/README.md says.

The scripts in `node/` check what they are told and end with the first thing that is wrong; here they are run
against a worker, and it is checked that they have come to their end. Without node, npm or a registry this
skips on a laptop and fails in CI.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from outside.processes import WorkerProcess
from outside.stage import Management, Stage, fresh

from worker.local.servers import Servers

SCRIPTS = Path(__file__).parent / "node"
SHIP_TO = Path(__file__).parents[1] / "fixtures" / "intershop" / "ship-to.json"
INSTALLED_WITHIN_SECONDS = 120.0
DONE_WITHIN_SECONDS = 60.0
FLAGS = [
    "--no-package-lock",  # a lock file names a registry; the one dependency is pinned and has none itself
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",  # npm waits for a minute otherwise before it says that nobody is there
    "--fetch-retry-maxtimeout=3000",
]
NO_REGISTRY = re.compile(r"code (E50\d|E429|EAI_AGAIN|ENOTFOUND|ECONN\w+|ETIMEDOUT|ENETUNREACH|ENOTCACHED)")

CONVERSATION = [
    "connects",
    "opens the shop",
    "creates a basket",
    "sets the ship-to address",
    "adds items",
    "chooses a method, expecting a version",
    "reads the totals",
    "gets the same reply to the same message",
    "is told all that is wrong",
    "is refused a read without reply_to",
    "checks out",
    "hears of the order",
    "reads the order",
    "creates the basket again",
    "found every event well-formed",
    "heard one result event for each command",
    "heard versions without a gap",
]
TAKEN = [
    "no content type",
    "a charset after the content type",
    "a content encoding that is a charset",
    "a body of bytes",
    "a header that is undefined",
    "a header that is null",
    "a small integer, one byte on the wire",
    "the same integer in eight bytes",
    "the same integer without a sign",
    "a timestamp in milliseconds",
    "an exp with a fraction of a second",
    "letters beyond ASCII",
    "a Date there and back",
]
REFUSED = {
    "a version in a string": 400,
    "a version with a fraction": 400,
    "a version too large for an integer": 400,
    "a version as a double": 400,
    "a version that is true": 400,
    "a version from the future": 412,
    "a byte order mark": 400,
    "a body in UTF-16": 400,
    "a body in Latin-1": 400,
    "a body that is JSON twice": 400,
    "an object that became a text": 400,
    "a Buffer that became JSON": 400,
    "no body": 400,
    "null in a field": 400,
    "half an emoji": 400,
    "a number for a text": 400,
    "a text for a quantity": 400,
    "NaN, which is null in JSON": 400,
    "the sum of 0.1 and 0.2": 400,
    "a price in a string": 400,
    "no Bearer before the token": 401,
    "a content type for texts": 415,
}

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def unavailable(why: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the scripts beside their one dependency."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            unavailable(f"there is no {program} on the path")
    folder = tmp_path_factory.mktemp("clients") / "node"
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("node_modules"))
    try:
        install(folder)
    except subprocess.TimeoutExpired:
        unavailable("npm did not get the client's library in time")
    return folder


def install(folder: Path) -> None:
    """Skip only for want of a registry: a version that does not exist is a mistake of ours."""
    done = subprocess.run(
        ["npm", "install", *FLAGS],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALLED_WITHIN_SECONDS,
        check=False,
    )
    if found := NO_REGISTRY.search(done.stderr):
        unavailable(f"npm does not reach a registry: {found[1]}")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def run(installed: Path, stage: Stage, worker: WorkerProcess) -> Run:
    """Run a script on the stage; keyword arguments replace what its environment says."""

    def run(script: str, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        given = {"AMQP_URL": stage.broker_url, "JWT_SECRET": stage.environment["BASKETRY_JWT_SECRET"]}
        return subprocess.run(
            ["node", script, *map(str, arguments)],
            cwd=installed,
            env={**os.environ, **given, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=DONE_WITHIN_SECONDS,
            check=False,
        )

    return run


def lines(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    """Give what a script that came to its end has printed: its steps, then its summary."""
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.strip().split("\n")]


def test_a_client_that_knows_only_the_contract_holds_a_whole_conversation(run: Run, stage: Stage) -> None:
    *steps, summary = lines(run("conversation.mjs", SHIP_TO))
    assert [step["step"] for step in steps] == CONVERSATION
    assert summary == {"summary": "everything held", "steps": 17, "commands": 16, "events": 13}
    orders = stage.rows("select number from customer_order")
    assert [str(number) for (number,) in orders] == [steps[10]["number"]]
    assert stage.count("dead_letter") == 0


def test_what_javascript_does_by_itself_is_taken_or_refused_in_clear_words(run: Run) -> None:
    *steps, summary = lines(run("odd.mjs"))
    refused = {step["step"]: step["status"] for step in steps if step.get("status", 200) != 200}
    assert [step["step"] for step in steps if step["step"] not in refused] == TAKEN
    assert refused == REFUSED
    assert summary["steps"] == 35


def test_a_client_with_another_secret_is_told_why_nothing_works(run: Run) -> None:
    done = run("conversation.mjs", SHIP_TO, JWT_SECRET="another secret, as long as the right one is")
    assert done.returncode == 1
    assert "expected 204, got 401" in done.stderr
    assert "command.unauthorized.error" in done.stderr


def test_a_client_without_a_broker_ends_at_once(run: Run) -> None:
    done = run("conversation.mjs", SHIP_TO, AMQP_URL="amqp://127.0.0.1:1/")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "after step 0: connect ECONNREFUSED 127.0.0.1:1\n"


def test_a_client_that_nobody_answers_ends_at_its_deadline(run: Run, worker: WorkerProcess) -> None:
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        done = run("conversation.mjs", SHIP_TO, WITHIN_MS="2000")  # it has to connect in that time first
    finally:
        os.kill(worker.pid, signal.SIGCONT)
    assert done.returncode == 1
    assert done.stderr == "after step 1: the reply to channel.put: nothing within 2000 ms\n"


def test_a_client_whose_channel_is_closed_says_what_the_broker_said(
    run: Run, stage: Stage, servers: Servers
) -> None:
    """A vhost to which no worker has ever connected has no exchange for commands."""
    if Management.of(servers) is None:
        pytest.skip("only a broker of our own has a vhost without a worker")
    with fresh(servers) as empty:
        done = run("conversation.mjs", SHIP_TO, AMQP_URL=empty.broker_url)
    assert done.returncode == 1
    assert "404 (NOT-FOUND)" in done.stderr
    assert "basket.events" in done.stderr


def test_a_script_notices_when_a_fact_is_another(run: Run, tmp_path: Path) -> None:
    """The service shows an address without its empty fields: a script that expects them must say so."""
    body = json.loads(SHIP_TO.read_bytes())
    body["commonShipToAddress"]["addressLine2"] = ""
    changed = tmp_path / "ship-to.json"
    changed.write_text(json.dumps(body))
    done = run("conversation.mjs", changed)
    assert done.returncode == 1
    assert done.stderr.startswith("after step 3: the ship-to address: expected ")
