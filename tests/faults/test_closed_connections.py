"""The broker closes the worker's connections by force, again and again: it consumes again each time."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, assert_repeats_are_identical, numbered
from outside.processes import WorkerProcess
from outside.stage import Stage

pytestmark = pytest.mark.faults

TIMES = 10
CONSUMING_AGAIN_WITHIN_SECONDS = 30.0

# Run inside the node, since the management API's list of connections lags by seconds. Those of the tests are
# left alone: pika's are not py-amqp's.
CLOSE = """
Told = fun(Pid) -> rabbit_networking:connection_info(Pid, [vhost, client_properties]) end,
Theirs = fun() -> [Pid || Pid <- rabbit_networking:connections(),
    [{vhost, Vhost}, {client_properties, Client}] <- [Told(Pid)],
    Vhost =:= <<"%s">>, lists:member({<<"product">>, longstr, <<"py-amqp">>}, Client)] end,
Close = fun(_) -> Pids = Theirs(), [rabbit_networking:close_connection(Pid, "by force") || Pid <- Pids],
    timer:sleep(400), length(Pids) end,
lists:map(Close, lists:seq(1, %d)).
"""


def test_a_worker_whose_connections_are_closed_under_load_consumes_again(
    stage: Stage, worker: WorkerProcess, events: Listener
) -> None:
    rabbitmq = stage.servers.rabbitmq
    if rabbitmq is None:
        pytest.skip("the broker is not ours to disturb")
    pid = worker.pid
    (part,) = numbered(100, 80)
    with ThreadPoolExecutor(max_workers=1) as thread:
        closing = thread.submit(rabbitmq.rabbitmqctl, "eval", CLOSE % (stage.vhost, TIMES))
        assert events.until(lambda: "by force" in worker.log)
        for start in range(0, 8000, 1000):
            publish(stage.broker_url, part[start : start + 1000])
        closed = [int(number) for number in closing.result().strip("[]\n").split(",")]
    events.until_heard(8000, seconds=CONSUMING_AGAIN_WITHIN_SECONDS)
    assert len(closed) == TIMES
    assert sum(closed) >= TIMES
    assert events.until(lambda: stage.rows("select 1 from outbox where published_at is null") == [])
    assert_each_once_and_in_order(events, stage, [part])
    assert_repeats_are_identical(events)
    assert (worker.is_alive, worker.pid) == (True, pid)
