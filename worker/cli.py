"""`basketry`: the command line. Each command reads its options and calls what does the work.

Commands import what they need when they run: Celery, SQLAlchemy and pika take half a second to load.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import click

from worker import settings
from worker.environment import database_at_hand, load_database_url, load_settings
from worker.local import commands as local
from worker.operating import dead_letters_cli, doctor_cli, filling_cli, partitions_cli, queues_cli


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="basketry")
def main() -> None:
    """A message-driven basket service."""


@main.command()
@local.with_state_dir
def migrate(state_dir: Path) -> None:
    """Bring the database's schema to this release."""
    from worker.store import schema

    try:
        revision = schema.migrate(load_database_url(state_dir))
    except schema.SchemaError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"The schema is at {revision}.")


@main.command()
@click.option("--name", default=f"worker-{os.getpid()}", help="The worker's name in logs and at the servers.")
@click.option("--slot", help="i/n: which of n workers it is, from 0; it takes its share of the queues first.")
@local.with_state_dir
def worker(name: str, slot: str | None, state_dir: Path) -> None:
    """Run one worker process in the foreground."""
    from worker import app, logs
    from worker.store import schema

    if slot is not None:
        os.environ["BASKETRY_SLOT"] = slot
    chosen = load_settings(state_dir)
    logs.configure(chosen.log_level)
    try:
        sys.exit(app.run_worker(chosen, name))
    except (settings.SettingsError, schema.SchemaError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--name", default=f"scheduler-{os.getpid()}", help="Its name in logs and at the servers.")
@local.with_state_dir
def scheduler(name: str, state_dir: Path) -> None:
    """Run one scheduler process in the foreground; any number of them may run."""
    load_settings(state_dir)
    os.execv(sys.executable, [sys.executable, "-m", "scheduler", "--name", name])  # noqa: S606


def _named(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if not value:
        raise click.BadParameter("names nobody, and no command is taken with such a token")
    return value


@main.command()
@click.option("--user", required=True, callback=_named, help="The claim sub.")
@click.option("--customer", help="The customer the user buys for.")
@click.option("--anonymous", is_flag=True, help="A user who has not logged in.")
@click.option("--role", "roles", multiple=True, type=click.Choice(["service", "operator"]))
@click.option("--group", "groups", multiple=True, help="A group with access to datasets.")
@click.option(
    "--hours", type=click.IntRange(min=1), default=12, show_default=True, help="How long the token is valid."
)
@local.with_state_dir
def token(
    user: str,
    customer: str | None,
    roles: tuple[str, ...],
    groups: tuple[str, ...],
    hours: int,
    state_dir: Path,
    *,
    anonymous: bool,
) -> None:
    """Print a token signed with the stack's secret, for the audience that is set."""
    from worker import tokens

    chosen = load_settings(state_dir)
    if chosen.jwt_secret is None:
        raise click.ClickException(
            "BASKETRY_JWT_SECRET is not set: there is nothing to sign a token with. "
            "Tokens for the keys in BASKETRY_JWKS_FILE come from whoever holds the private ones."
        )

    claims: dict[str, Any] = {"sub": user, "anonymous": anonymous, "roles": roles, "groups": groups}
    if customer:
        claims["customer"] = customer
    if chosen.token_audience:
        claims["aud"] = chosen.token_audience
    secret = chosen.jwt_secret.get_secret_value()
    click.echo(tokens.issue(secret, claims, datetime.now(UTC), timedelta(hours=hours)))


@main.command()
@click.argument("type_", metavar="TYPE")
@click.option(
    "--key", required=True, help="What the command is about: the basket's id, the SKU, the channel."
)
@click.option("--body", type=click.File("rb"), help="The body's file, or - for standard input.")
@click.option("--content-type", default="application/json", show_default=True)
@click.option(
    "--token",
    "bearer",
    envvar="BASKETRY_TOKEN",
    show_envvar=True,
    help="The caller's token; see `basketry token`. Others on the machine see command lines.",
)
@click.option("--channel", help="The sales channel; the service's default when absent.")
@click.option("--message-id", help="The idempotency key; a new one when absent.")
@local.with_state_dir
def send(
    type_: str,
    key: str,
    body: BinaryIO | None,
    content_type: str,
    bearer: str | None,
    channel: str | None,
    message_id: str | None,
    state_dir: Path,
) -> None:
    """Send one command and print its answer: status, error key, body.

    Exits 0 for a status of 2xx, 1 for 4xx, 2 for anything else.
    """
    from contracts.client import Client, NoAnswer
    from worker import tls

    chosen = load_settings(state_dir)
    broker_url = tls.url_for_client(chosen.broker_url.get_secret_value(), chosen.broker_files)
    try:
        with Client(broker_url, channel=channel, token=bearer) as client:
            answer = client.call(
                type_, key, body.read() if body else b"", content_type=content_type, message_id=message_id
            )
    except NoAnswer as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    click.echo(f"{answer.status} {answer.error_key or ''}".strip())
    if answer.body:
        click.echo(answer.body)
    sys.exit({2: 0, 4: 1}.get(answer.status // 100, 2))


@main.command()
@click.option("--basket", help="Only this basket's.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@local.with_state_dir
def orders(basket: str | None, limit: int, state_dir: Path, *, as_json: bool) -> None:
    """List the newest orders."""
    from worker.operating import listing

    database_url = load_database_url(state_dir)
    with database_at_hand():
        listing.list_orders(database_url, limit, basket, as_json=as_json)


@main.command()
@click.option(
    "--state", type=click.Choice(["active", "paused", "suspended", "expired", "removed"]), help="Only these."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@local.with_state_dir
def recurrences(state: str | None, limit: int, state_dir: Path, *, as_json: bool) -> None:
    """List recurrences, the next due first."""
    from worker.operating import listing

    database_url = load_database_url(state_dir)
    with database_at_hand():
        listing.list_recurrences(database_url, limit, state, as_json=as_json)


@main.command()
@click.argument("basket")
@click.option("--channel", default="default", show_default=True, help="The sales channel.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@local.with_state_dir
def history(basket: str, channel: str, limit: int, state_dir: Path, *, as_json: bool) -> None:
    """Show every command, answer, event and order of a basket; exits 1 when nothing is known of it."""
    from worker.operating import history as basket_history

    database_url = load_database_url(state_dir)
    with database_at_hand():
        is_known = basket_history.show(database_url, channel, basket, limit, as_json=as_json)
    if not is_known:
        raise click.ClickException(f"nothing is known of a basket {basket!r} in the channel {channel!r}")


@main.command()
@local.with_state_dir
def demo(state_dir: Path) -> None:
    """Show the service at work: a stack of its own, Intershop's requests, replies, events, totals."""
    from worker.local.demo import show

    wrong = show.run(state_dir)
    if wrong:
        raise click.ClickException("Not as expected:\n" + "\n".join(wrong))


for _command in (
    *local.COMMANDS,
    dead_letters_cli.dead_letters,
    doctor_cli.doctor,
    filling_cli.load,
    partitions_cli.partitions,
    queues_cli.queues,
):
    main.add_command(_command)


if __name__ == "__main__":
    main()
