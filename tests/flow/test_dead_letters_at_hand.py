"""What an operator reads of dead letters at the command line, and what they never read there."""

import json
from dataclasses import replace
from typing import Any

import pytest
from outside.claims import token
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import unique

from tests.flow.letters import CHANNEL, Operator, run

SHAKE = "command.unknown_type.error"


def listed(operator: Operator, *arguments: str) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = json.loads(
        operator.run("list", "--limit", "1000", "--json", *arguments).stdout
    )
    return shown


def test_a_list_for_programs_has_what_the_contract_names_newest_first(
    operator: Operator, upstream: Upstream
) -> None:
    first = upstream.tell("basket.shake", unique("basket"), channel=CHANNEL)
    second = upstream.tell("basket.shake", unique("basket"), channel=CHANNEL, message_id=None)
    ids = [operator.letter_of(first), operator.letter_of(second)]
    rows = [one for one in listed(operator) if one["id"] in ids]
    assert [one["id"] for one in rows] == ids[::-1]
    parked_at = rows[1].pop("parked_at")
    assert rows[1] == {
        "id": ids[0],
        "key": first.key,
        "channel": CHANNEL,
        "type": "basket.shake",
        "message_id": first.message_id,
        "cause": SHAKE,
        "attempts": 1,
        "replays": 0,
        "state": "parked",
    }
    assert parked_at.endswith("Z")
    assert rows[0]["message_id"] is None
    assert len(json.loads(operator.run("list", "--limit", "1", "--json").stdout)) == 1


def test_a_list_may_be_of_one_cause_or_of_one_state(operator: Operator, upstream: Upstream) -> None:
    unknown = operator.letter_of(upstream.tell("basket.shake", unique("basket"), channel=CHANNEL))
    nameless = upstream.tell("basket.create", unique("basket"), channel=CHANNEL, message_id=None)
    other = operator.letter_of(nameless)
    assert operator.run("discard", other, "--why", "of no use").exit_code == 0
    by_cause = {one["id"]: one["cause"] for one in listed(operator, "--cause", SHAKE)}
    assert (unknown in by_cause, other in by_cause, set(by_cause.values())) == (True, False, {SHAKE})
    by_state = {one["id"]: one["state"] for one in listed(operator, "--state", "discarded")}
    assert (unknown in by_state, other in by_state, set(by_state.values())) == (False, True, {"discarded"})
    assert [one["id"] for one in listed(operator, "--cause", SHAKE, "--state", "discarded")].count(other) == 0
    assert operator.run("list", "--state", "lost").exit_code == 2


def test_a_table_shows_what_was_sent_as_it_was_and_nothing_of_it_is_obeyed(
    operator: Operator, upstream: Upstream
) -> None:
    key = f"[/red]{unique('basket')}[bold]"
    sent = upstream.tell("basket.\x1b[31mshake", key, channel=CHANNEL)
    id_ = operator.letter_of(sent)
    for arguments in (("list",), ("show", id_)):
        shown = operator.run(*arguments)
        assert shown.exit_code == 0, shown.output
        assert key in shown.output
        assert "basket.\\x1b[31mshake" in shown.output
        assert "\x1b" not in shown.output


def test_a_letter_is_shown_with_all_that_is_needed_and_without_any_token(
    operator: Operator, upstream: Upstream
) -> None:
    secret = token("robert")
    sent = upstream.tell(
        "basket.shake",
        unique("basket"),
        {"newOwnerAuthenticationToken": secret, "department": "ä"},
        channel=CHANNEL,
        content_type="application/json",
        headers={"note": f"it is {secret}"},
    )
    id_ = operator.letter_of(sent)
    shown, whole = operator.run("show", id_).output, operator.shown(id_)
    assert json.loads(whole["body"]) == {"newOwnerAuthenticationToken": "redacted", "department": "ä"}
    assert whole["claims"]["user"] == "patricia"
    assert whole["properties"]["content_type"] == "application/json"
    assert whole["headers"] == {"channel": CHANNEL, "note": "it is redacted"}
    assert (whole["audit"], whole["detail"][:16]) == ([], "there is no comm")
    for part in (
        sent.key,
        sent.message_id,
        SHAKE,
        '"user": "patricia"',
        "there is no command 'basket.shake'",
    ):
        assert part in shown
    own = sent.properties.headers["authorization"].removeprefix("Bearer ")
    for one in (secret, own):
        assert one.rpartition(".")[2] not in shown + json.dumps(whole)


def test_who_does_it_is_the_user_of_the_machine_unless_told(
    operator: Operator, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ulla")
    for options, who in (((), "ulla"), (("--operator", "Otto from the 2nd line"), "Otto from the 2nd line")):
        sent = upstream.tell("basket.shake", unique("basket"), channel=CHANNEL)
        id_ = operator.letter_of(sent)
        assert operator.run("discard", id_, "--why", "of no use", *options).exit_code == 0
        (act,) = operator.shown(id_)["audit"]
        assert (act["who"], act["action"], act["why"]) == (who, "discarded", "of no use")
        assert act["at"].endswith("Z")
        assert f"discarded  by {who}  of no use" in operator.run("show", id_).output


def test_a_database_that_is_away_is_told_in_a_sentence(stage: Stage) -> None:
    nowhere = replace(stage, database_url="postgresql://u:p@127.0.0.1:9/d")
    for arguments in (("list",), ("show", 1), ("replay", 1), ("replay", "--cause", "x")):
        said = run(nowhere, "dead-letters", *arguments)
        assert said.exit_code == 1
        assert said.output.startswith("Error: The database does not answer: ")
