import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from command_line import CommandLine
from outside.processes import ended

from worker.local import files, rabbitmq_package, state, waiting
from worker.local.pids import Identity

pytestmark = pytest.mark.slow  # a whole stack goes up and down

ROLES_WITHOUT_WORKERS = {"postgres", "rabbitmq", "supervisor"}


def in_time(condition: Callable[[], bool]) -> bool:
    """Wait for a condition; a broker that comes back beside much else takes its time."""
    return waiting.until(condition, seconds=90)


def everything(basketry: CommandLine) -> list[Identity]:
    """Identify all processes of the stack, those that `status` does not list too."""
    stack = state.read(basketry.state_dir)
    assert stack is not None
    found = [record.identity for record in (*stack.processes, stack.supervisor)]
    return [identity for identity in found if identity is not None]


def bring_up(stack: CommandLine) -> CommandLine:
    """Have it up before each test, whatever the one before has done to it."""
    if not stack.is_up:
        ended = stack("up", "--detach", "--workers", "0", "--schedulers", "0")
        if rabbitmq_package.HOW_TO_GET_ONE in ended.stderr and not os.environ.get("CI"):
            pytest.skip(ended.stderr)
        assert ended.returncode == 0, ended.stderr
    return stack


@pytest.fixture
def basketry(whole_stack: CommandLine) -> CommandLine:
    return bring_up(whole_stack)


@pytest.fixture(scope="module")
def folder_of_half(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    folder = tmp_path_factory.mktemp("half") / ".basketry"
    stack = CommandLine(state_dir=folder, settings={"BASKETRY_BROKER_URL": "amqp://elsewhere/%2F"})
    yield stack
    stack("down", "--wipe")


@pytest.fixture
def half_a_stack(folder_of_half: CommandLine) -> CommandLine:
    """Have a stack that needs no broker of its own: up and down in a second."""
    return bring_up(folder_of_half)


def test_status_names_every_process_and_both_addresses(basketry: CommandLine) -> None:
    summary = basketry.status()
    assert set(summary) == {"processes", "urls"}
    assert {one["role"] for one in summary["processes"]} == ROLES_WITHOUT_WORKERS
    assert {one["state"] for one in summary["processes"]} == {"ready"}
    assert all(Path(f"/proc/{one['pid']}").exists() for one in summary["processes"])
    assert summary["urls"]["database"].startswith("postgresql://")
    assert summary["urls"]["broker"].startswith("amqp://")
    assert basketry("status").returncode == 0


def test_the_table_shows_no_password(basketry: CommandLine) -> None:
    password = psycopg.conninfo.conninfo_to_dict(basketry.status()["urls"]["database"])["password"]
    shown = basketry("status").stdout
    assert str(password) not in shown
    assert "basketry:***@127.0.0.1" in shown


def test_a_second_up_says_so_and_leaves_the_first_alone(basketry: CommandLine) -> None:
    before = everything(basketry)
    for arguments in (("up",), ("up", "--detach")):
        ended = basketry(*arguments)
        assert ended.returncode == 0
        assert "already" in ended.stdout
    assert everything(basketry) == before


def test_a_shell_can_read_the_settings(basketry: CommandLine) -> None:
    printed = basketry("env").stdout
    shell = subprocess.run(
        ["sh", "-euc", printed + 'printf "%s\\n" "$BASKETRY_DATABASE_URL" "$BASKETRY_JWT_SECRET"'],
        capture_output=True,
        text=True,
        check=True,
    )
    settings = state.environment(basketry.state_dir)
    assert shell.stdout.splitlines() == [settings["BASKETRY_DATABASE_URL"], settings["BASKETRY_JWT_SECRET"]]
    assert set(settings) == {"BASKETRY_BROKER_URL", "BASKETRY_DATABASE_URL", "BASKETRY_JWT_SECRET"}


def test_a_postgres_that_is_killed_comes_back_at_its_address_with_its_data(basketry: CommandLine) -> None:
    url = basketry.status()["urls"]["database"]
    with psycopg.connect(url) as connection:
        connection.execute("create table if not exists survivor (id int)")
    killed = basketry.pid("postgres")
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert in_time(lambda: basketry.pid("postgres") not in (None, killed))
    assert in_time(lambda: basketry.is_up)
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from survivor").fetchone() == (0,)
    assert f"postgres pid={killed} ended, exit code -9. next try in" in basketry.log()


def test_a_broker_and_its_port_mapper_that_are_killed_come_back(basketry: CommandLine) -> None:
    stack = state.read(basketry.state_dir)
    assert stack is not None
    killed = {one.name: one.identity for one in stack.processes if one.role in ("rabbitmq", "epmd")}
    for identity in killed.values():
        assert identity is not None
        identity.send(signal.SIGKILL)
    assert in_time(lambda: not any(one in everything(basketry) for one in killed.values()))
    assert in_time(lambda: basketry.is_up)


def test_down_leaves_no_process_behind(basketry: CommandLine) -> None:
    before = everything(basketry)
    assert len(before) == len(ROLES_WITHOUT_WORKERS) + 1  # and epmd
    ended = basketry("down")
    assert ended.returncode == 0, ended.stderr
    assert not any(identity.is_alive for identity in before)
    assert basketry.status() == {"processes": [], "urls": {"database": None, "broker": None}}
    assert basketry("status").returncode == 1
    assert basketry("env").returncode == 1
    assert basketry("down").returncode == 0


def test_up_after_a_killed_supervisor_ends_what_it_left_behind(half_a_stack: CommandLine) -> None:
    before = everything(half_a_stack)
    settings = state.environment(half_a_stack.state_dir)
    supervisor = half_a_stack.pid("supervisor")
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    assert in_time(lambda: not half_a_stack.is_up)
    assert {one["state"] for one in half_a_stack.status()["processes"] if one["role"] == "supervisor"} == {
        "stopped"
    }
    assert half_a_stack("up", "--detach", "--workers", "0", "--schedulers", "0").returncode == 0
    assert not any(identity.is_alive for identity in before)
    assert state.environment(half_a_stack.state_dir) == settings


def test_a_stack_whose_folder_is_deleted_ends_and_a_new_one_can_take_its_place(
    half_a_stack: CommandLine,
) -> None:
    before = everything(half_a_stack)
    assert in_time(lambda: deleted(half_a_stack.state_dir))
    assert half_a_stack("up", "--detach", "--workers", "0", "--schedulers", "0").returncode == 0
    assert in_time(lambda: not any(identity.is_alive for identity in before))
    assert half_a_stack.is_up


def deleted(folder: Path) -> bool:
    """Delete a folder in which somebody may write or delete at the same moment."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def test_two_who_bring_it_up_at_once_share_one_stack(half_a_stack: CommandLine) -> None:
    half_a_stack("down")
    with ThreadPoolExecutor() as both:
        ended = list(
            both.map(
                lambda _: half_a_stack("up", "--detach", "--workers", "0", "--schedulers", "0"), range(2)
            )
        )
    assert [one.returncode for one in ended] == [0, 0], [one.stderr for one in ended]
    assert half_a_stack.is_up


@pytest.mark.parametrize(
    "blocked",
    [set(), {signal.SIGINT}],
    ids=["as usual", "blocked by who started it"],
)
def test_ctrl_c_in_the_foreground_takes_everything_down(
    half_a_stack: CommandLine, blocked: set[signal.Signals]
) -> None:
    half_a_stack("down")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        foreground = half_a_stack.begin("up", "--workers", "0", "--schedulers", "0")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    with ended(foreground):
        assert in_time(lambda: half_a_stack.is_up)
        before = everything(half_a_stack)
        foreground.send_signal(signal.SIGINT)
        assert foreground.wait(30) == 0
    assert not any(identity.is_alive for identity in before)


def test_down_after_a_killed_supervisor_ends_what_it_left_behind(half_a_stack: CommandLine) -> None:
    before = everything(half_a_stack)
    supervisor = half_a_stack.pid("supervisor")
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    ended = half_a_stack("down")
    assert ended.returncode == 0, ended.stderr
    assert not any(identity.is_alive for identity in before)


def test_a_log_that_has_grown_large_is_turned_over_while_it_is_written_to(basketry: CommandLine) -> None:
    log_file = basketry.state_dir / "log" / "rabbitmq.log"
    old = log_file.with_suffix(".log.old")
    with log_file.open("ab") as writer:
        writer.write(b"x" * (files.LARGE_LOG_BYTES + 1))
    assert in_time(lambda: old.exists() and log_file.stat().st_size < files.LARGE_LOG_BYTES)
    assert old.stat().st_size > files.LARGE_LOG_BYTES
    basketry("queues")  # the broker says that somebody came
    assert in_time(lambda: 0 < log_file.stat().st_size < 100_000)
