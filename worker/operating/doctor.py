"""`basketry doctor`: what is wrong, and what to do about it.

Each check is a small function that gives one finding; here is their order, and what is left out when the
settings, a server or the schema is not as the next checks need it. No check changes anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator

import msgspec
from rich.console import Console
from rich.text import Text

from worker.operating import (
    checks_broker,
    checks_database,
    checks_settings,
    checks_work,
    findings,
    probe,
)
from worker.operating.findings import Finding, Verdict
from worker.operating.house import House
from worker.settings import Settings, SettingsError
from worker.store import database, partitioning
from worker.store.database import Engine, Transaction

_NAME = "basketry doctor"
_STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.WRONG: "bold red"}

Check = Callable[[Transaction], Finding]

_OF_THE_SERVER: tuple[Check, ...] = (
    checks_database.session,
    checks_database.durability,
    checks_database.connections,
    checks_database.vacuum,
    checks_database.clocks,
)
_OF_THE_HOUSE: tuple[Check, ...] = (
    checks_database.rights,
    checks_work.slots,
    checks_work.partitions,
    checks_work.outbox,
    checks_work.orders,
    checks_work.recurrences,
    checks_work.dead_letters,
    checks_work.erasures,
)


def examine(load: Callable[[], Settings]) -> Iterator[Finding]:
    """Give every finding, as it is found; a mistake in the settings is one, too."""
    try:
        settings = load()
    except SettingsError as error:
        yield from checks_settings.unusable(error)
        return
    yield findings.ok("settings", "are usable")
    yield checks_settings.keys(settings)
    yield checks_settings.protection(settings)
    url = settings.database_url.get_secret_value()
    engine = database.engine(url, _NAME)
    try:
        house = yield from _examine_database(engine, url)
    finally:
        engine.dispose()
    yield from _examine_broker(settings, house)


def _examine_database(engine: Engine, url: str) -> Generator[Finding, None, House]:
    """Give the findings, and at last what the broker is to have."""
    try:
        with database.transaction(engine) as tx:
            server = checks_database.server(tx, url)
    except (database.TryAgain, database.StatementFailed) as error:
        yield checks_database.away(url, str(error))
        return House.of(None)
    yield server
    schema = _ask(engine, checks_database.schema)
    yield schema
    for check in _OF_THE_SERVER:
        yield _ask(engine, check)
    if schema.verdict is Verdict.WRONG:
        return House.of(None)
    for check in _OF_THE_HOUSE:
        yield _ask(engine, check)
    return _house(engine)


def _house(engine: Engine) -> House:
    try:
        with database.transaction(engine) as tx:
            return House.of(partitioning.read(tx))
    except (database.TryAgain, database.StatementFailed):
        return House.of(None)  # why it cannot be asked has been said


def _ask(engine: Engine, check: Check) -> Finding:
    """Check in a transaction of its own: what one may not see, or waits for too long, hides no other."""
    try:
        with database.transaction(engine) as tx:
            return check(tx)
    except (database.TryAgain, database.StatementFailed) as error:
        name = check.__name__.replace("_", " ")
        what = f"could not be asked: {' '.join(str(error).split())}"
        return findings.warning(name, what, "Ask again; if it stays so, see what the database's log says.")


def _examine_broker(settings: Settings, house: House) -> Iterator[Finding]:
    """Give the findings; each check has a connection of its own, since the broker ends some of them."""
    is_in_alarm = False
    for check in checks_broker.CHECKS:
        if is_in_alarm and check is checks_broker.permissions:
            continue  # its attempts to publish would not be answered
        try:
            with probe.Broker(settings, _NAME) as broker:
                finding = check(broker, house)
        except probe.Away as error:
            yield checks_broker.away(str(error))
            return
        yield finding
        is_in_alarm |= check is checks_broker.alarm and finding.verdict is Verdict.WRONG


def show(found: Iterator[Finding], *, as_json: bool) -> bool:
    """Print findings, each as it comes; False when something is wrong."""
    verdicts, documents = {Verdict.OK}, []
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for finding in found:
        verdicts.add(finding.verdict)
        documents.append(msgspec.to_builtins(finding))
        if not as_json:
            _print(console, finding)
    worst = next(one for one in reversed(Verdict) if one in verdicts)
    if as_json:
        print(json.dumps({"verdict": worst, "findings": documents}, indent=2))  # noqa: T201
    return worst is not Verdict.WRONG


def _print(console: Console, finding: Finding) -> None:
    line = Text.assemble(
        (f"{finding.verdict:<8}", _STYLES[finding.verdict]), f"{finding.name:<17}{finding.what}"
    )
    console.print(line)
    if finding.remedy:
        see = f" See {findings.RUNBOOK}#{finding.see}." if finding.see else ""
        console.print(f"{'':<8}{'':<17}{finding.remedy}{see}")
