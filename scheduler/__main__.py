"""`python -m scheduler`: one scheduler process in the foreground; `basketry scheduler` becomes this."""

from __future__ import annotations

import sys

import click

from scheduler import beat
from worker import exposure, logs, settings
from worker.store import schema


@click.command()
@click.option("--name", required=True, help="The scheduler's name in logs and at the servers.")
def main(name: str) -> None:
    """Turn due recurrences into orders until SIGTERM."""
    try:
        chosen = settings.load()
        logs.configure(chosen.log_level)
        exposure.say(chosen)
        schema.check(chosen.database_url.get_secret_value())
        sys.exit(beat.run(chosen, name))
    except (settings.SettingsError, schema.SchemaError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
