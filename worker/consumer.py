"""Celery's consumer, taught to take plain AMQP messages and hand them on in batches.

It collects what has arrived (never waiting for more), calls the Celery task once, and acks when the task is
done. While the task asks to try again, the batch is held and the broker connection kept alive. Its own queues
come first; on the others it stands by, on a channel of their own. Channels are closed and never cancelled.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import amqp
from celery import bootsteps
from celery.worker import state
from celery.worker.consumer import connection, consumer
from kombu.exceptions import OperationalError

from worker import logs, pauses, steps, tasks, topology
from worker.heart import Heart
from worker.intake import BATCH_BYTES, Intake, oldest_published_at
from worker.ops.signs import Signs
from worker.side_lanes import SetApart
from worker.standby import Standby
from worker.store import database, slots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracts.envelope import Delivery
    from worker.workplace import Workplace

EXIT_OUTAGE = 75  # EX_TEMPFAIL of sysexits.h

_LONGEST_REST_SECONDS = 60.0  # between subscriptions under which nothing is done

log = logs.get(__name__)


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """The setting `worker_consumer` of our Celery app."""

    heart: Heart | None
    own: Intake | None
    dead: Intake | None
    standby: Standby | None
    wire: Any  # py-amqp's connection
    _rests: Iterator[float] | None = None  # since something was taken and nothing acked
    _others_rests: Iterator[float] | None = None  # since the queues of others did not answer
    _partitions: int  # how many command queues there are
    _view_before: slots.View | None  # from before the declaration: its number of queues may be older

    class Blueprint(consumer.Consumer.Blueprint):  # type: ignore[misc]
        # Celery's own steps for events, gossip, mingle, remote control and delayed delivery have no use
        # here; the last of them declares 28 queues that cannot be bound to an exchange that hashes.
        default_steps = (connection.Connection, steps.Subscribe, steps.Loop)

    @property
    def workplace(self) -> Workplace:
        workplace: Workplace = self.app.workplace
        return workplace

    @property
    def signs(self) -> Signs:
        return self.workplace.signs

    def connect(self) -> Any:
        """Connect without Celery's event loop: we read the socket ourselves."""
        return self.connection_for_read(heartbeat=self.amqheartbeat)

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long that takes: workers that lost one broker do not come back all at once."""
        for pause in pauses.growing():
            state.maybe_shutdown()
            try:
                conn.ensure_connection(max_retries=0)
            except (*conn.connection_errors, *conn.channel_errors, OperationalError) as error:
                conn.maybe_switch_next()
                self.signs.not_consuming("The broker cannot be reached.")
                log.warning("broker.away", why=f"{type(error).__name__}: {error}", pause_seconds=pause)
                pauses.rest(pause)
            else:
                break
        return conn

    def subscribe(self) -> None:
        """Consume the queues of the own slot, and what the broker has given up."""
        slot, prefetch = self.workplace.slot, self.workplace.prefetch_per_queue
        own = [
            queue
            for number, queue in enumerate(topology.command_queues(self._partitions))
            if slot.owns(number)
        ]
        # What is delivered while another queue does not answer comes back counted: the next time is later.
        former, self._rests = self._rests, self._rests or pauses.growing(_LONGEST_REST_SECONDS)
        self.own = Intake(self.wire, own, prefetch, is_dead=False)
        self.dead = Intake(self.wire, [topology.dead_queue()], prefetch, is_dead=True)
        self._rests = former
        attendance = self.workplace.attendance
        delay = 0.0 if self._others_rests is None else next(self._others_rests)
        self.standby = Standby(self.wire, slot, attendance, self._partitions, prefetch, delay)
        attendance.arrive()
        self.signs.waiting(lambda: oldest_published_at(self.intakes()))
        self.signs.consuming(len(own))

    def rest(self, heart: Heart) -> None:
        """Wait before the next subscription when nothing came of the last: messages come back counted."""
        if self._rests is not None:
            pause = next(self._rests)
            log.warning("subscription.postponed", why="nothing was done under the last", pause_seconds=pause)
            self._hold(pause, heart)

    def unsubscribe(self) -> None:
        """Give back what is unacked."""
        if self._rests is None and any(intake.unacked for intake in self.intakes()):
            self._rests = pauses.growing(_LONGEST_REST_SECONDS)
        if self.standby is not None and self.standby.is_opening and self._others_rests is None:
            self._others_rests = pauses.growing(_LONGEST_REST_SECONDS)
        try:
            for intake in self.intakes():
                intake.close()
        except (OSError, amqp.AMQPError) as error:
            log.warning("channel.lost", why=f"{type(error).__name__}: {error}")
            if self.connection is not None:
                self.connection.collect()  # which gives back as well, without another word
        self.own, self.dead, self.standby = None, None, None
        self.workplace.suspects.withdraw()

    def intakes(self) -> list[Intake]:
        others = self.standby.intake if self.standby is not None else None
        return [intake for intake in (self.own, others, self.dead) if intake is not None]

    def consume(self) -> None:
        """Work until the process is asked to stop or the connection breaks."""
        heart = self.heart
        assert heart is not None  # noqa: S101 - the step before has made it
        self.on_ready()
        self._tell_ready()
        while self.blueprint.state == bootsteps.RUN:
            state.maybe_shutdown()
            self._mind_the_queues(heart)
            self._settle_set_apart(heart)
            arrived = [intake for intake in self.intakes() if len(intake)]
            for intake in arrived:
                self._handle(intake, heart)
            self._take_arrived(0.0 if arrived else heart.idle_seconds, heart)
            heart.tick()

    def declare(self, heart: Heart) -> None:
        """Declare the topology once the database says how many queues there are.

        So nothing is taken before it can be handled: what a worker holds in an outage comes back counted.
        """
        self._view_before = self.workplace.attendance.view
        for pause in pauses.growing():
            try:
                with heart.beating_alone():
                    database.ask(self.workplace.engine)
                with self.wire.channel() as channel:
                    engine = self.workplace.engine
                    self._partitions = topology.declare_current(engine, self.connection, channel)
            except database.TryAgain as error:
                self.signs.not_consuming("The database is away: no command is taken before it is back.")
                log.warning("database.awaited", why=str(error), pause_seconds=pause)
                self._hold(pause, heart)
            except topology.TopologyError as error:
                log.error("queue.unusable", why=str(error), see="RUNBOOK, Queues of an earlier release")  # noqa: TRY400 - raised
                raise
            else:
                return

    def on_decode_error(self, _message: object, exc: Exception) -> None:
        """Never reached, since nothing is decoded here; Celery's own would ack, and the message be lost."""
        raise exc

    def _tell_ready(self) -> None:
        log.info("worker.ready", hostname=self.hostname, slot=str(self.workplace.slot))
        if self.workplace.ready_file:
            try:
                Path(self.workplace.ready_file).touch()
            except OSError as error:
                log.error("worker.ready_unsaid", why=str(error))  # noqa: TRY400 - it works all the same

    def _mind_the_queues(self, heart: Heart) -> None:
        """Go over to other queues when their number has changed; stand by for those of others."""
        view = self.workplace.attendance.view
        if view is not None and view is not self._view_before and view.partitions != self._partitions:
            # What was in the former ones is done, or nobody would have changed the number.
            log.info("partitions.changed", before=self._partitions, now=view.partitions)
            self.unsubscribe()
            self.declare(heart)
            self.subscribe()
        if self.own is not None and self.standby is not None:
            self.standby.mind()
            self._others_rests = None if self.standby.intake is not None else self._others_rests
            self.signs.consuming(len(self.own.queues), self.standby.guest_count)

    def _take_arrived(self, patience_seconds: float, heart: Heart) -> None:
        """Wait for a message, then take what the socket holds, up to a batch; more stays in the kernel."""
        seconds = patience_seconds
        if self._is_full() and not any(len(intake) for intake in self.intakes()):
            with heart.beating_alone():  # nothing is read meanwhile, which is not the broker's silence
                self.workplace.side_lanes.wait(seconds)  # there is no more room, and all of it waits for them
        wakes = self.workplace.side_lanes.wakes
        while not self._is_full() and self.wire.read_one(seconds, wakes):
            seconds = 0.0

    def _is_full(self) -> bool:
        intakes = self.intakes()
        if sum(len(intake) for intake in intakes) >= self.workplace.batch_size:
            return True
        return sum(intake.size for intake in intakes) >= BATCH_BYTES

    def _handle(self, intake: Intake, heart: Heart) -> None:
        """Have a batch done, however long that takes, and ack it."""
        deliveries = intake.take(self.workplace.batch_size)
        done, growing, held_since, is_locked = 0, pauses.growing(), time.monotonic(), False
        while done < len(deliveries):
            outcome = self._attempt(deliveries[done:], heart)
            if isinstance(outcome, tasks.Done):
                done = len(deliveries)
                break
            if isinstance(outcome, tasks.Apart):
                done, is_locked = done + outcome.first, outcome.is_locked
                break
            if outcome.first:
                self.signs.released()
                done, growing, held_since = done + outcome.first, pauses.growing(), time.monotonic()
            if time.monotonic() - held_since > self.workplace.outage_patience_seconds:
                self._give_up(outcome.why)
            self.signs.holding()
            pause = next(growing)
            log.warning("batch.held", size=len(deliveries) - done, why=outcome.why, pause_seconds=pause)
            self._hold(pause, heart)
        self.signs.released()
        intake.acknowledge(done)
        if done < len(deliveries):
            command = SetApart(deliveries[done], intake, intake.set_apart())
            self.workplace.side_lanes.begin(command, is_locked=is_locked)
        self._rests = None if done else self._rests

    def _settle_set_apart(self, heart: Heart) -> None:
        """Say what has come of commands set apart, and ack them, unless they are another's by now."""
        side_lanes = self.workplace.side_lanes
        for command in side_lanes.finished():
            with heart.beating_alone():
                side_lanes.say(command)
            if command.is_ours:
                command.intake.settle(command.tag)
                self._rests = None
        side_lanes.watch()
        if side_lanes.oldest_seconds > self.workplace.outage_patience_seconds:
            self._give_up("commands that were set apart wait for the database")

    def _attempt(self, deliveries: list[Delivery], heart: Heart) -> tasks.Outcome:
        """Have the task do it; what it raises ends the process, so that the messages come back counted."""
        try:
            with heart.beating_alone():
                outcome: tasks.Outcome = (
                    self.app.tasks[tasks.NAME].apply(args=(deliveries,), throw=True).result
                )
        except self.connection_errors as error:
            # Celery would take it for a lost connection of ours and subscribe again at once.
            raise RuntimeError("a batch failed on a defect of ours") from error
        return outcome

    def _hold(self, seconds: float, heart: Heart) -> None:
        """Let time pass with the connection alive: deliveries are taken in, as far as there is room."""
        until = time.monotonic() + seconds
        while (remaining := until - time.monotonic()) > 0:
            state.maybe_shutdown()
            if self._is_full():
                with heart.beating_alone():
                    time.sleep(min(remaining, heart.idle_seconds))
            else:
                self._take_arrived(min(remaining, heart.idle_seconds), heart)
            heart.tick()

    def _give_up(self, why: str) -> None:
        """Give the messages back before the broker takes the channel away (`consumer_timeout`, 30 min)."""
        log.error("worker.gives_up", after_seconds=self.workplace.outage_patience_seconds, why=why)
        state.should_stop = EXIT_OUTAGE
        state.maybe_shutdown()
