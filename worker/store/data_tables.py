"""The tables of data objects and of what was ordered of them; part of the schema in `tables`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from worker.store.metadata import instant, metadata

# `terms` is what an object is found by; `put_era` and `put_by` are the transaction of its first put.
data_object = Table(
    "data_object",
    metadata,
    Column("channel", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("datasets", ARRAY(Text), nullable=False),
    Column("attributes", JSONB, nullable=False),
    Column("files", JSONB, nullable=False),
    Column("files_count", Integer, nullable=False),
    Column("files_size", BigInteger, nullable=False),
    Column("quota", Integer, nullable=False),
    Column("west", Double),
    Column("south", Double),
    Column("east", Double),
    Column("north", Double),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("terms", TSVECTOR, nullable=False),
    Column("put_era", Integer, nullable=False),
    Column("put_by", BigInteger, nullable=False),
    instant("changed_at"),
    PrimaryKeyConstraint("channel", "id", name="one_data_object_per_channel_and_id"),
    Index("data_object_terms", "terms", postgresql_using="gin"),
)

# The names that some object of a channel has, or had: a query may ask for no other.
data_attribute = Table(
    "data_attribute",
    metadata,
    Column("channel", Text, nullable=False),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("channel", "name", name="one_row_per_attribute"),
)

# The clusters that this database has lived in: each counts its transactions from the beginning.
era = Table(
    "era",
    metadata,
    Column("era", Integer, nullable=False, autoincrement=False),
    Column("cluster", Text, nullable=False),
    instant("begun_at"),
    PrimaryKeyConstraint("era", name="one_row_per_era"),
)

# What was ordered of a dataset, as it was then.
order_data = Table(
    "order_data",
    metadata,
    Column("channel", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("dataset_id", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("files", JSONB, nullable=False),
    PrimaryKeyConstraint("channel", "order_id", "place", name="one_row_per_place_in_an_order"),
)
