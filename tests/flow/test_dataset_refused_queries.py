"""Contract 4 and 7, search: what is no query is refused with its place; nothing gets through to SQL."""

import re
import time
from typing import Any

import pytest
from outside.observatory import Put, Reader, datum, observatory, refusal, selecting, urn
from outside.processes import WorkerProcess
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Result

DATASET = "URN:AIP:DATASET:refused:1:V1"
INVALID = (422, "basket.selection.query_invalid.error")
IN_TIME_SECONDS = 10.0  # a tenth, mostly; what has no bound takes minutes
AREA = "POLYGON((0 0, 1 0, 1 1, 0 0))"


@pytest.fixture(scope="module")
def channel(stage: Stage, worker: WorkerProcess) -> str:
    attributes = {"title": "Aurora", "cloudCover": 10, "last": True}
    puts: list[Put] = [
        ("dataset.put", DATASET, {"label": "Refused"}),
        ("data-object.put", urn("only"), datum(DATASET, attributes=attributes)),
    ]
    with Upstream(stage.broker_url) as upstream:
        return observatory(upstream, puts)


def numbers_in(message: str) -> set[int]:
    return {int(digits) for digits in re.findall(r"\d+", message)}


# `¦` marks the place that the message must name, counted from 0 or from 1.
MISTAKES = {
    "an attribute that no object has": [
        "¦nosuch:1", "title:aurora AND ¦nosuch:1", "(title:aurora OR ¦nosuch:[1 TO 2])",
        "¦nosuch:(a OR b)", "¦Title:aurora",
    ],
    "syntax": [
        "(title:aurora¦", "title:aurora¦)", "title:aurora AND¦", "¦AND title:aurora", "¦OR", "title:¦",
        "cloudCover:[1 TO 2¦", "cloudCover:[1 ¦2]", 'title:¦"aurora', "(¦)", "title:aurora AND ¦OR x",
        "title:¦:x",
    ],
    "wildcards in front": ["¦*rora", "¦?urora", "title:¦*rora", "title:(x OR ¦?x)"],
    "nearly": ["aurora¦~", "aurora¦~2", 'title:"polar night"¦~3', "title:aurora¦~0.8"],
    "more of this than of that": ["aurora¦^2", "(a OR b)¦^3", 'title:"a b"¦^2'],
    "regular expressions": ["¦/auro.*/", "title:¦/auro.*/"],
}  # fmt: skip


@pytest.mark.parametrize(
    "marked", [pytest.param(one, id=f"{title}: {one}") for title, many in MISTAKES.items() for one in many]
)
def test_a_mistake_is_refused_with_its_place(reader: Reader, marked: str) -> None:
    before, _, after = marked.partition("¦")
    refused = reader.add(before + after)
    assert refusal(refused) == INVALID
    (error,) = refused.json["errors"]
    assert error["path"].startswith("$.searchParameters.q")
    assert {len(before), len(before) + 1} & numbers_in(error["message"]), error["message"]
    assert reader.show().status == 204


@pytest.mark.parametrize(
    ("q", "marked_at"),
    [
        (f"tags:{DATASET}", 5),
        (f"tags:({DATASET} OR {DATASET})", 6),
        (DATASET, 0),
        (f"providerId:{DATASET}", 11),
    ],
)
def test_a_raw_urn_is_refused_with_a_hint(reader: Reader, q: str, marked_at: int) -> None:
    refused = reader.add(q)
    assert refusal(refused) == INVALID
    message = refused.json["errors"][0]["message"]
    assert "quot" in message.lower()
    assert any(marked_at <= number <= marked_at + len(DATASET) + 1 for number in numbers_in(message)), message


def test_of_several_queries_the_wrong_one_is_named(reader: Reader) -> None:
    refused = reader.add(["aurora", "title:aurora", "(aurora", "nosuch:1"])
    assert refusal(refused) == INVALID
    paths = [error["path"] for error in refused.json["errors"]]
    assert paths[0] == "$.searchParameters.q[2]"


@pytest.mark.parametrize(
    "search",
    [
        {"bbox": "0,0,1,1"}, {"box": "0,0,1,1"}, {"geometry": AREA}, {"lat": "1"}, {"lon": 2}, {"r": 5},
        {"radius": "5"},
        {"g": "POINT(1 2)"}, {"g": "CIRCLE"}, {"g": "POLYGON"}, {"g": "POLYGON(())"}, {"g": "POLYGON((1))"},
        {"g": "POLYGON((a b, c d, e f, a b))"}, {"g": f"{AREA} x"},
        {"g": "POLYGON((NaN 0, 1 0, 1 1, NaN 0))"},
        {"g": "POLYGON((1e999 0, 1 0, 1 1, 1e999 0))"}, {"g": "MULTI" + AREA}, {"g": [AREA, "POINT(1 2)"]},
    ],
)  # fmt: skip
def test_another_geometry_is_refused(reader: Reader, search: dict[str, Any]) -> None:
    refused = reader.ask("basket.selection.add", {"engineType": "legacy", "searchParameters": search})
    assert refusal(refused) == INVALID
    (name,) = search
    assert refused.json["errors"][0]["path"].startswith(f"$.searchParameters.{name}")


@pytest.mark.parametrize(
    ("search", "error_key"),
    [
        ({"q": 7}, "command.malformed.error"),
        ({"q": {"a": "b"}}, "command.malformed.error"),
        ({"q": [7]}, "command.malformed.error"),
        ({"q": "a\x00b"}, "command.malformed.error"),
        ({"q": "\ud800"}, "command.malformed.error"),
        ("aurora", "command.malformed.error"),
        ({"nonsense": 1}, "command.unknown_field.error"),
    ],
)
def test_what_is_no_text_is_malformed(reader: Reader, search: object, error_key: str) -> None:
    refused = reader.ask("basket.selection.add", {"engineType": "legacy", "searchParameters": search})
    assert refusal(refused) == (400, error_key)


HOSTILE = [
    "'; drop table data_object; --", "' or 1=1 --", "\\'; select pg_sleep(9); --", "%s", "%(q)s", "$1",
    ":name", "{0}",
    "a' || 'b", "1::int", "/* x */", "x' & !x | y <-> z:*", "foo:*A", "a & b", "!a", "a | b", "(a",
    "a)", "<3>", "a\\",
    "\\u0000", "'' ''", "\u2028", "a\tb\nc", "💥", "\u0301", "%25%00",
]  # fmt: skip


@pytest.mark.parametrize(
    "form", ['"{}"', 'title:"{}"', "{}", "title:{}", "title:[{} TO z]", "{}*", "title:{}?x*"]
)
def test_a_hostile_text_is_a_text_or_a_mistake(upstream: Upstream, channel: str, form: str) -> None:
    """What is quoted is looked for as it is, and found nowhere; what has no word in it is no query."""
    is_quoted = '"{}"' in form
    texts = [text.replace("\\", "\\\\").replace('"', '\\"') if is_quoted else text for text in HOSTILE]
    queries = [form.replace("{}", text) for text in texts]
    sent = [Reader(upstream, channel).command("basket.selection.add", selecting(q)) for q in queries]
    upstream.ask_all(sent)
    answers = {q: upstream.answer_to(message) for q, message in zip(queries, sent, strict=True)}
    expected = (204, 422) if is_quoted else (200, 204, 422)
    assert {q: reply.body for q, reply in answers.items() if reply.status not in expected} == {}
    assert {reply.error_key for reply in answers.values() if reply.status == 422} <= {INVALID[1]}


def test_nothing_was_dropped_and_nothing_parked(reader: Reader, stage: Stage) -> None:
    assert stage.rows("select 1 from data_object where channel = %s", reader.channel) == [(1,)]
    assert stage.rows("select 1 from dead_letter where channel = %s", reader.channel) == []


def is_refused_clearly(reply: Result) -> bool:
    """Whether it is the caller's mistake, and says what."""
    return 400 <= reply.status < 500 and all(error["message"] for error in reply.json["errors"])


@pytest.mark.parametrize(
    "q",
    [
        pytest.param(" ".join(f"t{n}" for n in range(10_000)), id="10,000 terms"),
        pytest.param(" OR ".join("t" for _ in range(10_000)), id="10,000 alternatives"),
        pytest.param("title:(" + " OR ".join("t" for _ in range(10_000)) + ")", id="10,000 in a field"),
        pytest.param("title:[" + "z" * 60_000 + " TO *]", id="a long end"),
        pytest.param("(" * 10_000 + "a" + ")" * 10_000, id="10,000 groups"),
        pytest.param("NOT " * 10_000 + "a", id="10,000 times not"),
        pytest.param("title:(" * 5_000 + "a" + ")" * 5_000, id="5,000 fields"),
        pytest.param("(" * 60_000, id="60,000 open"),
        pytest.param("-" * 60_000, id="60,000 minus signs"),
        pytest.param('"' * 60_001, id="60,001 quotes"),
        pytest.param("\\" * 60_001, id="60,001 backslashes"),
        pytest.param("a?" * 30_000, id="30,000 wildcards"),
        pytest.param("title:a" + "*a" * 30_000, id="30,000 stars"),
        pytest.param("x" * 200_000, id="too long"),
        pytest.param(["a"] * 50_000, id="50,000 queries"),
    ],
)
def test_what_is_too_much_is_refused_in_time(reader: Reader, q: object) -> None:
    began_at = time.monotonic()
    reply = reader.add(q)
    took_seconds = time.monotonic() - began_at
    assert is_refused_clearly(reply) or reply.status == 204, reply.body[:300]
    assert took_seconds < IN_TIME_SECONDS
    assert reader.show().status == 204


@pytest.mark.parametrize("q", [" ".join(f"t{n}" for n in range(10_000)), "(" * 10_000 + "a" + ")" * 10_000])
def test_so_many_terms_and_so_deep_a_nesting_are_refused(reader: Reader, q: str) -> None:
    assert is_refused_clearly(reader.add(q))
