"""An operator's questions, asked on a stage: what `basketry doctor` finds there."""

from typing import Any

from outside.stage import Stage
from worker.operating import doctor
from worker.operating.findings import Finding
from worker.settings import Settings

NOWHERE = {
    "BASKETRY_DATABASE_URL": "postgresql://nobody:hush@127.0.0.1:1/nowhere",
    "BASKETRY_BROKER_URL": "amqp://nobody:hush@127.0.0.1:1/%2F",
}


def settings(stage: Stage, **changed: str) -> Settings:
    """Give the settings of a process on a stage."""
    values: dict[str, Any] = {**stage.environment, **changed}
    return Settings(**{name.removeprefix("BASKETRY_").lower(): value for name, value in values.items()})


def examined(stage: Stage, **changed: str) -> dict[str, Finding]:
    """Examine a stage with its own or other settings; give the findings by their names."""
    return {one.name: one for one in doctor.examine(lambda: settings(stage, **changed))}


def database_examined(stage: Stage, **changed: str) -> dict[str, Finding]:
    """Examine the database alone: the broker is away."""
    return examined(stage, **{"BASKETRY_BROKER_URL": NOWHERE["BASKETRY_BROKER_URL"], **changed})


def broker_examined(stage: Stage, **changed: str) -> dict[str, Finding]:
    """Examine the broker alone: the database is away."""
    return examined(stage, **{"BASKETRY_DATABASE_URL": NOWHERE["BASKETRY_DATABASE_URL"], **changed})


def seat(stage: Stage, slot: int, slots: int, worker: str, seen_seconds_ago: float = 0.0) -> None:
    """Have a worker's row in the table of slots, as if that worker had written it."""
    stage.rows(
        "insert into slot (slots, slot, worker, consuming_since, seen_at)"
        " values (%s, %s, %s, now(), now() - make_interval(secs => %s))"
        " on conflict (slots, slot) do update set worker = excluded.worker, seen_at = excluded.seen_at",
        slots,
        slot,
        worker,
        seen_seconds_ago,
    )
