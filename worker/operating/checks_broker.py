"""Checks of RabbitMQ, over AMQP alone and with what a worker's user may do there.

Bindings cannot be asked for over AMQP; every worker declares them again whenever it connects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from contracts import topology
from worker.operating import findings
from worker.operating.findings import Finding, Verdict, listed
from worker.operating.house import House
from worker.operating.probe import Answer, Broker

_OLDEST_BROKER = (3, 10)
_KEEPS_ORDER = {"x-queue-type", "x-single-active-consumer", "its declaration"}
_DECLARED_BY_WORKERS = "Start a worker: it declares what is missing."


def away(why: str) -> Finding:
    remedy = "See that RabbitMQ runs there and lets us in, and that BASKETRY_BROKER_URL names it rightly."
    return findings.wrong("broker", why, remedy, "the-broker-is-away")


def server(broker: Broker, _house: House) -> Finding:
    """Whether it is a broker that this release is made for."""
    encrypted = ", encrypted" if broker.is_encrypted else ""
    what = f"{broker.address}, RabbitMQ {broker.version}{encrypted}"
    if _numbers(broker.version) < _OLDEST_BROKER:
        return findings.wrong("broker", f"{what}: older than 3.10", "Use RabbitMQ 3.10 or newer.")
    return findings.ok("broker", what)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def plugin(broker: Broker, house: House) -> Finding:
    """Whether the broker spreads commands over the queues by their keys, the same way after a restart."""
    found = exchange_type(broker, house.hash_)
    if house.hash_ == topology.CONSISTENT and found.verdict is Verdict.OK:
        what = "after a restart of the broker commands of one basket may be applied in another order"
        remedy = "Enable the plugin rabbitmq_sharding, then run `basketry partitions 9` and `partitions 8`."
        return findings.warning("plugin", what, remedy, "commands-in-another-order")
    return found


def exchange_type(broker: Broker, type_: str) -> Finding:
    """Whether the broker knows a type of exchange."""
    match broker.knows_exchange_type(type_):
        case Answer.YES:
            return findings.ok("plugin", f"{type_} exchanges are known")
        case Answer.UNKNOWN:
            return findings.ok("plugin", f"{broker.user} may not ask for {type_} exchanges")
        case Answer.NO:
            remedy = "Run `rabbitmq-plugins enable rabbitmq_sharding` on every node."
            if type_ == topology.CONSISTENT:
                remedy = remedy.replace("rabbitmq_sharding", "rabbitmq_consistent_hash_exchange")
            what = f"the broker does not know {type_} exchanges"
            return findings.wrong("plugin", what, remedy, "the-broker-is-away")


def declared(broker: Broker, house: House) -> Finding:
    """Whether every exchange and queue is there."""
    missing = [one.name for one in _exchanges(house) if not broker.has_exchange(one.name)]
    missing += [name for name in _queue_names(house) if broker.depth(name) is None]
    if missing:
        what = f"missing: {listed(missing)}"
        return findings.wrong("topology", what, _DECLARED_BY_WORKERS, "a-queue-is-missing")
    return findings.ok("topology", "every exchange and queue is there")


def arguments(broker: Broker, house: House) -> Finding:
    """Whether what is there was declared as this release declares it; what is missing is not created."""
    grave: dict[str, list[str]] = {}
    weak: dict[str, list[str]] = {}
    unknown: list[str] = []
    for exchange in _exchanges(house):
        said = broker.difference(exchange) if broker.has_exchange(exchange.name) else ""
        unknown += [exchange.name] if said is None else []
        if said:
            grave.setdefault(said, []).append(exchange.name)
    for queue in _queues(house):
        found = {} if broker.depth(queue.name) is None else broker.differences(queue)
        unknown += [queue.name] if found is None else []
        if found:
            worst = weak if _KEEPS_ORDER.isdisjoint(found) else grave
            worst.setdefault("; ".join(found.values()), []).append(queue.name)
    if grave:
        remedy = "Recreate it: with these arguments the order of a basket's commands is not kept."
        return findings.wrong("arguments", _grouped(grave), remedy, "queues-of-an-earlier-release")
    if weak:
        remedy = "Recreate these queues when it is quiet; they serve as they are."
        return findings.warning("arguments", _grouped(weak), remedy, "queues-of-an-earlier-release")
    if unknown:
        what = f"could not be compared: {broker.user} may not declare {listed(unknown)}"
        return findings.ok("arguments", what)
    return findings.ok("arguments", "exchanges and queues are declared as by this release")


def _grouped(names: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{listed(alike)} ({said})" for said, alike in names.items())


def permissions(broker: Broker, house: House) -> Finding:
    """Whether this user may do a worker's work; what is permitted is refused for another reason."""
    asked = list(_attempts(broker, house))
    refused = [what for what, may in asked if not may]
    if not refused:
        return findings.ok("permissions", f"{broker.user} may do a worker's work")
    what = f"{broker.user} may not {listed(refused)}"
    if len(refused) == len(asked):
        remedy = "Run doctor with a worker's settings to try a worker's rights."
        return findings.warning("permissions", f"{what}: it is no worker's user", remedy)
    remedy = "Give it a worker's permissions: deploy/SECURITY.md has them."
    return findings.wrong("permissions", what, remedy)


def _attempts(broker: Broker, house: House) -> Iterator[tuple[str, bool]]:
    """Try what a worker does, on what is there."""
    for exchange in _exchanges(house):
        if exchange.name == topology.EVENTS and broker.has_exchange(exchange.name):
            yield f"publish to {exchange.name}", broker.may_publish(exchange.name)
    yield "publish replies (amq.default)", broker.may_publish("")
    for queue in _queues(house):
        if broker.depth(queue.name) is None:
            continue
        yield f"declare {queue.name}", broker.may_configure(queue)
        # Only a single active consumer makes the attempt harmless: without one it would take a message.
        found = broker.differences(queue)
        if queue.name != topology.DEAD and found is not None and _KEEPS_ORDER.isdisjoint(found):
            yield f"consume {queue.name}", broker.may_consume(queue.name)


def consumers(broker: Broker, house: House) -> Finding:
    """Whether every command queue has somebody at work; of those who stand by nothing is known here."""
    depths = {
        queue.name: broker.depth(queue.name)
        for size in house.sizes
        for queue in topology.command_queues(size)
    }
    nobody = [name for name, depth in depths.items() if depth is not None and not depth.consumers]
    if nobody:
        ready = sum(depth.ready for depth in depths.values() if depth is not None)
        what = f"nobody consumes {listed(nobody)}; commands waiting: {ready}"
        return findings.wrong("consumers", what, "Start a worker; commands wait meanwhile.", "commands-wait")
    return findings.ok("consumers", "every command queue has one")


def dead_queue(broker: Broker, _house: House) -> Finding:
    """Whether what the broker has dead-lettered has been taken over into the table."""
    depth = broker.depth(topology.DEAD)
    if depth is not None and depth.ready:
        what = f"messages in {topology.DEAD}: {depth.ready}"
        remedy = "See that a worker runs, which drains it into the table; then look at `dead-letters list`."
        return findings.warning("dead queue", what, remedy, "messages-come-back-again-and-again")
    return findings.ok("dead queue", "is empty")


def alarm(broker: Broker, _house: House) -> Finding:
    """Whether the broker takes messages; publishes one to nobody, since only publishers are told."""
    if broker.is_blocked():
        remedy = "Free memory or disk on the broker; commands and events wait, and go on by themselves."
        return findings.wrong(
            "alarm", "the broker is in alarm and takes no messages", remedy, "the-broker-blocks-publishers"
        )
    return findings.ok("alarm", "the broker takes messages")


def _exchanges(house: House) -> list[topology.Exchange]:
    known = {one.name: one for size in house.sizes for one in topology.exchanges(size, house.hash_)}
    return list(known.values())


def _queues(house: House) -> list[topology.Queue]:
    return [topology.DEAD_QUEUE, *(queue for size in house.sizes for queue in topology.command_queues(size))]


def _queue_names(house: House) -> list[str]:
    return [queue.name for queue in _queues(house)]


CHECKS = (server, alarm, plugin, declared, arguments, permissions, consumers, dead_queue)
