"""In which format a reply leaves: the asker's, or JSON when XML cannot be sent."""

from uuid import UUID

from contracts import codec_json, codec_xml
from contracts.errors import ErrorKey, Errors, Problem
from worker import replying
from worker.ledger import Reply
from worker.results import MAX_EVENT_BYTES
from worker.store.outbox import Event


def reply(body: str, media_type: str, *, type_: str = "command.rejected") -> Reply:
    event = Event(
        event_id=UUID(int=1),
        channel="shop",
        key="a-basket",
        type=type_,
        correlation_id=None,
        headers={"command": "basket.update"},
        body=body,
    )
    return Reply(event, "basket.replies.a", "m-1", media_type)


def sent(one: Reply) -> tuple[str, bytes]:
    outgoing = replying._outgoing(one)
    return outgoing.properties["content_type"], outgoing.body


def refusal(message: str) -> Errors:
    return Errors(errors=(Problem(code=ErrorKey.UNAUTHORIZED, message=message),))


def test_a_reply_is_written_in_the_format_of_its_command() -> None:
    errors = refusal("no token")
    body = codec_json.encode(errors)
    assert sent(reply(body.decode(), "application/json")) == ("application/json", body)
    for media_type in ("application/xml", "text/xml"):
        assert sent(reply(body.decode(), media_type)) == (media_type, codec_xml.encode(errors))


def test_an_empty_reply_is_empty_in_every_format() -> None:
    assert sent(reply("", "text/xml", type_="command.completed")) == ("text/xml", b"")


def test_a_reply_that_xml_makes_too_large_for_the_broker_comes_in_json() -> None:
    body = codec_json.encode(refusal("&" * (MAX_EVENT_BYTES // 4)))
    assert len(body) < MAX_EVENT_BYTES < len(codec_xml.encode(refusal("&" * (MAX_EVENT_BYTES // 4))))
    assert sent(reply(body.decode(), "text/xml")) == ("application/json", body)


def test_an_answer_that_an_older_release_kept_comes_as_it_was_kept() -> None:
    assert sent(reply('{"id":5}', "text/xml", type_="command.completed")) == ("application/json", b'{"id":5}')
