"""What the command line works with: the settings, and a database that answers or is said to be away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from worker import settings
from worker.local import state


def read_settings(state_dir: Path) -> settings.Settings:
    """Read the environment; what is not set there comes from the local stack, when one is running.

    Raises settings.SettingsError.
    """
    _complete(state_dir)
    return settings.load()


def load_settings(state_dir: Path) -> settings.Settings:
    """Read the settings, or end with a sentence for each mistake."""
    try:
        return read_settings(state_dir)
    except settings.SettingsError as error:
        raise click.ClickException(
            f"{error}\nStart a local stack with `basketry up`, or set these."
        ) from error


def load_database_url(state_dir: Path) -> str:
    """Read where the database is, for work that needs nothing else, or end with a sentence."""
    _complete(state_dir)
    try:
        return settings.load_database().database_url.get_secret_value()
    except settings.SettingsError as error:
        raise click.ClickException(f"{error}\nStart a local stack with `basketry up`, or set it.") from error


def _complete(state_dir: Path) -> None:
    for name, value in state.environment(state_dir).items():
        os.environ.setdefault(name, value)


@contextmanager
def database_at_hand() -> Iterator[None]:
    """Say it in a sentence when the database cannot be asked."""
    from worker.store import database

    try:
        yield
    except database.TryAgain as error:
        raise click.ClickException(f"The database does not answer: {error}") from error
