"""Exchanges and queues as the contract names them, and wired so that one key has one ordered queue."""

from contracts import topology


def test_the_exchanges_of_the_contract_are_topics() -> None:
    kinds = {exchange.name: exchange.type for exchange in topology.EXCHANGES}
    assert kinds["basket.commands"] == kinds["basket.events"] == "topic"
    assert kinds["basket.commands.by-hash"] == "x-modulus-hash"


def test_there_are_eight_ordered_command_queues() -> None:
    assert [queue.name for queue in topology.COMMAND_QUEUES] == [
        f"basket.commands.{number:02d}" for number in range(8)
    ]
    for queue in topology.COMMAND_QUEUES:
        assert queue.arguments["x-queue-type"] == "quorum"
        assert queue.arguments["x-single-active-consumer"] is True
        assert queue.arguments["x-delivery-limit"] == 50


def test_what_the_broker_gives_up_arrives_among_the_dead_at_least_once() -> None:
    for queue in topology.COMMAND_QUEUES:
        assert queue.arguments["x-dead-letter-exchange"] == "basket.commands.dead"
        assert queue.arguments["x-dead-letter-strategy"] == "at-least-once"
        assert queue.arguments["x-overflow"] == "reject-publish"  # the strategy works with no other
    assert topology.DEAD_QUEUE.name == "basket.commands.dead"


def test_every_command_goes_through_the_hash_into_one_of_the_queues() -> None:
    assert topology.Binding("basket.commands", "basket.commands.by-hash", "#", to_exchange=True) in (
        topology.BINDINGS
    )
    hashed = [binding for binding in topology.BINDINGS if binding.source == "basket.commands.by-hash"]
    assert [binding.destination for binding in hashed] == [queue.name for queue in topology.COMMAND_QUEUES]
    assert {binding.routing_key for binding in hashed} == {"1"}


def test_every_binding_ends_at_something_that_is_declared() -> None:
    exchanges = {exchange.name for exchange in topology.EXCHANGES}
    queues = {queue.name for queue in topology.QUEUES}
    for binding in topology.BINDINGS:
        assert binding.source in exchanges
        assert binding.destination in (exchanges if binding.to_exchange else queues)


def test_the_dead_letter_queue_is_bound_before_the_command_queues_are_declared() -> None:
    assert topology.QUEUES[0] == topology.DEAD_QUEUE
    assert topology.BINDINGS[0].destination == topology.DEAD_QUEUE.name
