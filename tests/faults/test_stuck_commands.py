"""A command that never ends, or that the database cannot finish: it alone is parked."""

import time
from pathlib import Path

import pytest
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import numbered, numbered_command
from outside.processes import WorkerProcess, wait_for, working
from outside.stage import Stage
from outside.wire import Message, command, unique

from tests.faults import stuck_worker
from worker.heart import EXIT_STUCK

pytestmark = pytest.mark.faults

SLOW = """
create function too_slow() returns trigger language plpgsql as $$
begin
    if new.id like 'too-slow%%' then perform pg_sleep(60); end if;
    return new;
end $$;
create trigger too_slow before insert or update on basket for each row execute function too_slow();
"""


def among_others(odd: Message) -> list[Message]:
    """Give 40 innocent commands with an odd one in their middle."""
    (part,) = numbered(20, 2)
    return [*part[:20], odd, *part[20:]]


def assert_it_alone_is_parked(stage: Stage, events: Listener, odd: Message, *, attempts: int) -> None:
    letters = stage.rows("select message_id, cause, attempts, state from dead_letter")
    assert letters == [(odd.message_id, "command.internal_error", attempts, "parked")]
    said = {event.causation_id: event.status for event in events.different()}
    assert said.pop(odd.message_id) == 500
    assert set(said.values()) == {200, 201}


ENDLESS_COMMAND = ("basket.create", {"purchaseCurrency": stuck_worker.ENDLESS.decode()})
ENDLESS_SEARCH = (
    "basket.selection.add",
    {"engineType": "legacy", "searchParameters": {"q": stuck_worker.ENDLESS_QUERY}},
)


@pytest.mark.parametrize(("type_", "body"), [ENDLESS_COMMAND, ENDLESS_SEARCH])
def test_a_worker_that_does_not_end_a_command_ends_itself_and_the_command_is_parked(
    stage: Stage, folder: Path, type_: str, body: dict[str, object]
) -> None:
    stage.rows("delete from dead_letter")
    odd = command(type_, "patricia", body, channel="default")
    sent = among_others(odd)
    program = (stuck_worker.__file__,)
    codes = []
    with Listener(stage.broker_url) as events:
        with working(stage, "declares", folder):
            pass
        publish(stage.broker_url, sent)
        deadline = time.monotonic() + 150
        while len(events.different()) < len(sent):
            assert time.monotonic() < deadline, f"{len(events.different())} answers, ended with {codes}"
            worker = WorkerProcess(stage, f"stuck-{len(codes)}", folder, program=program)
            try:
                worker.wait_ready()
                wait_for(
                    lambda worker=worker: (
                        not worker.is_alive
                        or events.until(lambda: len(events.different()) == len(sent), seconds=0.2)
                    )
                )
                codes.append(worker.stop() if worker.is_alive else worker.exit_code)
            finally:
                worker.dismiss()
        assert_it_alone_is_parked(stage, events, odd, attempts=3)
    # Twice in a batch, three times alone; and once more, to park it.
    assert codes == [EXIT_STUCK] * 5 + [0]


def test_a_command_that_is_too_slow_for_the_database_is_parked_and_its_queue_goes_on(
    stage: Stage, worker: WorkerProcess, events: Listener
) -> None:
    stage.rows("delete from dead_letter")
    stage.rows(SLOW)
    odd = numbered_command(unique("too-slow"), 0)
    sent = among_others(odd)
    try:
        publish(stage.broker_url, sent)
        events.until_heard(len(sent), seconds=120)
    finally:
        stage.rows("drop trigger too_slow on basket")
    assert_it_alone_is_parked(stage, events, odd, attempts=3)
    assert stage.rows("select detail like '%%statement timeout%%, 3 times' from dead_letter") == [(True,)]
    assert worker.is_alive
