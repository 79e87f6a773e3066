"""The Celery app of a worker process: one task, one consumer, one process.

Celery's defaults that would lose messages or do needless work here are set otherwise, each with its reason.
"""

from __future__ import annotations

import time

from celery import Celery, signals
from celery.utils.nodenames import gethostname, nodename
from celery.worker import state
from msgspec import structs

from worker import exposure, tasks, tls
from worker.attendance import Attendance
from worker.key_sets import KeySetFile
from worker.ops import endpoint
from worker.ops.signs import Signs
from worker.publisher import Publisher
from worker.settings import Settings
from worker.side_lanes import SideLanes
from worker.slots import Slot
from worker.store import database, schema
from worker.suspects import Suspects
from worker.sweeper import Sweeper
from worker.tokens import Keyring
from worker.workplace import Workplace

_BATCH_LOCK_TIMEOUT = "100ms"  # longer than that a command waits for a lock apart, and the others go on
_APART_LOCK_TIMEOUT = "1s"  # longer than that another command that waits apart comes to its turn
_BROKER_TIMEOUT_SECONDS = 3.0  # a stop waits for it once
_STOPS_WITHIN_SECONDS = 3.0  # both threads together


def make(settings: Settings, name: str, signs: Signs) -> Celery:
    """Make the app of one worker process; raises SettingsError when the key set is not usable."""
    broker_url = settings.broker_url.get_secret_value()
    app = Celery("basketry", broker=broker_url, set_as_current=False)
    app.conf.update(
        worker_consumer="worker.consumer:Consumer",
        broker_transport="worker.plain_amqp:Transport",  # takes messages that py-amqp cannot read
        broker_use_ssl=tls.options(broker_url, settings.broker_files),
        broker_heartbeat=settings.broker_heartbeat,  # a lost host is noticed within three times of it
        broker_connection_timeout=_BROKER_TIMEOUT_SECONDS,
        broker_transport_options={
            "read_timeout": _BROKER_TIMEOUT_SECONDS,
            "write_timeout": _BROKER_TIMEOUT_SECONDS,
            "client_properties": {"connection_name": f"basketry {name}"},
        },
        broker_connection_retry_on_startup=True,
        broker_channel_error_retry=True,  # a queue deleted under us is declared again
        worker_pool="solo",  # order: one process handles a queue's messages in sequence
        worker_enable_remote_control=False,  # nobody but publishers of commands tells a worker what to do
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_hijack_root_logger=False,  # our logs are configured by us
        worker_redirect_stdouts=False,
        result_backend=None,
        task_ignore_result=True,
        task_store_eager_result=False,
    )
    _furnish(app, settings, name, signs)
    return app


def _furnish(app: Celery, settings: Settings, name: str, signs: Signs) -> None:
    """Give the app's consumer and its task what they work with."""
    broker_url = settings.broker_url.get_secret_value()
    engine = database.engine(
        settings.database_url.get_secret_value(), f"basketry {name}", lock_timeout=_BATCH_LOCK_TIMEOUT
    )
    slot, suspects = Slot.parse(settings.slot), Suspects(engine)
    tools = tasks.Tools(
        engine,
        Publisher(broker_url, f"basketry {name}", "replies", settings.broker_files),
        Publisher(broker_url, f"basketry {name}", "events", settings.broker_files),
        _keyring(settings),
        suspects,
        settings.reply_queue_prefixes,
        lambda: state.should_stop not in (None, False),  # 0 is a reason to stop
        signs,
    )
    # Connections of their own: what is set apart costs no batch the one it needs.
    apart = database.engine(
        settings.database_url.get_secret_value(), f"basketry {name} apart", lock_timeout=_APART_LOCK_TIMEOUT
    )
    app.workplace = Workplace(
        engine=engine,
        slot=slot,
        attendance=Attendance(engine, slot, name),
        suspects=suspects,
        batch_size=settings.batch_size,
        prefetch_per_queue=settings.prefetch_per_queue,
        outage_patience_seconds=settings.outage_patience.total_seconds(),
        ready_file=settings.ready_file,
        signs=signs,
        side_lanes=SideLanes(structs.replace(tools, engine=apart)),
    )
    tasks.register(app, tools)


def _keyring(settings: Settings) -> Keyring:
    return Keyring(
        secret=settings.jwt_secret.get_secret_value() if settings.jwt_secret else None,
        key_set=KeySetFile(settings.jwks_file) if settings.jwks_file else None,
        audience=settings.token_audience,
        grace=settings.token_grace,
        leeway=settings.token_leeway,
    )


def run_worker(settings: Settings, name: str) -> int:
    """Work until SIGTERM; give the exit code. Raises SettingsError and SchemaError before any work."""
    signs = Signs()
    app = make(settings, name, signs)
    exposure.say(settings)
    schema.check(settings.database_url.get_secret_value())
    who = endpoint.Process(role="worker", name=name, slot=settings.slot)
    with endpoint.serving(settings, who, signs):
        return _work(settings, name, app)


def _work(settings: Settings, name: str, app: Celery) -> int:
    sweeper = Sweeper(settings, name)
    sweeper.start()
    signals.worker_shutting_down.connect(lambda **_: app.workplace.signs.stopping(), weak=False)
    app.workplace.attendance.start()
    try:
        worker = app.Worker(hostname=nodename(name, gethostname()), concurrency=1, quiet=True)
        worker.start()
        return int(worker.exitcode or 0)
    finally:
        until = time.monotonic() + _STOPS_WITHIN_SECONDS
        for thread in (app.workplace.attendance, sweeper):
            thread.stop_soon()
        for thread in (app.workplace.attendance, sweeper):
            thread.stop(max(0.1, until - time.monotonic()))
