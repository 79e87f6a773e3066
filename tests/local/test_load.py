"""`basketry load`: the same rows as over AMQP, and each refused line said with its number."""

import json
from pathlib import Path

import pytest
from command_line import CommandLine
from flow.together import together
from outside.furnishing import AS_SERVICE
from outside.stage import Stage
from outside.wire import command, unique
from scenes_to_load import SCENE, account, line, loaded, scenes, written

ROW = (
    "select provider_id, datasets, attributes, files, files_count, files_size, quota,"
    " west, south, east, north, created_at, terms::text from data_object where channel = %s and id = %s"
)


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


def two_good_lines_among_others() -> list[bytes]:
    longest = 256 * 1024
    too_long = {"providerId": "p", "createdAt": 0, "attributes": {"a": "x" * longest}}
    return [
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


def test_a_line_that_is_refused_is_said_with_its_number_and_stops_no_other(
    loading: CommandLine, stage: Stage, channel: str, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.ndjson"
    path = written(tmp_path, *two_good_lines_among_others())
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
