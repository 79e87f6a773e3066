from pathlib import Path

import pytest
from command_line import CommandLine

from worker.local import rabbitmq_package
from worker.local.child import LocalStackError

UNREACHABLE = {
    "BASKETRY_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
    "BASKETRY_BROKER_URL": "amqp://nobody@127.0.0.1:1/%2F",
}


@pytest.mark.slow
def test_a_stack_that_cannot_come_up_says_why_and_leaves_nothing_behind(tmp_path: Path) -> None:
    basketry = CommandLine(state_dir=tmp_path / "state", settings=UNREACHABLE)
    ended = basketry("up", "--detach", "--workers", "0", "--schedulers", "0")
    assert ended.returncode == 1
    assert "The migrations failed" in ended.stderr
    assert basketry.status()["processes"] == []


@pytest.mark.slow
def test_in_the_foreground_it_says_so_too(tmp_path: Path) -> None:
    basketry = CommandLine(state_dir=tmp_path / "state", settings=UNREACHABLE)
    ended = basketry("up", "--workers", "0", "--schedulers", "0")
    assert ended.returncode == 1
    assert ended.stderr.count("The migrations failed") == 1


def test_without_a_stack_every_command_says_so(tmp_path: Path) -> None:
    basketry = CommandLine(state_dir=tmp_path / "state")
    assert "No stack runs" in basketry("status").stdout
    assert "No stack runs" in basketry("down").stdout
    assert "No stack runs" in basketry("env").stderr
    assert not (tmp_path / "state").exists()


def test_a_machine_without_rabbitmq_and_apt_gets_one_paragraph_of_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(LocalStackError, match="BASKETRY_BROKER_URL") as error:
        rabbitmq_package.provide()
    assert "\n" not in str(error.value)


def test_an_installed_broker_is_taken_as_it_is_unless_it_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rabbitmq_package, "INSTALLED", (tmp_path,))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("erl", "epmd"):
        (tmp_path / name).write_text("#!/bin/sh\n", encoding="ascii")
        (tmp_path / name).chmod(0o755)
    for version in ("3.9.27", "3.12.1", "4.0.5"):
        home = tmp_path / f"rabbitmq_server-{version}"
        (home / "sbin").mkdir(parents=True)
        (home / "sbin" / "rabbitmq-env").touch()
        (home / "plugins" / f"rabbit-{version}").mkdir(parents=True)
    found = rabbitmq_package.provide()
    assert found.sbin == tmp_path / "rabbitmq_server-4.0.5" / "sbin"
    assert found.epmd == tmp_path / "epmd"
