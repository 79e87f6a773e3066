"""The schema, as SQLAlchemy Core tables: what the migrations must add up to (a test compares).

Every table of the hot path carries channel and key, and every unique key on it includes them, so that it can
be partitioned or distributed by them. Constraint names are sentences: they are what an operator reads first.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from worker.store import data_tables
from worker.store.metadata import instant, metadata

__all__ = ["data_tables", "metadata"]  # and every table below, by its name


reference = Table(
    "reference",
    metadata,
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("document", JSONB, nullable=False),
    instant("changed_at"),
    PrimaryKeyConstraint("channel", "kind", "id", name="one_entry_per_channel_kind_and_id"),
    Index("reference_channels", "id", postgresql_where=text("kind = 'channel'")),
)

basket = Table(
    "basket",
    metadata,
    Column("channel", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("document", JSONB, nullable=False),
    instant("changed_at"),
    Column("is_recurrent", Boolean, nullable=False, server_default="false"),
    # The day alone is indexed: an index on the instant would have to follow every change of a basket.
    Column("changed_on", Date, Computed("(changed_at AT TIME ZONE 'UTC')::date", persisted=True)),
    Column("holds_datasets", Boolean, nullable=False, server_default="false"),
    PrimaryKeyConstraint("channel", "id", name="one_basket_per_channel_and_id"),
    CheckConstraint("version >= 1", name="basket_versions_start_at_one"),
    Index("basket_by_owner", "channel", "owner", "id"),
    # A person's closed baskets may be many more than the open ones that are listed.
    Index("basket_open_by_owner", "channel", "owner", "id", postgresql_where=text("is_open")),
    Index(
        "basket_untouched",
        "channel",
        "changed_on",
        "id",
        postgresql_where=text("is_open AND NOT is_recurrent"),
    ),
)

recurrence = Table(
    "recurrence",
    metadata,
    Column("channel", Text, nullable=False),
    Column("basket_id", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("state", Text, nullable=False),
    instant("next_due_at", is_set=False),
    Column("document", JSONB, nullable=False),
    instant("changed_at"),
    instant("data_due_at", is_set=False),
    PrimaryKeyConstraint("channel", "basket_id", name="one_recurrence_per_basket"),
    CheckConstraint(
        "state in ('active', 'paused', 'suspended', 'expired', 'removed')", name="recurrence_state_is_known"
    ),
    Index("recurrence_due", "next_due_at", postgresql_where=text("next_due_at IS NOT NULL")),
    Index("recurrence_data_due", "data_due_at", postgresql_where=text("data_due_at IS NOT NULL")),
    Index("recurrence_suspended", "channel", "basket_id", postgresql_where=text("state = 'suspended'")),
)

customer_order = Table(
    "customer_order",
    metadata,
    Column("channel", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("basket_id", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False),
    Column("document", JSONB, nullable=False),
    PrimaryKeyConstraint("channel", "id", name="one_order_per_channel_and_id"),
    UniqueConstraint("channel", "number", name="one_order_per_channel_and_number"),
    Index("customer_order_by_basket", "channel", "basket_id", "placed_at"),
    Index("customer_order_by_owner", "channel", "owner"),
)

occurrence = Table(
    "occurrence",
    metadata,
    Column("channel", Text, nullable=False),
    Column("basket_id", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("last_n", BigInteger, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("last_due_at", DateTime(timezone=True), nullable=False),
    Column("order_id", Text),
    Column("reason", Text),
    instant("decided_at"),
    PrimaryKeyConstraint("channel", "basket_id", "generation", "n", name="one_decision_per_occurrence"),
    CheckConstraint("last_n >= n", name="occurrence_range_is_not_empty"),
    CheckConstraint("(order_id IS NULL) <> (reason IS NULL)", name="occurrence_is_either_ordered_or_skipped"),
)

order_number = Sequence("order_number", start=100_001, metadata=metadata)

inbox = Table(
    "inbox",
    metadata,
    Column("channel", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("caller", Text),
    Column("state", Text, nullable=False, server_default="handled"),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    instant("received_at"),
    PrimaryKeyConstraint("channel", "key", "message_id", name="one_effect_per_message_id"),
    CheckConstraint("state in ('handled', 'parked', 'released')", name="inbox_state_is_known"),
    Index("inbox_by_age", "received_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigInteger, Identity(always=True), nullable=False),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    Column("channel", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("partition", SmallInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("correlation_id", Text),
    Column("headers", JSONB, nullable=False),
    Column("body", Text, nullable=False),
    instant("created_at"),
    instant("published_at", is_set=False),
    Column("dead_letter_id", BigInteger),  # it is no event but that letter's command, on its way once more
    PrimaryKeyConstraint("channel", "key", "event_id", name="one_row_per_event"),
    Index("outbox_pending", "partition", "seq", postgresql_where=text("published_at IS NULL")),
    Index("outbox_by_age", "created_at"),
)

# Persons to be erased, until that is done.
erasure = Table(
    "erasure",
    metadata,
    Column("channel", Text, nullable=False),
    Column("owner", Text, nullable=False),
    instant("asked_at"),
    Column("causation_id", Text),
    Column("traceparent", Text),
    PrimaryKeyConstraint("channel", "owner", "asked_at", name="one_erasure_per_person_and_instant"),
)

# Who a basket was taken from: what was answered until then is that person's.
handover = Table(
    "handover",
    metadata,
    Column("channel", Text, nullable=False),
    Column("basket_id", Text, nullable=False),
    Column("former_owner", Text, nullable=False),
    instant("handed_over_at"),
    PrimaryKeyConstraint(
        "channel", "basket_id", "former_owner", "handed_over_at", name="one_handover_per_owner_and_instant"
    ),
    Index("handover_by_former_owner", "channel", "former_owner"),
    Index("handover_by_age", "handed_over_at"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("message_id", Text),
    Column("cause", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("claims", JSONB(none_as_null=True)),
    Column("properties", JSONB, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("replays", Integer, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="parked"),
    instant("parked_at"),
    Column("new_owner", JSONB(none_as_null=True)),  # the claims of the token in the body, which is redacted
    # Of its last replay: who asked for it, at which version, and what came of it.
    Column("operator", Text),
    Column("expected_version", BigInteger),
    Column("outcome", Text),
    instant("settled_at", is_set=False),
    CheckConstraint(
        "state in ('parked', 'released', 'handled', 'discarded')", name="dead_letter_state_is_known"
    ),
    Index("dead_letter_by_state", "state", "cause", "id"),
    Index("dead_letter_by_key", "channel", "key"),
)

# Who did what with a dead letter, and why.
dead_letter_audit = Table(
    "dead_letter_audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("letter_id", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    instant("at"),
    PrimaryKeyConstraint("letter_id", "id", name="one_row_per_act"),
    ForeignKeyConstraint(
        ["letter_id"], ["dead_letter.id"], name="acts_go_with_their_letter", ondelete="CASCADE"
    ),
)

# How often a message that may have ended its worker was tried: it must outlive a process, not the database.
attempt = Table(
    "attempt",
    metadata,
    Column("digest", LargeBinary, nullable=False),
    Column("count", Integer, nullable=False, server_default="1"),
    instant("tried_at"),
    PrimaryKeyConstraint("digest", name="one_count_per_message"),
    Index("attempt_by_age", "tried_at"),
    prefixes=["UNLOGGED"],
)

# Who is there: a worker takes the queues of a slot whose owner is not.
slot = Table(
    "slot",
    metadata,
    Column("slots", Integer, nullable=False),
    Column("slot", Integer, nullable=False, autoincrement=False),
    Column("worker", Text, nullable=False),
    Column("consuming_since", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("slots", "slot", name="one_row_per_slot"),
    CheckConstraint("slot >= 0 AND slot < slots", name="slot_is_one_of_its_slots"),
)

# How many command queues there are, and will be once a change of their number has gone through.
partitioning = Table(
    "partitioning",
    metadata,
    Column("is_the_only_row", Boolean, nullable=False, server_default="true"),
    Column("partitions", Integer, nullable=False),
    Column("next_partitions", Integer),
    Column("hash", Text),
    PrimaryKeyConstraint("is_the_only_row", name="one_partitioning"),
    CheckConstraint("is_the_only_row", name="partitioning_is_one_row"),
    CheckConstraint("partitions >= 1", name="partitions_are_some"),
    CheckConstraint("hash IN ('x-modulus-hash', 'x-consistent-hash')", name="partitioning_hash_is_known"),
)
