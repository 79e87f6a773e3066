"""`basketry load`: the same rows as over AMQP, each refused line said, and what comes in between survived."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest
from command_line import CommandLine
from flow.together import together
from outside.furnishing import AS_SERVICE
from outside.processes import wait_for
from outside.stage import Stage
from outside.wire import command, unique

SCENE: dict[str, Any] = {
    "providerId": "scene 1",
    "datasets": ["URN:DS1"],
    "attributes": {"platform": "Sentinel-2", "cloud": 12.50, "bands": ["B1"], "last": True},
    "geometry": {"type": "Point", "coordinates": [1.5, 43]},
    "createdAt": "2026-06-01T12:00:00Z",
    "files": [{"name": "a.tif", "type": "RAWDATA", "size": 1_000_000}],
}
ROW = (
    "select provider_id, datasets, attributes, files, files_count, files_size, quota,"
    " west, south, east, north, created_at, terms::text from data_object where channel = %s and id = %s"
)


@pytest.fixture
def loading(stage: Stage, tmp_path: Path) -> CommandLine:
    """Give the command with nothing set but where the database is."""
    return CommandLine(state_dir=tmp_path / "state", settings={"BASKETRY_DATABASE_URL": stage.database_url})


@pytest.fixture
def channel(stage: Stage) -> str:
    """Give a channel of a test's own, that is known."""
    name = unique("channel")
    together(stage, command("channel.put", name, {}, channel=name, headers=AS_SERVICE))
    return name


def line(key: str, body: object = SCENE, **more: str) -> bytes:
    return json.dumps({"key": key, "body": body, **more}).encode() + b"\n"


def scenes(count: int, **changed: object) -> bytes:
    return b"".join(line(f"URN:{number}", {**SCENE, **changed}) for number in range(count))


def written(tmp_path: Path, *lines: bytes) -> str:
    path = tmp_path / "lines.ndjson"
    path.write_bytes(b"".join(lines))
    return str(path)


def loaded(stage: Stage, channel: str) -> int:
    ((count,),) = stage.rows("select count(*) from data_object where channel = %s", channel)
    return int(count)


def account(said: str) -> tuple[int, int, int, int]:
    """Give lines, written, as they were, refused."""
    numbers = [int(word.replace(",", "")) for word in said.split() if word.replace(",", "").isdigit()]
    lines, _a_second, touched, unchanged, rejected = numbers
    return lines, touched, unchanged, rejected


def test_lines_make_the_rows_that_puts_make(
    loading: CommandLine, stage: Stage, channel: str, tmp_path: Path
) -> None:
    put = command("data-object.put", "URN:put", SCENE, channel=channel, headers=AS_SERVICE)
    together(stage, put)
    done = loading("load", written(tmp_path, line("URN:loaded")), "--channel", channel)
    assert (done.returncode, account(done.stdout), done.stderr) == (0, (1, 1, 0, 0), "")
    assert stage.rows(ROW, channel, "URN:loaded") == stage.rows(ROW, channel, "URN:put") != []
    named = stage.rows("select name from data_attribute where channel = %s order by name", channel)
    assert named == [("bands",), ("cloud",), ("last",), ("platform",)]


@pytest.mark.slow
def test_every_kind_of_reference_data_is_loaded_and_a_channel_before_what_is_in_it(
    loading: CommandLine, stage: Stage, tmp_path: Path
) -> None:
    name = unique("channel")
    lines = [
        line(name, {"currency": "EUR"}, type="channel.put"),
        line("URN:DS1", {"label": "Sentinel-2"}, type="dataset.put", channel=name),
        line("crop", {"forbidSplit": True}, type="process.put", channel=name),
        line("patricia", {"groups": ["g"]}, type="user.put", channel=name),
        b"\n",
        line("URN:1", channel=name),
    ]
    path = written(tmp_path, *lines)
    assert account(loading("load", path).stdout) == (5, 5, 0, 0)
    kinds = stage.rows("select kind from reference where channel = %s order by kind", name)
    assert [kind for (kind,) in kinds] == ["channel", "dataset", "process", "user"]
    assert loaded(stage, name) == 1
    assert account(loading("load", path).stdout) == (5, 0, 5, 0)


def test_a_line_that_is_refused_is_said_with_its_number_and_stops_no_other(
    loading: CommandLine, stage: Stage, channel: str, tmp_path: Path
) -> None:
    longest = 256 * 1024
    too_long = {"providerId": "p", "createdAt": 0, "attributes": {"a": "x" * longest}}
    lines = [
        line("URN:1"),
        b"{}\n",
        b'{"key": "URN:2", "body": {"providerId": "\xff", "createdAt": 0}}\n',
        line("URN:3", {"providerId": "p"}),
        line("URN 4"),
        line("URN:5", channel="never put"),
        line("URN:6", type="data-object.delete"),
        line("URN:7", too_long),
        b"x" * (2 * longest) + b"\n",
        line("URN:8", {**SCENE, "owner": "me"}),
        b'{"key": "URN:9", "body": {"providerId": "p", "providerId": "q", "createdAt": 0}}\n',
        line("URN:10").removesuffix(b"\n"),
    ]
    rejects = tmp_path / "rejects.ndjson"
    path = written(tmp_path, *lines)
    done = loading("load", path, "--channel", channel, "--rejects", str(rejects))
    assert (done.returncode, account(done.stdout)) == (1, (12, 2, 0, 10))
    found = [json.loads(text) for text in rejects.read_text().splitlines()]
    said = {one["line"]: [(error["code"], error.get("path")) for error in one["errors"]] for one in found}
    malformed, late = "command.malformed.error", ("command.too_large.error", None)
    assert said == {
        2: [(malformed, "$")],
        3: [(malformed, "$")],
        4: [(malformed, "$.createdAt")],
        5: [("basket.basket_id_required.error", None)],
        6: [("channel.not_found.error", None)],
        7: [("command.unknown_type.error", None)] + [
            ("command.unknown_field.error", f"$.{name}") for name in SCENE
        ],
        8: [late],
        9: [late],
        10: [("command.unknown_field.error", "$.owner")],
        11: [(malformed, "$")],
    }  # fmt: skip
    assert "line 4: $.createdAt: this field is required" in done.stderr.splitlines()
    assert loaded(stage, channel) == 2


@pytest.mark.slow
def test_twenty_refused_lines_are_shown_and_all_are_noted(
    loading: CommandLine, channel: str, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.ndjson"
    path = written(tmp_path, *(line(f"URN:{number}", {}) for number in range(30)))
    done = loading("load", path, "--channel", channel, "--rejects", str(rejects))
    assert len(done.stderr.splitlines()) == 21
    assert len(rejects.read_text().splitlines()) == 30


@pytest.mark.slow
def test_of_one_key_the_last_line_stays_however_many_write(
    loading: CommandLine, stage: Stage, channel: str, tmp_path: Path
) -> None:
    lines = [
        line(f"URN:{number % 7}", {**SCENE, "providerId": f"scene {number}"}) for number in range(7 * 350)
    ]
    path = written(tmp_path, *lines)
    assert loading("load", path, "--channel", channel, "--processes", "3").returncode == 0
    found = stage.rows("select id, provider_id from data_object where channel = %s order by id", channel)
    assert found == [(f"URN:{number}", f"scene {7 * 349 + number}") for number in range(7)]


@pytest.mark.slow
def test_what_the_database_refuses_is_found_out_among_the_others(
    loading: CommandLine, stage: Stage, channel: str, tmp_path: Path
) -> None:
    """A rule of the database alone; and a statement that is cut off unless it is small."""
    stage.rows("alter table data_object add constraint none_is_bad check (provider_id <> 'bad')")
    stage.rows(
        "create function refuse_many() returns trigger language plpgsql as $$ begin"
        " if (select count(*) from fresh) > 10 then raise exception 'slow' using errcode = '57014'; end if;"
        " return null; end $$"
    )
    stage.rows(
        "create trigger refuse_many after insert on data_object referencing new table as fresh"
        " for each statement execute function refuse_many()"
    )
    try:
        bad = line("URN:bad", {**SCENE, "providerId": "bad"})
        path = written(tmp_path, scenes(20), bad, line("URN:last"))
        done = loading("load", path, "--channel", channel, "--processes", "1")
    finally:
        stage.rows("drop trigger refuse_many on data_object")
        stage.rows("drop function refuse_many")
        stage.rows("alter table data_object drop constraint none_is_bad")
    assert account(done.stdout) == (22, 21, 0, 1)
    assert "line 21: the line: the database refuses it:" in done.stderr
    assert "none_is_bad" in done.stderr


class Feeding:
    """A load in the foreground that reads what it is fed."""

    def __init__(self, loading: CommandLine, channel: str) -> None:
        options = ("-", "--channel", channel, "--processes", "1", "--state-dir", str(loading.state_dir))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "worker.cli", "load", *options],
            env={**os.environ, **loading.settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def input(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    def feed(self, lines: bytes) -> None:
        self.input.write(lines)
        self.input.flush()

    def end(self) -> tuple[int, str, str]:
        said, errors = self.process.communicate(timeout=60)
        return self.process.returncode, said.decode(), errors.decode()

    @property
    def writer(self) -> int:
        """Give the process that writes, as the kernel knows it."""
        (found,) = (
            int(path.name)
            for path in Path("/proc").glob("[0-9]*")
            if parent(path) == self.process.pid and b"spawn_main" in (path / "cmdline").read_bytes()
        )
        return found


def parent(path: Path) -> int | None:
    try:
        return int((path / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return None


@pytest.fixture
def feeding(loading: CommandLine, stage: Stage, channel: str) -> Iterator[Feeding]:
    """Give a load of which a batch is written."""
    feeding = Feeding(loading, channel)
    feeding.feed(scenes(1000))
    wait_for(lambda: loaded(stage, channel) == 1000)
    yield feeding
    if feeding.process.poll() is None:
        os.killpg(feeding.process.pid, signal.SIGKILL)
        feeding.process.communicate()


@contextmanager
def away(stage: Stage) -> Iterator[None]:
    """Let nobody into the database, and throw out who is there."""
    name = stage.database_url.rpartition("/")[2]
    with psycopg.connect(stage.servers.database_url, autocommit=True) as connection:
        connection.execute(f"alter database {name} allow_connections false".encode())
        query = b"select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
        connection.execute(query, [name])
        try:
            yield
        finally:
            connection.execute(f"alter database {name} allow_connections true".encode())


def test_a_database_that_is_away_is_waited_for(feeding: Feeding, stage: Stage, channel: str) -> None:
    with away(stage):
        feeding.feed(scenes(1000, providerId="later"))
        assert feeding.process.stderr is not None
        assert b"it is tried again" in feeding.process.stderr.readline()
    code, said, errors = feeding.end()
    assert (code, account(said), errors) == (0, (2000, 2000, 0, 0), "")
    later = "select count(*) from data_object where channel = %s and provider_id = 'later'"
    assert stage.rows(later, channel) == [(1000,)]


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_ends_it_between_batches(
    feeding: Feeding, stage: Stage, channel: str, number: signal.Signals
) -> None:
    feeding.feed(scenes(10, providerId="never written"))
    writer = feeding.writer
    os.killpg(feeding.process.pid, number)
    code, said, errors = feeding.end()
    assert (code, account(said)) == (130, (1000, 1000, 0, 0))
    assert errors == "Ended before its time: run this again to go on.\n"
    assert not Path(f"/proc/{writer}").exists()
    assert loaded(stage, channel) == 1000


@pytest.mark.slow
def test_a_signal_ends_it_while_the_database_is_away(feeding: Feeding, stage: Stage) -> None:
    with away(stage):
        feeding.feed(scenes(1000, providerId="later"))
        assert feeding.process.stderr is not None
        assert b"it is tried again" in feeding.process.stderr.readline()
        os.killpg(feeding.process.pid, signal.SIGINT)
        code, said, _ = feeding.end()
    assert (code, account(said)) == (130, (1000, 1000, 0, 0))


@pytest.mark.slow
def test_a_writer_that_is_killed_is_said(feeding: Feeding) -> None:
    os.kill(feeding.writer, signal.SIGKILL)
    feeding.feed(scenes(10))
    code, _, errors = feeding.end()
    assert code == 1
    assert "a process of the load was killed; run this again" in errors


@pytest.mark.slow
def test_a_writer_ends_with_who_feeds_it(feeding: Feeding, stage: Stage) -> None:
    """Also one that waits for the database, and would write when nobody expects it any more."""
    writer = feeding.writer
    with away(stage):
        feeding.feed(scenes(1000, providerId="later"))
        assert feeding.process.stderr is not None
        feeding.process.stderr.readline()
        feeding.process.kill()
        wait_for(lambda: not Path(f"/proc/{writer}").exists())
    feeding.process.communicate()


@pytest.mark.slow
def test_without_a_database_it_says_so_in_a_sentence(tmp_path: Path) -> None:
    path = written(tmp_path, line("URN:1"))
    done = CommandLine(state_dir=tmp_path / "state")("load", path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: BASKETRY_DATABASE_URL is not set.\n")
    nobody = "postgresql://nobody:none@127.0.0.1:1/none"
    done = CommandLine(state_dir=tmp_path / "state", settings={"BASKETRY_DATABASE_URL": nobody})("load", path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: The database")


@pytest.mark.slow
def test_twenty_thousand_are_loaded_and_loaded_again(
    loading: CommandLine, stage: Stage, channel: str, tmp_path: Path
) -> None:
    path = written(tmp_path, scenes(20_000))
    assert account(loading("load", path, "--channel", channel).stdout) == (20_000, 20_000, 0, 0)
    places = (
        "select md5(string_agg(ctid::text || xmin || xmax, ',' order by id)) from data_object"
        " where channel = %s"
    )
    before = stage.rows(places, channel)
    assert account(loading("load", path, "--channel", channel).stdout) == (20_000, 0, 20_000, 0)
    assert stage.rows(places, channel) == before
