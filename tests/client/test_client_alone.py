"""What another team installs: the contract and pika, without any of the service's dependencies."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from outside.claims import token
from outside.processes import WorkerProcess
from outside.stage import Stage
from outside.wire import unique

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
SOURCES = ("contracts", "worker", "scheduler", "pyproject.toml", "README.md", "LICENSE")
NOT_NEEDED = ["celery", "kombu", "amqp", "sqlalchemy", "psycopg", "alembic", "jwt", "structlog", "pydantic"]

TALK = """
import importlib.util, json, sys, threading
from contracts.client import Client

broker_url, token, basket, queue, *not_needed = sys.argv[1:]
heard = []
with Client(broker_url, token=token) as client, Client(broker_url) as listener:

    def on_event(event):
        heard.append(event)
        listener.stop()

    asked = {"target": listener.events, "args": (queue, "command.*"), "kwargs": {"on_event": on_event}}
    listening = threading.Thread(**asked)
    listening.start()
    answer = client.call("basket.create", basket)
    while listening.is_alive():  # its queue is bound at some moment
        client.publish("basket.update", basket, {"department": "Sales"})
        listening.join(0.2)
there = [name for name in not_needed if importlib.util.find_spec(name)]
json.dump({"status": answer.status, "heard": [event.type for event in heard], "there": there}, sys.stdout)
"""


def test_the_client_needs_nothing_of_the_service(stage: Stage, worker: WorkerProcess, tmp_path: Path) -> None:
    python = environment_with_the_client(tmp_path)
    arguments = [stage.broker_url, token(), unique("basket"), unique("results"), *NOT_NEEDED]
    said = run(python, "-I", "-c", TALK, *arguments, cwd=tmp_path)
    assert json.loads(said) == {"status": 201, "heard": ["command.completed"], "there": []}
    program = subprocess.run(
        [python.with_name("basketry")], capture_output=True, text=True, timeout=60, check=False
    )
    assert (program.returncode, program.stdout) == (1, "")
    assert program.stderr.startswith("`basketry` needs click, which is not installed here.")


def environment_with_the_client(folder: Path) -> Path:
    """Install as another team would, from a copy: building leaves its traces beside the sources."""
    source, environment = folder / "source", folder / "environment"
    source.mkdir()
    for name in SOURCES:
        if (REPOSITORY / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(REPOSITORY / name, source / name, ignore=ignored)
        else:
            shutil.copy(REPOSITORY / name, source)
    run(sys.executable, "-m", "venv", "--without-pip", str(environment))
    python = environment / "bin" / "python"
    constraints = str(REPOSITORY / "constraints.txt")
    run(
        *(sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"),
        *("install", "--quiet", f"{source}[client]", "--constraint", constraints),
    )
    return python


def run(*command: str | Path, cwd: Path | None = None) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=240, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
