"""What all tables are registered with."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, text

metadata = MetaData()

NOW = text("now()")


def instant(name: str, *, is_set: bool = True) -> Column[object]:
    """Make a column of an instant; one that is set is so by the database when nobody else does it."""
    return Column(name, DateTime(timezone=True), nullable=not is_set, server_default=NOW if is_set else None)
