"""An address that nothing can listen at: the process says so and ends, before any work."""

import os
import socket
import subprocess
import sys

import pytest
from outside.claims import SECRET

NOWHERE = {
    "BASKETRY_DATABASE_URL": "postgresql://basketry:geheim@127.0.0.1:1/basketry",
    "BASKETRY_BROKER_URL": "amqp://basketry:geheim@127.0.0.1:1/%2F",
    "BASKETRY_JWT_SECRET": SECRET,
}


@pytest.mark.parametrize("role", ["worker", pytest.param("scheduler", marks=pytest.mark.slow)])
def test_a_process_whose_port_is_taken_says_so_and_exits(role: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = ended_with(role, listen)
    assert ended.returncode == 1
    assert f"BASKETRY_OPS_LISTEN is {listen}, but nothing can listen there: Address already in use." in (
        ended.stderr
    )
    assert "Traceback" not in ended.stderr
    assert "geheim" not in ended.stderr


@pytest.mark.slow
def test_an_address_of_another_machine_is_said_to_be_none_of_ours() -> None:
    ended = ended_with("scheduler", "192.0.2.1:9464")  # RFC 5737: nobody's
    assert ended.returncode == 1
    assert "BASKETRY_OPS_LISTEN is 192.0.2.1:9464, but nothing can listen there: " in ended.stderr


def ended_with(role: str, listen: str) -> "subprocess.CompletedProcess[str]":
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BASKETRY_")}
    return subprocess.run(
        [sys.executable, "-m", "worker.cli", role, "--name", "a-process"],
        env={**inherited, **NOWHERE, "BASKETRY_OPS_LISTEN": listen},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
